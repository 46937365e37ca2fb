package balance

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// clock is a clock that tests move.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() int64              { return c.ns.Load() }
func (c *clock) wall() int64             { return c.ns.Load() / 1e6 }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func newRegistry(t testing.TB) (*Registry, *clock) {
	t.Helper()
	c := &clock{}
	c.ns.Store(int64(time.Hour))
	r, err := New(Config{Guard: &match.Guard{AllowPrivate: true}, Now: c.now, Wall: c.wall})
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// doc is an upstream with targets of these weights, at ports 9001 and up.
func doc(algorithm string, weights ...int) *contract.Upstream {
	u := &contract.Upstream{Name: "u", Algorithm: algorithm}
	for i, w := range weights {
		u.Targets = append(u.Targets, contract.Target{URL: fmt.Sprintf("http://127.0.0.1:%d", 9001+i), Weight: &w})
	}
	if algorithm == contract.ConsistentHash {
		u.HashOn = &contract.HashOn{Source: "header", Name: "X-User"}
	}
	return u
}

func compile(t testing.TB, r *Registry, d *contract.Upstream) *Upstream {
	t.Helper()
	u, err := r.Upstream(Key{1, 1}, d)
	if err != nil {
		t.Fatal(err)
	}
	r.Apply("gw", []*Upstream{u})
	return u
}

// TestShares: under concurrency each target gets its share of 10,000 requests,
// within 1 % of all (round robin: exactly).
func TestShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		algorithm string
		weights   []int
		within    float64
	}{
		{contract.RoundRobin, []int{1, 1, 1}, 0.0001},
		{contract.RoundRobin, []int{5, 3, 2}, 0.0001},
		{contract.RoundRobin, []int{50, 30, 0, 20}, 0.0001},
		{contract.RoundRobin, []int{1000, 999, 1}, 0.0005},
		{contract.RoundRobin, []int{65535, 32768, 16384}, 0.001},
		{contract.Random, []int{5, 3, 2}, 0.02},
		{contract.RandomOfTwo, []int{5, 3, 2}, 0.02},
		{contract.LeastRequest, []int{5, 3, 2}, 0.001},
	} {
		r, _ := newRegistry(t)
		u := compile(t, r, doc(c.algorithm, c.weights...))
		counts := make([]atomic.Int64, len(c.weights))
		var wg sync.WaitGroup
		workers := 8
		if c.algorithm == contract.RandomOfTwo || c.algorithm == contract.LeastRequest {
			workers = 1 // at rest: they look at what is in flight
		}
		for range workers {
			wg.Go(func() {
				for range 10000 / workers {
					counts[visit(u, 0).index].Add(1)
				}
			})
		}
		wg.Wait()
		sum := 0
		for _, w := range c.weights {
			sum += w
		}
		for i, w := range c.weights {
			got, want := float64(counts[i].Load())/10000, float64(w)/float64(sum)
			if math.Abs(got-want) > c.within {
				t.Errorf("%s %v: target %d got %.4f, want %.4f", c.algorithm, c.weights, i, got, want)
			}
		}
	}
}

// TestRoundRobinIsSmooth: a heavy target's turns are spread, not in a row.
func TestRoundRobinIsSmooth(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprint(spread([]int{10, 2, 2, 0})); got != "[0 0 1 0 2 0 0]" {
		t.Error(got)
	}
}

// TestPreview tells the next turn and takes none.
func TestPreview(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 1, 1, 1))
	a, _ := u.Preview(&Call{})
	b, _ := u.Preview(&Call{})
	if c := visit(u, 0); a != b || b != c {
		t.Error("the preview is not what came")
	}
	if d, _ := u.Preview(&Call{}); d == a {
		t.Error("the turn did not pass")
	}
	down := compile(t, r, doc("", 0))
	if x, code := down.Preview(&Call{}); x != nil || code != contract.CodeUpstreamUnavailable {
		t.Error(x, code)
	}
}

// TestLeastRequestAvoidsTheSlow: a target that holds its requests gets few new
// ones.
func TestLeastRequestAvoidsTheSlow(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	for _, algorithm := range []string{contract.LeastRequest, contract.RandomOfTwo} {
		u := compile(t, r, doc(algorithm, 1, 1, 1))
		for range 50 {
			u.Targets()[0].begin()
		}
		counts := [3]int{}
		for range 3000 {
			counts[visit(u, 0).index]++
		}
		if counts[0] > 50 || counts[1] < 1000 || counts[2] < 1000 {
			t.Errorf("%s: %v", algorithm, counts)
		}
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		r, _ := newRegistry(t)
		u := compile(t, r, doc(algorithm, 1, 3, 0, 2))
		for h := range Hash(200) {
			c := Call{Hash: h * 0x9E3779B97F4A7C15}
			seen := map[*Target]bool{}
			for range 3 {
				target, _ := u.Pick(&c)
				if target == nil || seen[target] || target.Weight == 0 {
					t.Fatalf("%s: try %d gave %v", algorithm, c.Tries(), target)
				}
				seen[target] = true
				c.End(ResultNone, 0)
			}
			if target, code := u.Pick(&c); target != nil || code != contract.CodeUpstreamUnavailable {
				t.Fatalf("%s: a fourth target of three: %v, %v", algorithm, target, code)
			}
		}
	}
}

