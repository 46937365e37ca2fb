package redisbus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

// ownRedis starts a server on a socket of the test's own: one that may be flushed.
func ownRedis(t testing.TB) *redis.Client {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "r.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "")
	if err := cmd.Start(); err != nil {
		t.Fatalf("redis-server is needed on the PATH (run `make test`): %v", err)
	}
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() {
		_ = c.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 6000 {
		if c.Ping(t.Context()).Err() == nil {
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("redis-server did not start")
	return nil
}

func edgeKeys(t testing.TB) *contract.EdgeKeys { return &storetest.Root(t).Edge }

// run runs a loop until the test ends.
func run(t *testing.T, loop func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := loop(ctx); err != nil {
			t.Error(err)
		}
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			<-done
		})
	}
	t.Cleanup(stop)
	return stop
}

// edge ships totals of a few counters, as a real one does.
type edge struct {
	t      *testing.T
	rdb    *redis.Client
	batch  contract.Batch
	totals map[contract.CounterID]contract.Counts
}

func newEdge(t *testing.T, rdb *redis.Client, name string) *edge {
	return &edge{t: t, rdb: rdb, batch: contract.Batch{Edge: name, Epoch: 2, Incarnation: [16]byte{7}}, totals: map[contract.CounterID]contract.Counts{}}
}

func (e *edge) count(key, n uint64) {
	id := contract.CounterID{Organization: 1, Gateway: 1, Route: 1, Key: key, Hour: uint32(time.Now().Unix() / 3600)}
	c := e.totals[id]
	c.Billed, c.C2xx, c.Admitted = c.Billed+n, c.C2xx+n, c.Admitted+n
	e.totals[id] = c
}

func (e *edge) billed() (n int64) {
	for _, c := range e.totals {
		n += int64(c.Billed)
	}
	return n
}

func (e *edge) ship(complete bool) {
	e.t.Helper()
	e.batch.Seq++
	e.batch.Complete = complete
	e.batch.Counters = e.batch.Counters[:0]
	for id, c := range e.totals {
		e.batch.Counters = append(e.batch.Counters, contract.Counter{ID: id, Counts: c})
	}
	b, err := e.batch.Encode(edgeKeys(e.t))
	if err != nil {
		e.t.Fatal(err)
	}
	add(e.t, e.rdb, contract.RedisUsage(contract.UsageStream(e.batch.Edge)), b)
}

func add(t *testing.T, rdb *redis.Client, stream string, payload []byte) {
	t.Helper()
	if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []any{contract.BatchField, payload}}).Err(); err != nil {
		t.Fatal(err)
	}
}

