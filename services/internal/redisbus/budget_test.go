package redisbus_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
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
	queries []usage.LedgerQuery // guarded by mu
}

func (f *fakeLedger) Admitted(_ context.Context, q []usage.LedgerQuery) ([][]usage.LedgerSum, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails {
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

func (f *fakeLedger) fail(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = on
}

func budgets(t *testing.T, rdb *redis.Client, l *fakeLedger) *redisbus.Reports {
	t.Helper()
	r := redisbus.NewReports(rdb, edgeKeys(t))
	run(t, (&redisbus.Budgets{Redis: rdb, Ledger: l, Reports: r}).Run)
	return r
}

func marker(t *testing.T, rdb *redis.Client, shard int) string {
	t.Helper()
	return rdb.Get(t.Context(), contract.RedisBudgetGen(shard)).Val()
}

func marked(t *testing.T, rdb *redis.Client) bool {
	t.Helper()
	for n := range contract.BudgetShards {
		if marker(t, rdb, n) == "" {
			return false
		}
	}
	return rdb.HExists(t.Context(), contract.RedisBudgets, contract.BudgetsSeeded).Val()
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
	budgets(t, rdb, &fakeLedger{})
	began := time.Now()
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	if d := time.Since(began); d > time.Second {
		t.Errorf("it took %v", d)
	}
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
	budgets(t, rdb, l)
	alive := func() {
		now := time.Now().UnixMilli()
		b, err := contract.EncodeMessage(edgeKeys(t), contract.MessageReport, &contract.EdgeReport{ID: "live", Epoch: 2, Time: now})
		if err != nil {
			t.Error(err)
			return
		}
		rdb.HSet(t.Context(), contract.RedisEdges, "live", b)
	}
	alive()
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	time.Sleep(1200 * time.Millisecond) // the worker sees the edge
	alive()
	time.Sleep(1200 * time.Millisecond)
	rdb.FlushAll(t.Context())
	alive()
	time.Sleep(300 * time.Millisecond)
	if marker(t, rdb, 5) != "" {
		t.Error("shards were marked before the live edge had claimed")
	}
	key := claim(t, rdb, someClaim("live.2", 150, 100))
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
	q := l.queries[len(l.queries)-1]
	if q.Organization != 1 || q.Gateway != 1 || q.Key != 7 || int64(q.FromHour) != (time.Now().Unix()-3600)/3600 {
		t.Errorf("query %+v", q)
	}
}

// TestBudgetsOneCounter: a counter that an edge asks for in a seeded shard is
// restored soon, what is there is not touched, and a dead database only delays it.
func TestBudgetsOneCounter(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	l := &fakeLedger{sums: []usage.LedgerSum{{Edge: "dead", Epoch: 1, Admitted: 30}}}
	budgets(t, rdb, l)
	eventually(t, "every shard is marked", func() bool { return marked(t, rdb) })
	l.fail(true)
	key := claim(t, rdb, someClaim("live.2", 0, 0))
	time.Sleep(200 * time.Millisecond)
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
	claim(t, rdb, someClaim("live.2", 0, 0))
	rdb.HSet(t.Context(), contract.RedisBudgetClaims(contract.BudgetShard("g1.quota0.k.k7")), "not a claim", "x")
	eventually(t, "the claim was read", func() bool {
		return rdb.HLen(t.Context(), contract.RedisBudgetClaims(contract.BudgetShard("g1.quota0.k.k7"))).Val() == 0
	})
	if u := rdb.HGet(t.Context(), key, "u").Val(); u != "77" {
		t.Errorf("a budget that was there became %s", u)
	}
}
