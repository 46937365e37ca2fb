package limit

import (
	"context"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestAnswerOfAnEmptiedRedis: an answer that was on its way when Redis was emptied
// and seeded again comes after another lease has learned of it. The lease tells the
// new Redis what it holds.
func TestAnswerOfAnEmptiedRedis(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.stepped("edge-a")
	l := e.quota(1000)
	l.hungry.Store(true)
	c := e.sent(l)
	s.rdb.FlushAll(t.Context())
	s.seed("second", 0)
	gen := contract.BudgetGen("second", 0)
	e.regenerated(l.q.shard, l.saidGen, gen)
	l.hear(c, e.now())
	if g := e.shards[l.q.shard].gen(); g != gen {
		t.Errorf("the shard's marker is %q after an answer of before", g)
	}
	held := l.Left.Load()
	if held == 0 {
		t.Fatal("nothing was granted")
	}
	e.say(l, nil)
	if u := s.used("g1.changed0.o", l.period); u != held {
		t.Errorf("the edge holds %d, the Redis that was seeded counts %d", held, u)
	}
}

// TestNextPeriodAfterRedisWasEmptied: the lease that was fetched ahead tells what it
// holds as well, and an edge that stops gives it back.
func TestNextPeriodAfterRedisWasEmptied(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.stepped("edge-a")
	l := e.quota(1000)
	l.q.ahead()
	next := l.q.next
	e.say(next, nil)
	held := next.Left.Load()
	if held == 0 {
		t.Fatal("nothing was granted ahead")
	}
	s.rdb.FlushAll(t.Context())
	s.seed("second", 0)
	e.regenerated(l.q.shard, contract.BudgetGen("fresh", 0), contract.BudgetGen("second", 0))
	if c := next.ask(e.now()); c != nil {
		e.Limits.link.pipeline(t.Context(), []*call{c})
		next.hear(c, e.now())
	}
	if u := s.used("g1.changed0.o", next.period); u != held {
		t.Errorf("the edge holds %d of the next period, Redis counts %d", held, u)
	}
	e.refill.giveBack(t.Context())
	if u := s.used("g1.changed0.o", next.period); u != 0 {
		t.Errorf("an edge that stopped left %d of the next period taken", u)
	}
}

// TestGrantedBeforeTheClaim: Redis granted something, was emptied, and the edge told
// what it holds before it had the answer. What is granted in the answer was given to
// another meanwhile.
func TestGrantedBeforeTheClaim(t *testing.T) {
	t.Parallel()
	const quota = 60
	s := startRedis(t)
	a, b := s.stepped("edge-a"), s.stepped("edge-b")
	la, lb := a.quota(quota), b.quota(quota)
	la.hungry.Store(true)
	late := a.sent(la)
	s.rdb.FlushAll(t.Context())
	for _, e := range []stepped{a, b} {
		if _, err := e.publish(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.rdb.HGetAll(t.Context(), contract.RedisBudgetClaims(la.q.shard)).Result()
	if err != nil || len(all) != 2 {
		t.Fatalf("claims %v, %v", all, err)
	}
	var claims []*contract.BudgetClaim
	for field, value := range all {
		c, err := contract.DecodeBudgetClaim(field, value)
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, c)
	}
	s.rdb.HSet(t.Context(), contract.RedisBudget(contract.BudgetQuota, la.q.name, la.period), contract.RestoreBudget(claims, nil))
	s.seed("second", time.Now().Unix())
	n := b.spent(lb)
	la.hear(late, a.now())
	n += a.spent(la)
	for _, l := range []*lease{la, lb} {
		l.deny.Store(0)
	}
	n += b.spent(lb)
	if n != quota {
		t.Errorf("%d of %d", n, quota)
	}
	if u := s.used(la.q.name, la.period); u != quota {
		t.Errorf("Redis counts %d", u)
	}
}

// TestLateMessageAfterTheSeeding: an edge's first message, which knows of no seeding
// yet, reaches Redis when it was emptied and seeded long since. What the edge holds is
// not given to others.
func TestLateMessageAfterTheSeeding(t *testing.T) {
	t.Parallel()
	const quota = 60
	s := startRedis(t)
	e := s.stepped("edge-a")
	l := e.quota(quota)
	l.hungry.Store(true)
	late := l.ask(e.now())
	l.hear(&call{cell: l, err: context.DeadlineExceeded}, e.now())
	n := e.spentOf(l, 40)
	if n != 40 {
		t.Fatalf("%d of 40", n)
	}
	s.rdb.FlushAll(t.Context())
	claims := e.claims()
	s.rdb.HSet(t.Context(), contract.RedisBudget(contract.BudgetQuota, l.q.name, l.period), contract.RestoreBudget([]*contract.BudgetClaim{&claims[0]}, nil))
	s.seed("second", time.Now().Unix())
	e.Limits.link.pipeline(t.Context(), []*call{late})
	if late.err != nil {
		t.Fatal(late.err)
	}
	other := s.stepped("edge-b")
	n += other.spent(other.quota(quota)) + takeAll(e, l)
	if n > quota {
		t.Errorf("%d of %d", n, quota)
	}
}

// TestUnseededForLong: Redis was emptied and no worker is there. A lease asks at once,
// soon again, and then at most once a second.
func TestUnseededForLong(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	s.rdb.FlushAll(t.Context())
	e := s.stepped("edge-a")
	now := e.now()
	e.Limits.now = func() int64 { return now }
	l := e.quota(1000)
	l.hungry.Store(true)
	e.say(l, nil)
	asked := func(during time.Duration) (n int) {
		for end := now + int64(during); now < end; now += int64(wheelTick) {
			l.check(now)
			if l.node.state.Swap(idle) != queued {
				continue
			}
			l.hungry.Store(true) // requests keep coming
			if c := l.ask(now); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				l.hear(c, now)
				n++
			}
		}
		return n
	}
	if n := asked(400 * time.Millisecond); n < 3 {
		t.Errorf("asked %d times within a request's patience", n)
	}
	asked(10 * time.Second)
	if n := asked(time.Minute); n > 61 {
		t.Errorf("asked %d times in a minute", n)
	}
	s.seed("again", 0)
	asked(2 * time.Second)
	if l.Left.Load() == 0 {
		t.Error("it has nothing after the seeding")
	}
}

// TestClaimsAreToldInPace: however many counters wait for the worker, the edge tells
// it what it holds at once, soon again, and then at most once a second.
func TestClaimsAreToldInPace(t *testing.T) {
	t.Parallel()
	var p pace
	var waited time.Duration
	for n := range 20 {
		pause := p.told(true)
		if n == 0 && pause > 50*time.Millisecond {
			t.Errorf("the second time after %v", pause)
		}
		waited += pause
	}
	if waited < 10*time.Second || waited > 20*time.Second {
		t.Errorf("20 times in %v", waited)
	}
	if pause := p.told(false); pause > 50*time.Millisecond {
		t.Errorf("when all is well again: %v", pause)
	}
}
