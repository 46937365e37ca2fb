package limit

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// worker seeds budgets as the control plane's does, from claims and a ledger that
// the test fills in: writer → counter → admitted.
type worker struct {
	s       *store
	edges   int // that must have claimed
	since   func() int64
	mu      sync.Mutex
	ledger  map[string]map[string]int64 // guarded by mu
	seeding int
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.pass(ctx)
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *worker) pass(ctx context.Context) {
	rdb := w.s.rdb
	named, err := rdb.SMembers(ctx, contract.RedisBudgetAsk).Result()
	if err != nil || len(named) == 0 {
		return
	}
	said, _ := rdb.HGetAll(ctx, contract.RedisBudgets).Result()
	_, seeded := said[contract.BudgetsSeeded]
	if !seeded && len(said) < w.edges {
		return
	}
	p := rdb.Pipeline()
	for _, text := range named {
		n, _ := strconv.Atoi(text)
		rdb.SRem(ctx, contract.RedisBudgetAsk, text)
		all, _ := rdb.HGetAll(ctx, contract.RedisBudgetClaims(n)).Result()
		group := map[string][]*contract.BudgetClaim{}
		for f, v := range all {
			c, err := contract.DecodeBudgetClaim(f, v)
			if err != nil {
				w.s.t.Errorf("claim %q: %v", f, err)
				continue
			}
			group[contract.RedisBudget(contract.BudgetQuota, c.Counter, c.Period)] = append(group[contract.RedisBudget(contract.BudgetQuota, c.Counter, c.Period)], c)
			rdb.HDel(ctx, contract.RedisBudgetClaims(n), f)
		}
		for key, claims := range group {
			if rdb.HExists(ctx, key, "u").Val() {
				continue
			}
			var sums []contract.BudgetSum
			w.mu.Lock()
			for writer, n := range w.ledger[claims[0].Counter] {
				sums = append(sums, contract.BudgetSum{Writer: writer, Admitted: n})
			}
			w.mu.Unlock()
			p.HSet(ctx, key, contract.RestoreBudget(claims, sums))
		}
	}
	_, _ = p.Exec(ctx)
	if !seeded {
		w.seeding++
		w.s.seed("s"+strconv.Itoa(w.seeding), w.since())
	}
}

func (s *store) worker(edges int) *worker {
	w := &worker{s: s, edges: edges, ledger: map[string]map[string]int64{}, since: func() int64 { return time.Now().Unix() }}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.run(ctx) })
	s.t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

// TestFlushUnderLoad empties Redis while three edges spend a quota: service goes
// on within three seconds and the sum stays exact.
func TestFlushUnderLoad(t *testing.T) {
	t.Parallel()
	const quota = 20_000
	s := startRedis(t)
	s.worker(3)
	var ld load
	for i := range 3 {
		e := s.edge("edge-"+strconv.Itoa(i), 1)
		ld.start(e.Limits, quotaFamily(t, e.Limits, quota), 2, 300*time.Microsecond)
	}
	until(t, "a third is spent", func() bool { return ld.admitted.Load() > quota/3 })
	if err := s.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	at, began := ld.admitted.Load(), time.Now()
	until(t, "Redis is seeded again", func() bool {
		return s.used(quotaCounter, thisMonth()) > 0
	})
	t.Logf("seeded after %v", time.Since(began))
	until(t, "requests are admitted again", func() bool { return ld.admitted.Load() > at+5000 })
	until(t, "all is spent", func() bool { return ld.admitted.Load() >= quota })
	time.Sleep(300 * time.Millisecond)
	ld.halt()
	if n := ld.admitted.Load(); n != quota {
		t.Errorf("admitted %d of %d", n, quota)
	}
}

// TestFlushWithDeadEdge: what a dead edge spent comes from the ledger, what a
// restarted one spent from its own books.
func TestFlushWithDeadEdge(t *testing.T) {
	t.Parallel()
	const quota = 3_000
	s := startRedis(t)
	w := s.worker(1)
	spend := func(e *edge, n int) (got int64) {
		f := quotaFamily(t, e.Limits, quota)
		for range n {
			if v, _ := serve(e.Limits, f, testKey()); v == policy.Took {
				got++
			}
		}
		return got
	}
	dead := s.edge("edge-dead", 4)
	total := spend(dead, 500)
	dead.kill()
	w.mu.Lock()
	w.ledger[quotaCounter] = map[string]int64{"edge-dead.4": 500, "edge-b.1": 700}
	w.mu.Unlock()
	dir := t.TempDir()
	b := boot(t, s.client(), "edge-b", dir, 1)
	total += spend(b, 710) // the ledger is ten behind
	b.kill()
	if err := s.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	b = boot(t, s.client(), "edge-b", dir, 2)
	total += spend(b, 2*quota)
	until(t, "the rest is spent", func() bool {
		total += spend(b, 100)
		return total >= quota
	})
	time.Sleep(100 * time.Millisecond)
	total += spend(b, 100)
	if total != quota {
		t.Errorf("admitted %d of %d", total, quota)
	}
}

// TestFlushNewCounter: after a flush a counter that nobody has claimed waits for
// the worker, who knows whether it was used.
func TestFlushNewCounter(t *testing.T) {
	t.Parallel()
	const quota = 100
	s := startRedis(t)
	s.seed("second", time.Now().Unix())
	w := s.worker(0)
	w.ledger[quotaCounter] = map[string]int64{"edge-gone.1": 60}
	e := s.edge("edge-a", 1)
	f := quotaFamily(t, e.Limits, quota)
	n := 0
	for range 2 * quota {
		if v, _ := serve(e.Limits, f, testKey()); v == policy.Took {
			n++
		}
	}
	if n != quota-60 {
		t.Errorf("admitted %d of %d", n, quota-60)
	}
}
