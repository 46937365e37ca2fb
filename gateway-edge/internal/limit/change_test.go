package limit

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// These tests change a limit while a message under the old one is on its way: what
// the answer says of the old limit must not be held against the new one.

// stepped is an edge without its senders: the test moves each message.
type stepped struct {
	*Limits
	t testing.TB
}

func (s *store) stepped(id string) stepped {
	s.t.Helper()
	l, err := New(Config{Dir: s.t.TempDir(), Edge: id, Epoch: 1, Redis: s.rdb, Now: func() int64 { return int64(time.Hour) }})
	if err != nil {
		s.t.Fatal(err)
	}
	return stepped{l, s.t}
}

func (e stepped) family(kind policy.CounterKind, limit int64, r contract.Rate) *family {
	e.t.Helper()
	f, err := e.Family(policy.CounterSpec{
		Kind: kind, Name: "changed", By: policy.ByOrganization, Limit: limit, Rate: r, Period: "month",
		Scope: policy.Scope{OrganizationNum: 1, GatewayNum: 1},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return f.(*family)
}

// say sends what a cell has to say and hears the answer after during.
func (e stepped) say(a asker, during func()) {
	e.t.Helper()
	c := a.ask(e.now())
	if c == nil {
		e.t.Fatal("it has nothing to say")
	}
	e.Limits.link.pipeline(e.t.Context(), []*call{c})
	if c.err != nil {
		e.t.Fatal(c.err)
	}
	if during != nil {
		during()
	}
	a.hear(c, e.now())
}

// spent takes until the cell says Denied, with as many messages as that needs.
func (e stepped) spent(cell policy.Cell) (n int) {
	e.t.Helper()
	for range 10_000 {
		switch cell.Take(e.now()) {
		case policy.Took:
			n++
		case policy.Denied:
			return n
		case policy.Dry:
			a := cell.(asker)
			a.link().waiters.Add(1)
			e.say(a, nil)
			a.link().waiters.Add(-1)
		}
	}
	e.t.Fatal("it is never spent")
	return 0
}

func TestLimitRaisedWhileAsking(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		kind     policy.CounterKind
		old, new int64
	}{
		{"quota", policy.CountQuota, 60, 100},
		{"concurrency", policy.CountConcurrency, 10, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := startRedis(t).stepped("edge-a")
			at := func(limit int64) policy.Cell {
				return e.family(c.kind, limit, contract.Rate{}).of(nil, nil, e.now())
			}
			cell := at(c.old)
			if n := e.spent(cell); n != int(c.old) {
				t.Fatalf("spent %d of %d", n, c.old)
			}
			e.clear(cell) // the pause is over, somebody asks again
			a := cell.(asker)
			if v := cell.Take(e.now()); v != policy.Dry {
				t.Fatalf("a request says %v", v)
			}
			a.link().waiters.Add(1)
			e.say(a, func() { at(c.new) })
			a.link().waiters.Add(-1)
			if w, ok := cell.(interface{ exhausted() bool }); ok && w.exhausted() {
				t.Error("the new limit counts as spent")
			}
			if n := e.spent(cell); n != int(c.new-c.old) {
				t.Errorf("after raising the limit by %d while a message was under way, %d were admitted", c.new-c.old, n)
			}
		})
	}
}

// clear forgets that there was nothing to be had.
func (e stepped) clear(c policy.Cell) {
	switch c := c.(type) {
	case *lease:
		c.deny.Store(0)
	case *slots:
		c.deny.Store(0)
	default:
		e.t.Fatalf("%T", c)
	}
}

// TestRateRaisedWhileAsking: the wait in an answer is that of the old rate.
func TestRateRaisedWhileAsking(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	at := func(n int64) *direct {
		r := contract.Rate{Rate: n, Per: "hour", Burst: 1}
		return e.family(policy.CountRate, 0, r).of(nil, nil, e.now()).(*direct)
	}
	d := at(1)
	if n := e.spent(d); n != 1 {
		t.Fatalf("%d of 1 an hour", n)
	}
	if w := d.RetryAfter(e.now()); w < 30*time.Minute {
		t.Fatalf("one an hour is there again in %v", w)
	}
	d.deny.Store(0)
	d.node.waiters.Add(1)
	e.say(d, func() { at(3600) })
	if v := d.Take(e.now()); v != policy.Dry {
		t.Errorf("after going from one an hour to one a second while a message was under way, it says %v for %v", v, d.RetryAfter(e.now()))
	}
	d.node.waiters.Add(-1)
	if n := e.spent(d); n != 0 {
		t.Errorf("%d within the second", n)
	}
	if w := d.RetryAfter(e.now()); w > time.Second {
		t.Errorf("one a second is there again in %v", w)
	}
}

// TestLimitRaisedAfterTheLastWord: Redis said that nothing is left; then the limit
// is raised, or becomes one that refuses after having been an overage.
func TestLimitRaisedAfterTheLastWord(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	start := time.Now().Add(-time.Hour).Unix()
	doc := contract.Organization{Num: 5, RequestsPerPeriod: 100, PeriodStart: start, PeriodEnd: start + 86400, Overage: true}
	org := e.Organization(&doc)
	cell := func() *lease {
		f := org.Limits(false)[0].Family.(*family)
		return f.of(nil, nil, e.now()).(*lease)
	}
	for range 1000 {
		if v := cell().Take(e.now()); v != policy.Took {
			t.Fatalf("an overage says %v", v)
		}
	}
	e.say(cell(), nil) // the debt
	hard := doc
	hard.Overage = false
	org.Update(&hard)
	if n := e.spent(cell()); n != 0 {
		t.Errorf("%d beyond a hard limit", n)
	}
	if !cell().exhausted() {
		t.Error("1000 of 100 are not everything")
	}
	raised := hard
	raised.RequestsPerPeriod = 1100
	org.Update(&raised)
	l := cell()
	if l.exhausted() || l.State(e.now()).Left != 100 {
		t.Errorf("exhausted %t, %d of the 100 that were added are left, before Redis was asked", l.exhausted(), l.State(e.now()).Left)
	}
	if n := e.spent(l); n != 100 {
		t.Errorf("%d of 100 more", n)
	}
}

// TestRateOfAnEdgeThatFindsNothingFree: another edge holds the whole of a bucket
// that is too small for shares. The edge that comes after it asks again within a
// second, and has its part when the other's term is over.
func TestRateOfAnEdgeThatFindsNothingFree(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	r := contract.Rate{Rate: 10, Burst: 10}
	a, b := s.stepped("edge-a"), s.stepped("edge-b")
	holder := a.family(policy.CountRate, 0, r).of(nil, nil, a.now()).(*rate)
	holder.demand = 1000
	holder.node.waiters.Store(1)
	a.say(holder, nil)
	if part := holder.now.Load().part; part != 1 {
		t.Fatalf("the first edge has %v of the whole", part)
	}
	late := b.family(policy.CountRate, 0, r).of(nil, nil, b.now()).(*rate)
	late.node.waiters.Store(1)
	b.say(late, nil)
	if wait := time.Duration(late.deny.Load() - b.now()); !late.direct.Load() || wait <= 0 || wait > time.Second {
		t.Errorf("direct %t: an edge that found nothing free refuses for %v", late.direct.Load(), wait)
	}
}
