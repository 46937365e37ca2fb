package redisbus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// Timing and bounds of reading a stream.
const (
	readBlock  = 500 * time.Millisecond
	readCount  = 64
	claimEvery = 10 * time.Second
	// claimIdle is how long an entry must lie unacknowledged with another
	// consumer before it is taken over: that one is most likely dead, and if it
	// is not, the work is done twice and changes nothing.
	claimIdle = 20 * time.Second
	// forgetIdle is when a consumer without entries is taken off the group.
	forgetIdle = time.Hour
)

// streamReader takes entries from one stream as one consumer of a group. It
// makes the group when it is missing: after FLUSHALL, too.
type streamReader struct {
	redis    redis.UniversalClient
	stream   string
	group    string
	consumer string
	log      *slog.Logger

	claimed time.Time // of the last look for entries of dead consumers
	cursor  string
}

// entry is one entry of a stream.
type entry struct {
	id      string
	payload []byte // nil when the entry has none
	at      int64  // when it reached Redis, Unix milliseconds
}

// read returns new entries, and those of dead consumers; none after block.
func (r *streamReader) read(ctx context.Context, block time.Duration) ([]entry, error) {
	if time.Since(r.claimed) >= claimEvery {
		found, err := r.claim(ctx)
		if err != nil || len(found) > 0 {
			return found, err
		}
		r.claimed = time.Now()
	}
	streams, err := r.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: r.group, Consumer: r.consumer, Streams: []string{r.stream, ">"}, Count: readCount,
		Block: max(block, time.Millisecond), // 0 would be for ever
	}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, r.repair(ctx, err)
	}
	var out []entry
	for _, s := range streams {
		out = append(out, entries(s.Messages)...)
	}
	return out, nil
}

// claim takes over what dead consumers left.
func (r *streamReader) claim(ctx context.Context) ([]entry, error) {
	if r.cursor == "" {
		r.cursor = "0-0"
	}
	messages, next, err := r.redis.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: r.stream, Group: r.group, Consumer: r.consumer, MinIdle: claimIdle, Start: r.cursor, Count: readCount,
	}).Result()
	if err != nil {
		return nil, r.repair(ctx, err)
	}
	r.cursor = next
	if next == "0-0" {
		r.forget(ctx)
	}
	return entries(messages), nil
}

// forget takes dead consumers off the group once nothing is left with them.
func (r *streamReader) forget(ctx context.Context) {
	consumers, err := r.redis.XInfoConsumers(ctx, r.stream, r.group).Result()
	if err != nil {
		return // only tidiness is lost
	}
	for _, c := range consumers {
		if c.Name != r.consumer && c.Pending == 0 && c.Idle > forgetIdle {
			_ = r.redis.XGroupDelConsumer(ctx, r.stream, r.group, c.Name).Err()
		}
	}
}

// repair makes the group when that is what is missing.
func (r *streamReader) repair(ctx context.Context, err error) error {
	if !strings.HasPrefix(err.Error(), "NOGROUP") {
		return err
	}
	err = r.redis.XGroupCreateMkStream(ctx, r.stream, r.group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	return nil
}

// done acknowledges entries and deletes them: an entry is of no use once it was
// applied, and the stream must not grow.
func (r *streamReader) done(ctx context.Context, pipe redis.Pipeliner, list []entry) {
	if len(list) == 0 {
		return
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].id
	}
	pipe.XAck(ctx, r.stream, r.group, ids...)
	pipe.XDel(ctx, r.stream, ids...)
}

func entries(messages []redis.XMessage) []entry {
	out := make([]entry, 0, len(messages))
	for _, m := range messages {
		e := entry{id: m.ID, at: entryTime(m.ID)}
		if s, ok := m.Values[contract.BatchField].(string); ok {
			e.payload = []byte(s)
		}
		out = append(out, e)
	}
	return out
}

// entryTime is the time part of a stream id.
func entryTime(id string) int64 {
	n := int64(0)
	for i := 0; i < len(id) && id[i] != '-'; i++ {
		n = n*10 + int64(id[i]-'0')
	}
	return n
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
