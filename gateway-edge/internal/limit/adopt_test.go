package limit

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestAdoptedLeases restarts an edge while Redis is away: it spends what its
// former epoch left, and the last words are said in the one order that gives
// nothing out twice.
func TestAdoptedLeases(t *testing.T) {
	t.Parallel()
	m := emptyModel(t, startRedis(t), 1)
	x := &modelEdge{dir: t.TempDir()}
	start := func(away bool) {
		m.boot(x)
		x.l.link.away.Store(away)
		x.l.link.seen.Store(!away)
	}
	reach := func() {
		x.l.link.away.Store(false)
		x.l.link.seen.Store(true)
	}
	take := func(n int) (got int) {
		for range n {
			if x.e.Take(x.l.now()) == policy.Took {
				got++
			}
		}
		return got
	}
	say := func(a asker) bool {
		c := a.ask(x.l.now())
		if c == nil {
			return false
		}
		m.deliver(c)
		a.hear(c, x.l.now())
		return true
	}
	used := func() int64 { return m.s.used(m.counter(), x.e.period) }

	start(false) // epoch 1: a lease, five units of it spent
	x.e.hungry.Store(true)
	say(x.e)
	held := int(x.e.Left.Load())
	if take(5) != 5 || held <= 10 {
		t.Fatalf("a lease of %d", held)
	}

	start(true) // epoch 2: three more, then it is killed as well
	if n := take(3); n != 3 {
		t.Fatalf("%d of 3 while Redis is away", n)
	}
	start(true) // epoch 3: all the rest, and no more
	if n := take(100); n != held-8 {
		t.Errorf("%d of %d were adopted", n, held-8)
	}
	if v := x.e.Take(x.l.now()); v != policy.Unavailable {
		t.Errorf("past it: %v", v)
	}
	if len(x.owed) != 2 {
		t.Fatalf("%d epochs to settle", len(x.owed))
	}
	first, second := x.owed[0], x.owed[1]
	if first.r.Epoch > second.r.Epoch {
		first, second = second, first
	}
	if say(first) || say(second) {
		t.Error("a former epoch was settled before Redis was there")
	}
	reach()
	if say(first) || say(second) {
		t.Error("a former epoch was settled before this epoch's claim was heard")
	}
	x.e.unsure.Store(true)
	say(x.e)
	if say(first) {
		t.Error("the first epoch was settled before the second, which adopted from it")
	}
	if !say(second) || !say(first) || !first.r.Settled || !second.r.Settled {
		t.Error("the former epochs are not settled")
	}
	if u, left := used(), x.e.Left.Load(); u != int64(held)+left {
		t.Errorf("used %d: %d were spent, %d are held", u, held, left)
	}
}

// TestAdoptsNothingThatMayBeReturned: once a return was sent, answered or not, the
// units are nobody's to adopt.
func TestAdoptsNothingThatMayBeReturned(t *testing.T) {
	t.Parallel()
	m := emptyModel(t, startRedis(t), 1)
	x := &modelEdge{dir: t.TempDir()}
	m.boot(x)
	x.l.link.away.Store(false)
	x.e.hungry.Store(true)
	c := x.e.ask(x.l.now())
	m.deliver(c)
	x.e.hear(c, x.l.now())
	m.boot(x)
	x.l.link.away.Store(false)
	x.l.link.seen.Store(true)
	if c := x.owed[0].ask(x.l.now()); c == nil {
		t.Fatal("nothing is returned")
	}
	m.boot(x) // killed before the answer, and Redis is gone
	x.l.link.away.Store(true)
	x.l.link.seen.Store(false)
	if v := x.e.Take(x.l.now()); v != policy.Unavailable {
		t.Errorf("a unit that may have been returned was spent: %v", v)
	}
}

// TestEmptiedWhileStopped: an edge stopped in order, then Redis lost everything,
// and nobody else knows; the edge's own books do.
func TestEmptiedWhileStopped(t *testing.T) {
	t.Parallel()
	const quota = 50
	s := startRedis(t)
	dir := t.TempDir()
	spend := func(epoch uint64, tries int) (n int) {
		e := boot(t, s.client(), "edge-a", dir, epoch)
		f := quotaFamily(t, e.Limits, quota)
		for range tries {
			if v, _ := serve(e.Limits, f, testKey()); v == policy.Took {
				n++
			}
		}
		e.halt()
		return n
	}
	if n := spend(1, 30); n != 30 {
		t.Fatalf("spent %d", n)
	}
	s.rdb.FlushAll(t.Context())
	s.seed("as if new", 0)
	if n := spend(2, 60); n != quota-30 {
		t.Errorf("after Redis was emptied %d of %d", n, quota-30)
	}
	s.rdb.FlushAll(t.Context())
	s.seed("again", 0)
	if n := spend(3, 60); n != 0 {
		t.Errorf("with all spent %d", n)
	}
}
