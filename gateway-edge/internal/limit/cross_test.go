package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// These tests move the messages of quotas by hand through what a limit, a period or
// Redis may do meanwhile.

// sent asks a cell and has Redis do what it says; hear takes in the answer later.
func (e stepped) sent(a asker) *call {
	e.t.Helper()
	c := a.ask(e.now())
	if c == nil {
		e.t.Fatal("it has nothing to say")
	}
	e.Limits.link.pipeline(e.t.Context(), []*call{c})
	if c.err != nil {
		e.t.Fatal(c.err)
	}
	return c
}

// quota is the edge's lease of one quota of organization 1.
func (e stepped) quota(limit int64) *lease {
	return e.family(policy.CountQuota, limit, contract.Rate{}).of(nil, nil, e.now()).(*lease)
}

// at sets both clocks of an edge.
func (e stepped) at(t time.Time) {
	e.Limits.wall = func() time.Time { return t }
	e.Limits.tell()
}

// took takes until nothing is left here.
func takeAll(e stepped, l *lease) (n int) {
	for l.Take(e.now()) == policy.Took {
		n++
	}
	return n
}

// TestLimitLoweredWhileAsking: what Redis grants of the old limit while the smaller
// one comes is not spent.
func TestLimitLoweredWhileAsking(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	l := e.quota(100)
	n := 0
	for n < 60 {
		if l.Take(e.now()) == policy.Took {
			n++
			continue
		}
		e.say(l, nil)
	}
	took := n + takeAll(e, l)
	l.hungry.Store(true)
	e.say(l, func() { e.quota(int64(took)) })
	if v := l.Take(e.now()); v == policy.Took {
		t.Errorf("%d were spent, the limit was lowered to that while a message was under way, and one more was admitted", took)
	}
	e.say(l, nil)
	if n := e.spent(l); n != 0 {
		t.Errorf("%d more", n)
	}
	if u := l.Spent(); u != int64(took) || l.Back.Load() != 0 {
		t.Errorf("spent %d of %d, %d on their way", u, took, l.Back.Load())
	}
	e.quota(100)
	if n := e.spent(l); n != 100-took {
		t.Errorf("raised again: %d more of %d", n, 100-took)
	}
}

// TestLimitLoweredWhileUnseeded: units that a smaller limit recalled are not given
// out because Redis has forgotten its budgets.
func TestLimitLoweredWhileUnseeded(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.stepped("edge-a")
	l := e.quota(1000)
	l.hungry.Store(true)
	e.say(l, nil)
	if l.Take(e.now()) != policy.Took || l.Left.Load() < 100 {
		t.Fatalf("%d are left", l.Left.Load())
	}
	s.rdb.FlushAll(t.Context())
	e.quota(1)
	e.say(l, nil)
	if v := l.Take(e.now()); v == policy.Took {
		t.Error("2 of 1 while Redis waits for the worker")
	}
	s.seed("again", 0)
	for range 3 {
		if c := l.ask(e.now()); c != nil {
			e.Limits.link.pipeline(t.Context(), []*call{c})
			l.hear(c, e.now())
		}
	}
	if u := s.used("g1.changed0.o", l.period); u != 1 || l.Spent() != 1 || l.Left.Load() != 0 {
		t.Errorf("Redis counts %d, the edge %d; %d left", u, l.Spent(), l.Left.Load())
	}
}

// TestOnceAnOverage: a limit that refuses after having been an overage counts no
// request that it refuses, and does not pay it back to another.
func TestOnceAnOverage(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.stepped("edge-a")
	start := time.Now().Add(-time.Hour).Unix()
	doc := contract.Organization{Num: 5, RequestsPerPeriod: 100, PeriodStart: start, PeriodEnd: start + 86400, Overage: true}
	org := e.Organization(&doc)
	cell := func() *lease {
		f := org.Limits(false)[0].Family.(*family)
		return f.of(nil, nil, e.now()).(*lease)
	}
	for range 150 {
		if v := cell().Take(e.now()); v != policy.Took {
			t.Fatalf("an overage says %v", v)
		}
	}
	e.say(cell(), nil)
	hard := doc
	hard.Overage = false
	org.Update(&hard)
	l := cell()
	if n := e.spent(l); n != 0 {
		t.Fatalf("%d beyond a hard limit", n)
	}
	l.deny.Store(0)
	l.hungry.Store(true)
	l.Left.Add(-1) // another request is being refused
	c := e.sent(l)
	l.Left.Add(1)
	l.hear(c, e.now())
	if v := l.Take(e.now()); v == policy.Took {
		t.Errorf("a request was admitted beyond the limit; Redis counts %d", s.used("o5.m", l.period))
	}
	if n := l.Spent(); n != 150 {
		t.Errorf("spent %d, not 150", n)
	}
}

// TestForgettingWhileServing: counters are dropped and begun anew while requests come
// for them; each period has its limit, once.
func TestForgettingWhileServing(t *testing.T) {
	t.Parallel()
	l, err := New(Config{Dir: t.TempDir(), Edge: "edge-a", Epoch: 1, Now: func() int64 { return int64(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	spec := quotaSpec(40)
	spec.Period = "hour"
	f, err := l.Family(spec)
	if err != nil {
		t.Fatal(err)
	}
	const keys, hours = 5, 50
	begin := time.Now().Truncate(time.Hour)
	var took [hours]atomic.Int64
	for h := range hours {
		l.offset.Store(begin.Add(time.Duration(3*h)*time.Hour).UnixNano() - l.now())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range 100 {
					p := testKey()
					p.Key = uint64(i%keys + 1)
					if f.(*family).of(p, nil, l.now()).Take(l.now()) == policy.Took {
						took[h].Add(1)
					}
				}
			})
		}
		all.Go(func() { l.sweep(l.now()) })
		all.Wait()
	}
	for h := range took {
		if n := took[h].Load(); n != 40*keys {
			t.Errorf("hour %d: %d of %d", h, n, 40*keys)
		}
	}
}