// acked is the signed acknowledgement, 0 for none.
func (e *edge) acked() uint64 {
	e.t.Helper()
	field := contract.AckField(e.batch.Incarnation)
	b, err := e.rdb.HGet(e.t.Context(), contract.RedisUsageAck(e.batch.Edge, e.batch.Epoch), field).Bytes()
	if errors.Is(err, redis.Nil) {
		return 0
	}
	var a contract.UsageAck
	if err == nil {
		err = contract.DecodeMessage(edgeKeys(e.t), contract.MessageAck, b, &a)
	}
	if err != nil || a.Edge != e.batch.Edge || a.Incarnation != field {
		e.t.Fatalf("acknowledgement %+v, %v", a, err)
	}
	return a.Seq
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func sum(t *testing.T, db *store.DB, query string) (n int64) {
	t.Helper()
	if err := db.Tx(t.Context(), func(tx *store.Txn) error { return tx.Raw(query).Scan(&n).Error }); err != nil {
		t.Fatal(err)
	}
	return n
}

// shaky is a ledger whose transactions fail, and whose outcome is sometimes not
// known although it was committed.
type shaky struct {
	usage.Ledger
	fail atomic.Int64 // percent
	down atomic.Bool
	rng  *rand.Rand
	mu   sync.Mutex
}

func (s *shaky) Apply(ctx context.Context, b []usage.Batch) ([]usage.Ack, error) {
	s.mu.Lock()
	before, after := s.rng.Int64N(100) < s.fail.Load(), s.rng.Int64N(100) < s.fail.Load()
	s.mu.Unlock()
	away := core.Errorf(core.CodeStoreUnavailable, "down")
	if s.down.Load() || before {
		return nil, away
	}
	acks, err := s.Ledger.Apply(ctx, b)
	if after && err == nil {
		return nil, away
	}
	return acks, err
}

func newReader(t *testing.T, rdb *redis.Client, l usage.Ledger, name string) *redisbus.UsageReader {
	return &redisbus.UsageReader{Redis: rdb, Keys: edgeKeys(t), Ledger: l, Consumer: name, Window: 30 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
}

func TestUsageReachesTheLedgerAndIsAcknowledged(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	r := newReader(t, rdb, store.NewUsage(db), "w1")
	stop := run(t, r.Run)
	edges := []*edge{newEdge(t, rdb, "edge-a"), newEdge(t, rdb, "edge-b")}
	for round := range uint64(5) {
		for _, e := range edges {
			e.count(round%2+1, 3)
			e.ship(false)
		}
	}
	for _, e := range edges {
		eventually(t, "acknowledged", func() bool { return e.acked() == 5 })
	}
	if n := sum(t, db, "SELECT SUM(billed) FROM usage_minutes"); n != 30 {
		t.Errorf("billed %d, want 30", n)
	}
	eventually(t, "the streams are empty", func() bool {
		n := int64(0)
		for i := range contract.UsageStreams {
			n += rdb.XLen(t.Context(), contract.RedisUsage(i)).Val()
		}
		return n == 0
	})
	stop()
	if s := r.Stats(); s.Batches != 10 || s.Bad != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestForgedBatchesAreDropped(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	r := newReader(t, rdb, store.NewUsage(db), "w1")
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	b := contract.Batch{Edge: "edge-a", Epoch: 2, Seq: 1, Counters: []contract.Counter{{Counts: contract.Counts{Billed: 1_000_000}}}}
	forged, err := b.Encode(&other.Edge)
	if err != nil {
		t.Fatal(err)
	}
	b.Counters[0].Counts.Billed = 1 << 63
	huge, err := b.Encode(edgeKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	stream := contract.RedisUsage(contract.UsageStream("edge-a"))
	for _, p := range [][]byte{forged, huge, []byte("garbage"), nil} {
		add(t, rdb, stream, p)
	}
	e := newEdge(t, rdb, "edge-a")
	e.count(1, 5)
	e.ship(false)
	run(t, r.Run)
	eventually(t, "the good one is acknowledged", func() bool { return e.acked() == 1 })
	if n := sum(t, db, "SELECT SUM(billed) FROM usage_counters"); n != 5 {
		t.Errorf("billed %d, want 5", n)
	}
	if s := r.Stats(); s.Bad != 4 {
		t.Errorf("%d were refused, want 4", s.Bad)
	}
}

// TestUsageIsExactThroughOutages: the database fails, its outcomes get lost, the
// worker is stopped and others take over, Redis is emptied. The edge ships again
// what is not acknowledged; in the end the ledger is exact.
func TestUsageIsExactThroughOutages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 5))
		rdb := ownRedis(t)
		db := storetest.Open(t, migrationstest.SQLite(t), nil)
		ledger := &shaky{Ledger: store.NewUsage(db), rng: rand.New(rand.NewPCG(seed, 6))}
		ledger.fail.Store(30)
		edges := []*edge{newEdge(t, rdb, "edge-a"), newEdge(t, rdb, "edge-b"), newEdge(t, rdb, "edge-c")}
		var stops []func()
		start := func() {
			stops = append(stops, run(t, newReader(t, rdb, ledger, fmt.Sprint("w", len(stops))).Run))
		}
		start()
		start()
		for range 60 {
			e := edges[rng.IntN(len(edges))]
			e.count(rng.Uint64N(4), rng.Uint64N(10))
			switch rng.IntN(20) {
			case 0:
				e.batch.Seq++ // a batch that never arrives
			case 1:
				e.ship(true)
			case 2:
				stops[rng.IntN(len(stops))]()
				start()
			case 3:
				if err := rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			default:
				e.ship(false)
			}
			time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
		}
		ledger.fail.Store(0)
		want := int64(0)
		for _, e := range edges {
			want += e.billed()
			e.ship(true)
			eventually(t, "acknowledged", func() bool { return e.acked() == e.batch.Seq })
		}
		if n := sum(t, db, "SELECT SUM(billed) FROM usage_counters"); n != want {
			t.Errorf("seed %d: billed %d, want %d", seed, n, want)
		}
		if n := sum(t, db, "SELECT SUM(billed) FROM usage_minutes"); n != want {
			t.Errorf("seed %d: the minutes sum to %d, want %d", seed, n, want)
		}
		for _, stop := range stops {
			stop()
		}
	}
}

func TestDatabaseDownLeavesUsageInTheStream(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	ledger := &shaky{Ledger: store.NewUsage(db), rng: rand.New(rand.NewPCG(1, 1))}
	ledger.down.Store(true)
	r := newReader(t, rdb, ledger, "w1")
	run(t, r.Run)
	e := newEdge(t, rdb, "edge-a")
	e.count(1, 5)
	e.ship(false)
	eventually(t, "tried", func() bool { return r.Stats().Failed >= 2 })
	if n := rdb.XLen(t.Context(), contract.RedisUsage(contract.UsageStream("edge-a"))).Val(); n != 1 || e.acked() != 0 {
		t.Errorf("%d batches are left, acknowledged %d", n, e.acked())
	}
	ledger.down.Store(false)
	eventually(t, "acknowledged", func() bool { return e.acked() == 1 })
}
