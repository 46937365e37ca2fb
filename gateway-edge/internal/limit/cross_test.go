package limit

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
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

// TestBrokenBooksRefuseNothing: of two former epochs the later one's file can't be
// written. Its units stay spent; requests are served all the same.
func TestBrokenBooksRefuseNothing(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	dir := t.TempDir()
	start := func(epoch uint64) stepped {
		e := s.epoch(dir, epoch)
		e.link.seen.Store(true)
		return e
	}
	one := start(1).quota(1000)
	one.hungry.Store(true)
	stepped{one.l, t}.say(one, nil)
	e := start(2)
	two := e.quota(1000)
	two.former = true // as if the first epoch's word was lost on its way
	two.hungry.Store(true)
	e.say(two, nil)
	e = start(3)
	if err := os.Remove(filepath.Join(dir, "2-1.tgl")); err != nil {
		t.Fatal(err)
	}
	e.refill.settle()
	for range 2 {
		for _, st := range e.refill.settlements {
			if c := st.ask(e.now()); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				st.hear(c, e.now())
			}
		}
	}
	l := e.quota(1000)
	l.hungry.Store(true)
	if l.ask(e.now()) == nil {
		t.Error("a lease waits for ever for an epoch that can't be settled")
	}
	for _, st := range e.refill.settlements {
		if st.check(e.now()) != 0 {
			t.Error("a settlement that can't be made is tried for ever")
		}
	}
}

// TestEdgesAreCountedOnce: an edge that stops in order, again and again, takes part
// once.
func TestEdgesAreCountedOnce(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	other := s.edge("edge-b", 1)
	serve(other.Limits, quotaFamily(t, other.Limits, 1000), testKey())
	dir := t.TempDir()
	for epoch := range uint64(4) {
		e := boot(t, s.client(), "edge-a", dir, epoch+1)
		serve(e.Limits, quotaFamily(t, e.Limits, 1000), testKey())
		n, err := s.rdb.HGet(t.Context(), contract.RedisBudget(contract.BudgetQuota, quotaCounter, thisMonth()), "n").Int()
		if err != nil || n != 2 {
			t.Errorf("in epoch %d %d edges of 2 take part (%v)", epoch+1, n, err)
		}
		e.halt()
	}
}

// epoch is one run of edge-a on a directory, without its senders.
func (s *store) epoch(dir string, epoch uint64) stepped {
	s.t.Helper()
	l, err := New(Config{Dir: dir, Edge: "edge-a", Epoch: epoch, Redis: s.rdb, Now: func() int64 { return int64(time.Hour) }})
	if err != nil {
		s.t.Fatal(err)
	}
	return stepped{l, s.t}
}

// TestAdoptedWhileAsking: an edge that was started while Redis is away takes over
// what its former epoch held, with its first message still under way. The former
// epoch is not settled before that is said.
func TestAdoptedWhileAsking(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	dir := t.TempDir()
	e := s.epoch(dir, 1)
	e.link.seen.Store(true)
	one := e.quota(100)
	one.hungry.Store(true)
	e.say(one, nil)
	held := one.Left.Load()
	e = s.epoch(dir, 2)
	two := e.quota(100)
	two.former = true // its word is on its way as well
	two.hungry.Store(true)
	c := e.sent(two)
	e.link.away.Store(true) // the answer is not there yet
	e.link.seen.Store(false)
	n := takeAll(e, two)
	if int64(n) != held {
		t.Fatalf("took over %d of %d", n, held)
	}
	e.link.away.Store(false)
	e.link.seen.Store(true)
	two.hear(c, e.now())
	e.refill.settle()
	last := e.refill.settlements[0]
	if last.ask(e.now()) != nil {
		t.Error("the former epoch is settled before Redis has heard who took over its units")
	}
	n += takeAll(e, two)
	for range 3 {
		for _, a := range []asker{two, last} {
			if c := a.ask(e.now()); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				a.hear(c, e.now())
			}
		}
	}
	if !last.r.Settled {
		t.Error("the former epoch is not settled")
	}
	if u := s.used("g1.changed0.o", two.period); u != int64(n)+two.Left.Load() {
		t.Errorf("Redis counts %d, %d were spent and %d are held", u, n, two.Left.Load())
	}
}

// TestPowerFailureTakesGrantsFromTheBooks: the power fails before the kernel has
// written what an edge was granted and spent last. Nothing of that is given back.
func TestPowerFailureTakesGrantsFromTheBooks(t *testing.T) {
	t.Parallel()
	for name, emptied := range map[string]bool{"Redis has it": false, "Redis was emptied": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			dir := t.TempDir()
			e := s.epoch(dir, 1)
			e.link.seen.Store(true)
			l := e.quota(1000)
			l.hungry.Store(true)
			e.say(l, nil)
			old := books(t, dir, 1)
			n := e.spentOf(l, 600)
			powerFails(t, dir, 1, old)

			e = s.epoch(dir, 2)
			e.link.seen.Store(true)
			if emptied {
				s.rdb.FlushAll(t.Context())
				var claims []*contract.BudgetClaim
				for _, c := range e.claims() {
					claims = append(claims, &c)
				}
				// The ledger has what was admitted, from the meter's own books.
				s.rdb.HSet(t.Context(), contract.RedisBudget(contract.BudgetQuota, "g1.changed0.o", l.period),
					contract.RestoreBudget(claims, []contract.BudgetSum{{Writer: "edge-a.1", Admitted: int64(n)}}))
				s.seed("second", time.Now().Unix())
			}
			e.refill.settle()
			for _, st := range e.refill.settlements {
				e.say(st, nil)
			}
			n += e.spent(e.quota(1000))
			if n > 1000 {
				t.Errorf("%d of 1000", n)
			}
			if !e.quota(1000).exhausted() {
				t.Error("units that nobody has count as held by others")
			}
		})
	}
}

// books are an epoch's file as it is now.
func books(t *testing.T, dir string, epoch int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(epoch)+"-1.tgl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// powerFails leaves an epoch's file as it was, of another boot of the machine.
func powerFails(t *testing.T, dir string, epoch int, b []byte) {
	t.Helper()
	copy(b[168:], "00000000-0000-0000-0000-000000000000") // the boot id
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:2048]))
	name := filepath.Join(dir, strconv.Itoa(epoch)+"-1.tgl")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
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
