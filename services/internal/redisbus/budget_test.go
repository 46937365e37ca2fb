package redisbus_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/usage"
)

// fakeLedger answers every query with the same sums.
type fakeLedger struct {
	mu      sync.Mutex
	sums    []usage.LedgerSum   // guarded by mu
	fails   bool                // guarded by mu
	failed  int                 // guarded by mu
	queries []usage.LedgerQuery // guarded by mu
}

func (f *fakeLedger) Admitted(_ context.Context, q []usage.LedgerQuery) ([][]usage.LedgerSum, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails {
		f.failed++
		return nil, errors.New("the database is away")
	}
	f.queries = append(f.queries, q...)
	out := make([][]usage.LedgerSum, len(q))
	for i := range q {
		out[i] = f.sums
	}
	return out, nil
}

func (f *fakeLedger) Counted(context.Context, uint32) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sums) > 0, nil
}

func (f *fakeLedger) failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *fakeLedger) last() usage.LedgerQuery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[len(f.queries)-1]
}

func (f *fakeLedger) fail(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = on
}

// watch is a worker's clock, which only a test moves.
type watch struct {
	looks atomic.Int64 // how often the worker looked at it
	at    atomic.Int64 // Unix milliseconds
}

func (w *watch) now() time.Time {
	w.looks.Add(1)
	return time.UnixMilli(w.at.Load())
}

func (w *watch) advance(d time.Duration) { w.at.Add(d.Milliseconds()) }

// passes waits until the worker has been through all that it does at this time. At
// rest it looks at its clock once a pass, and up to five times while it restores.
func (w *watch) passes(t *testing.T) {
	t.Helper()
	from := w.looks.Load()
	eventually(t, "the worker goes on", func() bool { return w.looks.Load() > from+12 })
}

// budgets runs a worker whose clock stands still.
func budgets(t *testing.T, rdb *redis.Client, l *fakeLedger) *watch {
	t.Helper()
	w := &watch{}
	w.at.Store(time.Now().UnixMilli())
	run(t, (&redisbus.Budgets{Redis: rdb, Ledger: l, Reports: redisbus.NewReports(rdb, edgeKeys(t)), Wall: w.now}).Run)
	return w
}

func marker(t *testing.T, rdb *redis.Client, shard int) string {
	t.Helper()
	return rdb.Get(t.Context(), contract.RedisBudgetGen(shard)).Val()
}

func marked(t *testing.T, rdb *redis.Client) bool {
	t.Helper()
	p := rdb.Pipeline()
	var all [contract.BudgetShards]*redis.IntCmd
	for n := range all {
		all[n] = p.Exists(t.Context(), contract.RedisBudgetGen(n))
	}
	seeded := p.HExists(t.Context(), contract.RedisBudgets, contract.BudgetsSeeded)
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, there := range all {
		if there.Val() == 0 {
			return false
		}
	}
	return seeded.Val()
}

// claim publishes a claim as an edge does.
func claim(t *testing.T, rdb *redis.Client, c *contract.BudgetClaim) (key string) {
	t.Helper()
	n := contract.BudgetShard(c.Counter)
	rdb.HSet(t.Context(), contract.RedisBudgetClaims(n), c.Field(), c.Encode())
	rdb.SAdd(t.Context(), contract.RedisBudgetAsk, strconv.Itoa(n))
	return contract.RedisBudget(contract.BudgetQuota, c.Counter, c.Period)
}

func someClaim(writer string, granted, spent int64) *contract.BudgetClaim {
	now := time.Now().Unix()
	return &contract.BudgetClaim{
		Writer: writer, Counter: "g1.quota0.k.k7", Period: "m1", Granted: granted, Spent: spent,
		Since: now - 3600, Start: now - 86400, End: now + 86400, Filter: contract.BudgetFilter{Organization: 1, Gateway: 1, Key: 7},
	}
}

// TestBudgetsNew: in a new installation every shard is marked at once, and absent
// counters are unused ones.
func TestBudgetsNew(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	budgets(t, rdb, &fakeLedger{}) // at once: its clock stands, and it would wait for edges for ever
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	if m := marker(t, rdb, 5); !strings.HasSuffix(m, " 0") {
		t.Errorf("marker %q", m)
	}
}

