package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// quotaShop is a cluster of three edges with one consumer on a quota.
func quotaShop(t *testing.T, name string, limit int) (*shop, string) {
	t.Helper()
	c := harness.New(t, harness.Options{Edges: 3})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, name, []*harness.Backend{b}, nil)
	s.put("usage-plans/capped", harness.Object{"quota": harness.Object{"limit": limit, "period": "month"}})
	s.keyed("all", "/*")
	s.api.WaitLive(s.name)
	_, key := s.consumer("alice", "capped")
	return s, key
}

// skewed spends the key at the edges by 8:4:1 callers until each caller was
// refused for a while, and returns the tally.
func (s *shop) skewed(key string, edges []*harness.Edge, tally *harness.Tally, during func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 120*time.Second)
	defer cancel()
	var callers []*harness.Edge
	for i, e := range edges {
		for range []int{8, 4, 1, 4}[i] {
			callers = append(callers, e)
		}
	}
	var refused atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		if during != nil {
			during()
		}
	}()
	harness.Run(ctx, len(callers), func(i int) {
		r := s.call.Get(callers[i].Addr(), s.host, "/x", key)
		tally.Add(r)
		switch {
		case r.Status == 200:
			refused.Store(0)
		case r.Status == 429 && refused.Add(1) > 4000:
			select {
			case <-done: // nobody was answered for 4,000 requests
				cancel()
			default:
			}
		}
		if r.Err != nil {
			time.Sleep(5 * time.Millisecond)
		}
	})
	<-done
}

// TestQuotaIsExact spends 10,000 requests by three edges at full speed, a fourth
// joining under load.
func TestQuotaIsExact(t *testing.T) {
	const limit = 10000
	for _, join := range []bool{false, true} {
		t.Run(fmt.Sprintf("fourth edge %v", join), func(t *testing.T) {
			s, key := quotaShop(t, "quota", limit)
			sent := s.waitKey("/x", key)
			tally := harness.NewTally()
			edges := append([]*harness.Edge(nil), s.Edges...)
			var during func()
			if join {
				fourth := s.NewEdge()
				edges = append(edges, fourth)
				during = func() {
					time.Sleep(700 * time.Millisecond)
					if err := fourth.Start(); err != nil {
						t.Error(err)
					}
				}
			}
			s.skewed(key, edges, tally, during)
			if n := tally.Get(200) + int64(sent); n != limit {
				t.Errorf("%d answered 200, want exactly %d: %v", n, limit, tally)
			}
			// Where the disk holds Redis up, edges say so; they do not guess.
			if away := tally.Get(503); !join && (tally.Get(0)+tally.Class(5) > away || away > limit/100 || away != tally.Codes["quota_unavailable"]) {
				t.Errorf("some failed: %v", tally)
			}
			t.Logf("admitted %d of %d, %v", tally.Get(200)+int64(sent), limit, tally)
		})
	}
}

// TestQuotaSurvivesAKilledEdge kills one edge half way, starts it again, and
// spends the rest: never more than the limit, and all but what was in flight.
func TestQuotaSurvivesAKilledEdge(t *testing.T) {
	const limit = 10000
	s, key := quotaShop(t, "killed", limit)
	sent := s.waitKey("/x", key)
	tally := harness.NewTally()
	const inFlight = 8 // the killed edge's callers
	s.skewed(key, s.Edges, tally, func() {
		for tally.Get(200) < limit/2 {
			time.Sleep(time.Millisecond)
		}
		s.Edges[0].Kill()
		time.Sleep(300 * time.Millisecond)
		if err := s.Edges[0].Start(); err != nil {
			t.Error(err)
		}
		s.WaitEdge(s.Edges[0])
		time.Sleep(3 * time.Second)
	})
	n := tally.Get(200) + int64(sent)
	t.Logf("admitted %d of %d, %v", n, limit, tally)
	if n > limit {
		t.Errorf("%d answered 200, the limit is %d: %v", n, limit, tally)
	}
	if n < limit-inFlight {
		t.Errorf("only %d of %d could be spent: %v", n, limit, tally)
	}
}

// TestRateIsKept spends a rate of 100/s by three edges.
func TestRateIsKept(t *testing.T) {
	d := 8 * time.Second
	if long {
		d = 20 * time.Second
	}
	const rate, burst = 100, 20
	c := harness.New(t, harness.Options{Edges: 3})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, "rated", []*harness.Backend{b}, nil)
	s.put("usage-plans/rated", harness.Object{"rate_limit": harness.Object{"rate": rate, "per": "second", "burst": burst}})
	s.keyed("all", "/*")
	s.api.WaitLive(s.name)
	_, key := s.consumer("alice", "rated")
	s.waitKey("/x", key)
	time.Sleep(time.Second) // the bucket is full again
	tally := harness.NewTally()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	began := time.Now()
	edges := []int{0, 0, 0, 1, 1, 2}
	harness.Run(ctx, len(edges), func(i int) {
		tally.Add(s.call.Get(c.Edges[edges[i]].Addr(), s.host, "/x", key))
		time.Sleep(4 * time.Millisecond)
	})
	took := time.Since(began).Seconds()
	n, most := tally.Get(200), int64(rate*took+burst)
	t.Logf("admitted %d in %.2f s, at most %d allowed, %.1f %%; %v", n, took, most, 100*float64(n)/(rate*took), tally)
	if n > most+int64(len(c.Edges)) { // an edge that does not reach Redis in time lets one through
		t.Errorf("%d admitted, at most %d allowed", n, most)
	}
	// The bucket holds a fifth of a second: what the machine is held up for longer is lost.
	least := 0.7
	if long {
		least = 0.95
	}
	if float64(n) < least*rate*took {
		t.Errorf("%d admitted, less than %.0f %% of %.0f", n, 100*least, rate*took)
	}
}
