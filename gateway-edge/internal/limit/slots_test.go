package limit

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func slotsFamily(t testing.TB, l *Limits, limit int64) policy.Family {
	t.Helper()
	f, err := l.Family(policy.CounterSpec{
		Kind: policy.CountConcurrency, Name: "concurrency", By: policy.ByKey, Limit: limit,
		Scope: policy.Scope{OrganizationNum: 1, GatewayNum: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSlotsNeverMore: whatever edges ask for, no more requests are open at once
// than the limit says, and a good part of it is used.
func TestSlotsNeverMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, edges, callers int }{{1, 3, 4}, {5, 3, 8}, {40, 3, 40}, {200, 2, 40}} {
		t.Run(strconv.Itoa(c.limit), func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			var open, worst, admitted, refused atomic.Int64
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for i := range c.edges {
				e := s.edge("edge-"+strconv.Itoa(i), 1)
				f := slotsFamily(t, e.Limits, int64(c.limit))
				for range c.callers {
					wg.Go(func() {
						p := testKey()
						for {
							select {
							case <-stop:
								return
							default:
							}
							v, cell := serve(e.Limits, f, p)
							if v != policy.Took {
								refused.Add(1)
								time.Sleep(2 * time.Millisecond)
								continue
							}
							n := open.Add(1)
							for w := worst.Load(); n > w && !worst.CompareAndSwap(w, n); w = worst.Load() {
							}
							admitted.Add(1)
							time.Sleep(3 * time.Millisecond)
							open.Add(-1)
							cell.Credit()
						}
					})
				}
			}
			time.Sleep(1500 * time.Millisecond)
			close(stop)
			wg.Wait()
			t.Logf("worst %d, admitted %d, refused %d", worst.Load(), admitted.Load(), refused.Load())
			want := int64(min(c.limit, c.edges*c.callers))
			if w := worst.Load(); w > int64(c.limit) || w < (want+1)/2 {
				t.Errorf("%d were open at once, the limit is %d", w, c.limit)
			}
			if admitted.Load() < 100 {
				t.Errorf("only %d were admitted", admitted.Load())
			}
		})
	}
}

// TestSlotsReturn: slots that an edge does not use are free for another soon, and
// those of a killed edge when their term is over.
func TestSlotsReturn(t *testing.T) {
	t.Parallel()
	const limit = 8
	s := startRedis(t)
	a, b := s.edge("edge-a", 1), s.edge("edge-b", 1)
	fa, fb := slotsFamily(t, a.Limits, limit), slotsFamily(t, b.Limits, limit)
	take := func(e *edge, f policy.Family, n int) (out []policy.Cell) {
		for range n {
			if v, c := serve(e.Limits, f, testKey()); v == policy.Took {
				out = append(out, c)
			}
		}
		return out
	}
	held := take(a, fa, limit)
	if len(held) != limit {
		t.Fatalf("%d of %d", len(held), limit)
	}
	if got := take(b, fb, 3); len(got) != 0 {
		t.Fatalf("%d more than the limit", len(got))
	}
	for _, c := range held[:6] {
		c.Credit()
	}
	var other []policy.Cell
	until(t, "the other edge gets what was given back", func() bool {
		other = append(other, take(b, fb, 1)...)
		return len(other) == 6
	})
	a.kill()
	until(t, "the dead edge's slots come back", func() bool {
		other = append(other, take(b, fb, 1)...)
		return len(other) == limit
	})
}

// TestSlotsRedisAway: an edge that is cut off uses what it held, and never fewer
// than its part.
func TestSlotsRedisAway(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.edge("edge-a", 1, asShipped)
	e.SetEdges(2)
	f := slotsFamily(t, e.Limits, 20)
	_, first := serve(e.Limits, f, testKey())
	s.freeze(true)
	var held []policy.Cell
	until(t, "ten are open", func() bool {
		if v, c := serve(e.Limits, f, testKey()); v == policy.Took {
			held = append(held, c)
		}
		return len(held) >= 9
	})
	for range 20 {
		if v, c := serve(e.Limits, f, testKey()); v == policy.Took {
			held = append(held, c)
		}
	}
	if len(held) > 15 {
		t.Errorf("%d open at a cut-off edge of two with a limit of 20", len(held)+1)
	}
	s.freeze(false)
	for _, c := range append(held, first) {
		c.Credit()
	}
	until(t, "all slots can be used again", func() bool {
		var now []policy.Cell
		for range 20 {
			if v, c := serve(e.Limits, f, testKey()); v == policy.Took {
				now = append(now, c)
			}
		}
		defer func() {
			for _, c := range now {
				c.Credit()
			}
		}()
		return len(now) == 20
	})
}

func TestSlotsMiniredis(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	client := func() *redis.Client {
		return redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	}
	s := &store{t: t, rdb: client()}
	t.Cleanup(func() { _ = s.rdb.Close() })
	s.seed("fresh", 0)
	e := boot(t, client(), "edge-a", t.TempDir(), 1)
	f := slotsFamily(t, e.Limits, 5)
	n := 0
	for range 10 {
		if v, _ := serve(e.Limits, f, testKey()); v == policy.Took {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d of 5", n)
	}
}
