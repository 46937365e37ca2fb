package limit

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestLimitChangedBeforeThePeriodEnds: the next period's lease is there already when
// the limit changes.
func TestLimitChangedBeforeThePeriodEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, now int64 }{{1000, 7}, {7, 1000}} {
		e := startRedis(t).stepped("edge-a")
		l := e.quota(c.old)
		l.q.ahead()
		e.say(l.q.next, nil)
		e.at(time.Unix(0, l.end-int64(time.Second)))
		e.quota(c.now)
		e.at(time.Unix(0, l.end+int64(time.Second)))
		next := e.quota(c.now)
		if next == l {
			t.Fatal("the period does not end")
		}
		if limit := next.State(e.now()).Limit; limit != c.now {
			t.Errorf("from %d to %d in the last second of a period: the next one's limit is %d", c.old, c.now, limit)
		}
		if n := e.spent(next); n != int(c.now) {
			t.Errorf("from %d to %d in the last second of a period: %d in the next", c.old, c.now, n)
		}
	}
}

// TestClockSetBackAcrossAChange: a lease that a clock finds again has the limit of
// now.
func TestClockSetBackAcrossAChange(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	l := e.quota(1000)
	before := time.Unix(0, l.end-int64(time.Second))
	e.at(time.Unix(0, l.end+int64(time.Second)))
	if e.quota(1000) == l {
		t.Fatal("the period does not end")
	}
	e.quota(7)
	e.at(before)
	if back := e.quota(7); back != l || back.State(e.now()).Limit != 7 {
		t.Errorf("after the clock was set back the limit is %d of 7", back.State(e.now()).Limit)
	}
}

// TestSubscriptionFromTheLastOfAMonth: an edge that begins a subscription's period
// before the control plane has said so knows where it ends: at the day that the
// subscription began, or the month's last.
func TestSubscriptionFromTheLastOfAMonth(t *testing.T) {
	t.Parallel()
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct{ start, end, next, after string }{
		{"2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"},
		{"2027-01-30", "2027-02-28", "2027-03-30", "2027-04-30"},
		{"2027-01-29", "2027-02-28", "2027-03-29", "2027-04-29"},
		{"2027-01-28", "2027-02-28", "2027-03-28", "2027-04-28"},
		{"2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"},
		{"2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"},
		{"2027-05-31", "2027-06-30", "2027-07-31", "2027-08-31"},
		{"2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"},
		{"2027-12-05", "2028-01-05", "2028-02-05", "2028-03-05"},
	} {
		p := fixedPeriod(day(c.start).Unix(), day(c.end).Unix())
		one := subscriptionAt(p, p.End)
		two := subscriptionAt(p, one.End)
		if got := time.Unix(one.End, 0).UTC().Format(time.DateOnly); one.Start != p.End || got != c.next {
			t.Errorf("after %s to %s comes a period to %s, not %s", c.start, c.end, got, c.next)
		}
		if got := time.Unix(two.End, 0).UTC().Format(time.DateOnly); two.Start != one.End || got != c.after {
			t.Errorf("two after %s to %s comes a period to %s, not %s", c.start, c.end, got, c.after)
		}
	}
}

// TestSubscriptionAfterItsPeriodBeganHere: the edge begins the period by itself, then
// the control plane says it. Until its last day it is served.
func TestSubscriptionAfterItsPeriodBeganHere(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	unix := func(month time.Month, day int) int64 { return time.Date(2027, month, day, 0, 0, 0, 0, time.UTC).Unix() }
	doc := contract.Organization{Num: 5, RequestsPerPeriod: 100, PeriodStart: unix(1, 31), PeriodEnd: unix(2, 28)}
	org := e.Organization(&doc)
	cell := func() *lease {
		f := org.Limits(false)[0].Family.(*family)
		return f.of(nil, nil, e.now()).(*lease)
	}
	e.at(time.Unix(unix(2, 28)+1, 0))
	if n := e.spentOf(cell(), 10); n != 10 {
		t.Fatalf("%d of 10 in the first second of the period", n)
	}
	said := doc
	said.PeriodStart, said.PeriodEnd = unix(2, 28), unix(3, 31)
	org.Update(&said)
	e.at(time.Unix(unix(3, 30), 0))
	if n := e.spentOf(cell(), 80); n != 80 {
		t.Errorf("%d of 80 on the day before the period's last", n)
	}
}

// spentOf tries to take n.
func (e stepped) spentOf(l *lease, n int) (got int) {
	e.t.Helper()
	for range 3 * n {
		if got == n {
			return got
		}
		if l.Take(e.now()) == policy.Took {
			got++
			continue
		}
		l.deny.Store(0)
		l.hungry.Store(true)
		if c := l.ask(e.now()); c != nil {
			e.Limits.link.pipeline(e.t.Context(), []*call{c})
			l.hear(c, e.now())
		}
	}
	return got
}

// TestEndedPeriodIsLeftAlone: Redis was emptied around a period's end. What an edge
// holds of the ended period is nobody's any more, and nobody asks for it for ever.
func TestEndedPeriodIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.stepped("edge-a")
	l := e.quota(1000)
	l.hungry.Store(true)
	e.say(l, nil)
	end := time.Unix(0, l.end)
	e.at(end.Add(time.Minute))
	s.rdb.FlushAll(t.Context())
	s.seed("second", end.Add(time.Second).Unix())
	now := e.now()
	e.Limits.now = func() int64 { return now }
	for range 20 {
		next := l.check(now)
		if next == 0 {
			return
		}
		if l.node.state.Swap(idle) == queued {
			if c := l.ask(now); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				l.hear(c, now)
			}
		}
		now = next
	}
	t.Errorf("it asks and is looked after for ever: %d on their way, %d left", l.Back.Load(), l.Left.Load())
}

// TestQuotasOfOldPeriodsAreForgotten: what a counter held of periods long over is
// dropped, and so is a counter that nobody used since.
func TestQuotasOfOldPeriodsAreForgotten(t *testing.T) {
	t.Parallel()
	e := startRedis(t).stepped("edge-a")
	spec := quotaSpec(100)
	spec.Period = "hour"
	f, err := e.Family(spec)
	if err != nil {
		t.Fatal(err)
	}
	fam := f.(*family)
	held := testKey()
	l := fam.of(held, nil, e.now()).(*lease)
	l.hungry.Store(true)
	e.say(l, nil)
	takeAll(e, l)
	for n := range uint64(1000) {
		p := testKey()
		p.Key = 100 + n
		fam.of(p, nil, e.now())
	}
	public := fam.of(nil, nil, e.now()).(*lease)
	e.sweep(e.now())
	if n := len(fam.kin.many); n != 1002 {
		t.Errorf("%d counters in their own period", n)
	}
	e.at(time.Unix(0, l.end).Add(2 * time.Hour))
	e.sweep(e.now())
	if n := len(fam.kin.many); n != 2 {
		t.Errorf("%d counters while one has something to say", n)
	}
	l.node.state.Store(idle) // it was said
	l.node.active.Store(false)
	e.sweep(e.now())
	if n := len(fam.kin.many); n != 1 {
		t.Errorf("%d counters two hours after their period", n)
	}
	if public.q.cur.Load() != nil {
		t.Error("the counter that stays still holds its lease of then")
	}
	again := fam.of(held, nil, e.now()).(*lease)
	if again == l || again.period == l.period || fam.of(held, nil, e.now()) != policy.Cell(again) {
		t.Error("a counter that was forgotten is not begun anew once")
	}
	if again.q == l.q {
		t.Error("it was not forgotten")
	}
	l.Credit() // one that comes very late
}
