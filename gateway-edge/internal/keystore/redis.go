package keystore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// RedisSource reads records from Redis. After failures it answers at once with an
// error for a while, so that requests do not pile up behind a store that is away.
type RedisSource struct {
	client  redis.UniversalClient
	lineage func() string
	now     func() int64

	answers  atomic.Uint64
	failures atomic.Int32
	retryAt  atomic.Int64 // CLOCK_BOOTTIME ns
}

const (
	readTimeout  = 250 * time.Millisecond
	failuresOpen = 3
	retryMin     = 100 * time.Millisecond
	retryMax     = 2 * time.Second
)

// NewRedisSource makes a source. lineage returns the lineage that the signed head
// speaks of, "" while it is not known: a seed marker of another one does not
// count. now is CLOCK_BOOTTIME in nanoseconds.
func NewRedisSource(client redis.UniversalClient, lineage func() string, now func() int64) *RedisSource {
	return &RedisSource{client: client, lineage: lineage, now: now}
}

// errDown says that the source is not asked at the moment.
var errDown = errors.New("redis failed a moment ago")

// Down implements Source.
func (r *RedisSource) Down() bool { return r.failures.Load() >= failuresOpen }

// Get implements Source.
func (r *RedisSource) Get(ctx context.Context, kid uint64) (record []byte, seeded string, err error) {
	if r.Down() {
		// One caller at a time tries whether it is back.
		at, now := r.retryAt.Load(), r.now()
		if now < at || !r.retryAt.CompareAndSwap(at, now+int64(readTimeout)) {
			return nil, "", errDown
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	before := r.answers.Load()
	v, err := r.client.HMGet(ctx, contract.RedisKeys(contract.KeyShard(kid)), contract.FormatKID(kid), contract.KeysSeeded).Result()
	if err == nil && len(v) != 2 {
		err = fmt.Errorf("answer of %d values", len(v))
	}
	if err != nil {
		r.failed(before)
		return nil, "", fmt.Errorf("read key: %w", err)
	}
	r.Heard()
	if s, ok := v[0].(string); ok {
		record = []byte(s)
	}
	seeded, _ = v[1].(string)
	if l := r.lineage(); l != "" && seeded != l {
		seeded = ""
	}
	return record, seeded, nil
}

// Heard implements Source.
func (r *RedisSource) Heard() {
	r.answers.Add(1)
	r.failures.Store(0)
}

// failed counts a failure and puts off the next try, longer each time. A read that
// was begun before Redis answered, which before tells, says nothing of it any more.
func (r *RedisSource) failed(before uint64) {
	if r.answers.Load() != before {
		return
	}
	n := r.failures.Add(1)
	wait := min(retryMin<<min(max(n-failuresOpen, 0), 5), retryMax)
	r.retryAt.Store(r.now() + int64(wait/2+rand.N(wait/2)))
}