// TestConsistentHash: a key stays where it is while others come and go, few keys
// move when a target leaves, and no target holds much more than its share.
func TestConsistentHash(t *testing.T) {
	t.Parallel()
	const keys = 20000
	r, _ := newRegistry(t)
	five := compile(t, r, doc(contract.ConsistentHash, 1, 1, 1, 1, 1))
	where := make([]int, keys)
	counts := make([]int, 5)
	for k := range keys {
		target := visit(five, HashString(fmt.Sprint("user", k)))
		where[k] = target.index
		counts[target.index]++
	}
	for i, n := range counts {
		if share := float64(n) / keys; share < 0.15 || share > 0.25 {
			t.Errorf("target %d has %.3f of the keys", i, share)
		}
	}
	four := compile(t, r, doc(contract.ConsistentHash, 1, 1, 1, 1))
	moved := 0
	for k := range keys {
		target := visit(four, HashString(fmt.Sprint("user", k)))
		if target.index != where[k] {
			moved++
			if where[k] != 4 {
				t.Fatalf("key %d moved from %d to %d although neither left", k, where[k], target.index)
			}
		}
	}
	if moved > keys*(20+5)/100 {
		t.Errorf("%d of %d keys moved", moved, keys)
	}
	// One hot key: the target it belongs to fills to 1.25 of its share, not more.
	hot := HashString("hot")
	for range 400 {
		send(four, hot)
	}
	for i, target := range four.Targets() {
		if n := target.Inflight(); n > 126 {
			t.Errorf("target %d holds %d of 400", i, n)
		}
	}
}

func TestHashSources(t *testing.T) {
	r, _ := newRegistry(t)
	h := &policy.EngineHeaders{}
	h.AppendString("X-User", "alice")
	h.AppendString("Cookie", "a=1; sid=s1")
	h.AppendString("Cookie", "sid=s2")
	req := &policy.Request{Header: h.Handle(), Query: policy.Static("x=1&tenant=t1")}
	params := []policy.Param{{Name: "id", Value: policy.Static("p1")}}
	client := netip.MustParseAddr("::ffff:10.0.0.1")
	ip := func(a string) Hash { b := netip.MustParseAddr(a).As16(); return HashString(b[:]) }
	for _, c := range []struct {
		on   contract.HashOn
		want Hash
	}{
		{contract.HashOn{Source: "header", Name: "x-user"}, HashString("alice")},
		{contract.HashOn{Source: "header", Name: "X-None"}, ip("10.0.0.1")},
		{contract.HashOn{Source: "cookie", Name: "sid"}, HashString("s1")},
		{contract.HashOn{Source: "query", Name: "tenant"}, HashString("t1")},
		{contract.HashOn{Source: "path_param", Name: "id"}, HashString("p1")},
		{contract.HashOn{Source: "ip"}, ip("10.0.0.1")},
	} {
		d := doc(contract.ConsistentHash, 1)
		d.HashOn = &c.on
		u := compile(t, r, d)
		if got := u.Hash(req, client, params); got != c.want || u.Plain() {
			t.Errorf("%+v: %x, want %x", c.on, got, c.want)
		}
		if n := alloctest.PerRun(100, func() { u.Hash(req, client, params) }); n != 0 {
			t.Errorf("%+v: %v allocations", c.on, n)
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	for _, algorithm := range algorithms {
		r, _ := newRegistry(t)
		u := compile(t, r, doc(algorithm, 3, 2, 1))
		h := Hash(0)
		if n := alloctest.PerRun(1000, func() {
			h += 0x9E3779B97F4A7C15
			c := Call{Hash: h}
			u.Pick(&c)
			first := c.Hold()
			u.Pick(&c)
			c.End(ResultNone, 0)
			first.End(ResultOK, 1000)
			u.AllowRetry()
		}); n != 0 {
			t.Errorf("%s: %v allocations", algorithm, n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, algorithm := range algorithms {
		r, _ := newRegistry(b)
		u := compile(b, r, doc(algorithm, 5, 3, 2))
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				h := Hash(1)
				for pb.Next() {
					h += 0x9E3779B97F4A7C15
					c := Call{Hash: h}
					u.Pick(&c)
					c.End(ResultOK, 1000)
				}
			})
		})
	}
}