// TestBudgetsAfterFlush: the worker waits for the live edge's claims, joins them
// with the ledger, and only then marks.
func TestBudgetsAfterFlush(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	l := &fakeLedger{sums: []usage.LedgerSum{{Edge: "live", Epoch: 2, Admitted: 90}, {Edge: "dead", Epoch: 1, Admitted: 30}}}
	w := budgets(t, rdb, l)
	alive := func() {
		b, err := contract.EncodeMessage(edgeKeys(t), contract.MessageReport, &contract.EdgeReport{ID: "live", Epoch: 2, Time: w.at.Load()})
		if err != nil {
			t.Fatal(err)
		}
		rdb.HSet(t.Context(), contract.RedisEdges, "live", b)
	}
	alive()
	w.passes(t)
	if marker(t, rdb, 5) != "" {
		t.Error("shards were marked before edges had had their time")
	}
	w.advance(2 * time.Second)
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	alive()
	w.advance(time.Second)
	w.passes(t) // it sees the edge, and has to remember it
	rdb.FlushAll(t.Context())
	w.advance(time.Second)
	w.passes(t)
	if marker(t, rdb, 5) != "" {
		t.Error("shards were marked before the live edge had claimed")
	}
	alive()
	lost := someClaim("live.2", 150, 100)
	key := claim(t, rdb, lost)
	rdb.HSet(t.Context(), contract.RedisBudgets, "live.2", time.Now().UnixMilli())
	eventually(t, "every shard is marked again", func() bool { return marked(t, rdb) })
	want := map[string]string{"u": "180", "n": "1", "h": "50", "elive.2": "150 0 100", "edead.1": "30 0 30"}
	if got := rdb.HGetAll(t.Context(), key).Val(); !maps.Equal(got, want) {
		t.Errorf("budget %v, want %v", got, want)
	}
	if m := marker(t, rdb, 5); strings.HasSuffix(m, " 0") {
		t.Errorf("marker %q says that nothing was lost", m)
	}
	if n := rdb.HLen(t.Context(), contract.RedisBudgetClaims(contract.BudgetShard("g1.quota0.k.k7"))).Val(); n != 0 {
		t.Errorf("%d claims are left", n)
	}
	q := l.last()
	if q.Organization != 1 || q.Gateway != 1 || q.Key != 7 || int64(q.FromHour) != lost.Since/3600 {
		t.Errorf("query %+v", q)
	}
}

// TestBudgetsOneCounter: a counter that an edge asks for in a seeded shard is
// restored soon, what is there is not touched, and a dead database only delays it.
func TestBudgetsOneCounter(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	l := &fakeLedger{sums: []usage.LedgerSum{{Edge: "dead", Epoch: 1, Admitted: 30}}}
	w := budgets(t, rdb, l)
	w.passes(t)
	w.advance(2 * time.Second) // no edge lives that could claim
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	l.fail(true)
	key := claim(t, rdb, someClaim("live.2", 0, 0))
	eventually(t, "the ledger was asked", func() bool { return l.failures() > 0 })
	w.passes(t)
	if rdb.Exists(t.Context(), key).Val() != 0 {
		t.Fatal("restored without the ledger")
	}
	l.fail(false)
	// The edge asks again until it is answered.
	eventually(t, "the counter is there", func() bool {
		claim(t, rdb, someClaim("live.2", 0, 0))
		return rdb.HGet(t.Context(), key, "u").Val() == "30"
	})
	if ttl := rdb.TTL(t.Context(), key).Val(); ttl < 24*time.Hour || ttl > 4*24*time.Hour {
		t.Errorf("it lives %v", ttl)
	}
	rdb.HSet(t.Context(), key, "u", 77)
	rdb.HSet(t.Context(), contract.RedisBudgetClaims(contract.BudgetShard("g1.quota0.k.k7")), "not a claim", "x")
	claim(t, rdb, someClaim("live.2", 0, 0)) // this asks to read both
	eventually(t, "the claim was read", func() bool {
		return rdb.HLen(t.Context(), contract.RedisBudgetClaims(contract.BudgetShard("g1.quota0.k.k7"))).Val() == 0
	})
	if u := rdb.HGet(t.Context(), key, "u").Val(); u != "77" {
		t.Errorf("a budget that was there became %s", u)
	}
}
