package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// quota is one subject's quota over all its periods.
type quota struct {
	l      *Limits
	c      *counter
	name   string
	shard  int
	filter ledger.Filter

	cur  atomic.Pointer[lease]
	mu   sync.Mutex // guards what follows and the change of cur
	next *lease     // prefetched for the period to come
	prev *lease
	gone bool // dropped: it gets no more leases
}

func newQuota(l *Limits, c *counter, name string, f ledger.Filter) *quota {
	return &quota{l: l, c: c, name: name, shard: contract.BudgetShard(name), filter: f}
}

// cell implements body: it goes over to the next period when its time has come.
func (q *quota) cell(now int64) policy.Cell {
	e := q.cur.Load()
	if wall := now + q.l.offset.Load(); e == nil || wall >= e.end || wall < e.start {
		if e = q.roll(wall); e == nil {
			return nil
		}
	}
	return e
}

// restAfter is how long after its period's end a lease is let go of: credits come
// late. The ledger keeps its record as long.
const restAfter = time.Hour

// rest lets go of leases that are long over, so that their records' files can be
// unmapped: the disk gives the space of a deleted file back only then.
func (q *quota) rest(now int64) {
	wall := now + q.l.offset.Load()
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.cur.Load(); e != nil && e.over(wall) {
		q.cur.Store(nil)
	}
	if q.prev != nil && q.prev.over(wall) {
		q.prev = nil
	}
	if q.next != nil && q.next.over(wall) {
		q.next = nil
	}
}

// over reports whether nobody needs a lease any more.
func (e *lease) over(wall int64) bool {
	return wall > e.end+int64(restAfter) && !e.node.active.Load() && e.node.state.Load() == idle
}

// unneeded implements forgetter.
func (q *quota) unneeded(int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone = q.cur.Load() == nil && q.prev == nil && q.next == nil; q.gone {
		q.c.gone.Store(true) // before cell says so
	}
	return q.gone
}

func (q *quota) period(wall int64) contract.Period {
	p := q.c.plan.Load()
	if p.length == "" {
		return subscriptionAt(p.fixed, wall/1e9)
	}
	return contract.CalendarPeriod(p.length, time.Unix(0, wall))
}

func (q *quota) roll(wall int64) *lease {
	e, moved := q.enter(wall) // nil: the counter was dropped
	if moved {
		e.relimit() // it may have been made under another limit
	}
	return e
}

// enter goes over to the lease of a moment, and reports whether it is another one.
func (q *quota) enter(wall int64) (e *lease, moved bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return nil, false
	}
	per := q.period(wall)
	if e = q.cur.Load(); e != nil && e.period == per.Name {
		return e, false
	}
	switch { // a clock that was set back finds the lease that it left
	case q.next != nil && q.next.period == per.Name:
		e, q.next = q.next, nil
	case q.prev != nil && q.prev.period == per.Name:
		e = q.prev
	default:
		e = q.newLease(per)
	}
	q.prev = q.cur.Swap(e)
	return e, true
}

// ahead makes the next period's lease and asks for its first units.
func (q *quota) ahead() {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.cur.Load()
	p := q.c.plan.Load()
	if e == nil || p.length == "" {
		return
	}
	per := contract.CalendarPeriod(p.length, time.Unix(0, e.end))
	if q.next != nil && q.next.period == per.Name {
		return
	}
	q.next = q.newLease(per)
	q.next.hungry.Store(true)
	q.next.node.tend()
	q.next.node.wake()
}

// adopt implements body.
func (q *quota) adopt(*plan) {
	e := q.cur.Load()
	if e == nil {
		return
	}
	if wall := q.l.now() + q.l.offset.Load(); q.period(wall).Name != e.period {
		q.roll(wall) // another length of period: another counter
		return
	}
	e.relimit()
}

// lease is what this edge holds of a quota in one period. It implements
// policy.Cell. Its words lie in the mapped ledger.
type lease struct {
	*ledger.Slot
	l      *Limits
	q      *quota
	period string
	start  int64 // wall clock ns
	end    int64
	local  bool

	soft  atomic.Bool // never refuses
	limit atomic.Int64
	low   atomic.Int64 // ask for more below it
	deny  atomic.Int64 // until then others need not be asked
	avail atomic.Int64 // of the quota, in Redis, at the last answer
	spare atomic.Int64 // units that other edges held at the last answer
	known atomic.Bool  // there was an answer
	shut  atomic.Int64 // until then the worker is restoring the counter
	// hungry: a request found nothing; unsure: a message's fate is unknown or it
	// must be said again. Both make the lease speak.
	hungry, unsure atomic.Bool
	again          atomic.Bool // the message under way is not the last word: see retell
	adopted        atomic.Bool // former epochs' units were looked for

	node node

	// What follows is the sender's and the wheel's: guarded by mu.
	mu     sync.Mutex
	recall bool // the limit fell, or Redis may not know of all: give everything back first
	// The message under way: units asked for, what it claims, how much of that was
	// granted before, what of it is on its way back, and what is left of the claim.
	asked, claimed, saidGranted, sentBack, hold int64

	said        int64  // the limit in it
	saidGen     string // the marker in it
	saidClaimed uint64 // see shard
	lastAsk     int64  // when, and what was spent then
	lastUsed    int64
	spentAt     int64
	saidSpent   int64 // in the last message
	usedAt      int64 // when spending last moved, as the wheel saw it
	jitter      int64
	former      bool // what former epochs spent was said
	tries       int  // in a row that the worker was restoring the counter
}

func (q *quota) newLease(per contract.Period) *lease {
	p := q.c.plan.Load()
	e := &lease{
		l: q.l, q: q, period: per.Name, start: per.Start * 1e9, end: per.End * 1e9, local: p.local,
		jitter: int64(contract.BudgetShard(q.l.edge+q.name)) * int64(8*time.Second) / contract.BudgetShards,
	}
	e.Slot = q.l.ledger.Slot(&ledger.Identity{
		Counter: q.name, Period: per.Name, Start: per.Start, End: per.End, Local: p.local, Filter: q.filter,
	})
	e.node.cell, e.node.r = e, q.l.refill
	e.limit.Store(p.limit)
	e.soft.Store(p.soft)
	e.spentAt, e.usedAt = e.Spent(), q.l.now()
	if p.local {
		e.grantLocal(p.limit)
	}
	return e
}

// grantLocal makes the whole limit spendable here, less what this edge spent
// before it was restarted.
func (e *lease) grantLocal(limit int64) {
	before := e.l.ledger.SpentBefore(e.q.name, e.period)
	want := max(0, limit-before)
	diff := want - e.Granted.Load()
	e.Granted.Add(diff)
	e.Left.Add(diff)
	if owed := min(e.Debt.Load(), max(0, e.Left.Load())); owed > 0 {
		e.Left.Add(-owed)
		e.Debt.Add(-owed)
	}
	e.avail.Store(0)
	e.known.Store(true)
}

// relimit goes over to the newest limit of the counter.
func (e *lease) relimit() {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.q.c.plan.Load()
	before := e.most()
	old := e.limit.Swap(p.limit)
	wasSoft := e.soft.Swap(p.soft)
	if e.local {
		e.grantLocal(p.limit)
		return
	}
	if p.limit < old || wasSoft && !p.soft {
		e.recall = true
		e.withdraw()
	}
	if p.limit != old || p.soft != wasSoft {
		e.avail.Add(e.most() - before) // what Redis said was of the old limit
		e.deny.Store(0)
		e.node.tend()
		e.node.wake()
		e.node.r.ring()
	}
}

// most is how much Redis may grant. Callers hold mu, under which it changes.
func (e *lease) most() int64 {
	if e.soft.Load() {
		return maxLimit
	}
	return e.limit.Load()
}

// Take implements policy.Cell.
func (e *lease) Take(now int64) policy.Verdict {
	left := e.Left.Add(-1)
	if left >= 0 {
		if left < e.low.Load() {
			e.node.wake()
		}
		if !e.node.active.Load() && !e.local {
			e.node.tend()
		}
		return policy.Took
	}
	return e.dry(now)
}

// dry decides when nothing is left here.
func (e *lease) dry(now int64) policy.Verdict {
	if e.soft.Load() { // the next message claims it
		e.Debt.Add(1) // first: a kill in between leaves it spent
		e.Left.Add(1)
		e.hunger()
		return policy.Took
	}
	e.Left.Add(1)
	switch {
	case e.local || now < e.deny.Load():
		return policy.Denied
	case now < e.shut.Load() && e.node.waiters.Load() >= maxWaiters:
		return policy.Unavailable
	case !e.l.link.down():
		if !e.hungry.Load() {
			e.hungry.Store(true)
		}
		return policy.Dry
	case e.exhausted():
		return policy.Denied
	case e.adopt():
		return e.Take(now)
	}
	return policy.Unavailable
}

// adopt takes over what former epochs of this edge held, once: it was started
// while Redis is away. It reports whether there was anything.
func (e *lease) adopt() bool {
	if e.l.link.seen.Load() || e.adopted.Swap(true) || e.l.ledger.Adopt(e.Slot) == 0 {
		return false
	}
	e.retell() // Redis must hear of it before the former epochs are settled
	e.node.tend()
	return true
}

// retell makes the lease say what it holds, even when a message that does not say it
// is under way.
func (e *lease) retell() {
	e.again.Store(true)
	e.unsure.Store(true)
}

func (e *lease) hunger() {
	if !e.hungry.Load() {
		e.hungry.Store(true)
	}
	e.node.tend()
	e.node.wake()
}

// exhausted reports whether the whole quota was seen spent: that stays true
// whether or not Redis answers.
func (e *lease) exhausted() bool {
	return e.known.Load() && e.avail.Load() <= 0 && e.spare.Load() <= 0
}

// Wait implements policy.Cell.
func (e *lease) Wait(b policy.Blocking) policy.Verdict {
	last := e.known.Load() && e.avail.Load() <= 0
	return e.node.wait(b, &waiting{
		last: last,
		take: func(now int64) policy.Verdict {
			v := e.Take(now)
			if v == policy.Unavailable && e.held(now) {
				v = policy.Dry
			}
			return v
		},
		late: func() policy.Verdict {
			if e.known.Load() && e.avail.Load() <= 0 && !e.held(e.l.now()) {
				return policy.Denied
			}
			return policy.Unavailable
		},
		held: e.held,
	})
}

// held reports whether the worker is restoring the counter.
func (e *lease) held(now int64) bool { return now < e.shut.Load() && !e.l.link.down() }

// Credit implements policy.Cell.
func (e *lease) Credit() {
	e.Left.Add(1)
	if !e.local {
		e.node.tend()
	}
}

// RetryAfter implements policy.Cell: to the period's end when the quota is spent.
func (e *lease) RetryAfter(now int64) time.Duration {
	if e.local || e.exhausted() {
		return max(time.Second, time.Duration(e.end-now-e.l.offset.Load()))
	}
	if e.l.link.down() || !e.known.Load() {
		return 5 * time.Second
	}
	return time.Second
}

// State implements policy.Cell. What other edges hold is not counted as left.
func (e *lease) State(now int64) policy.CellState {
	s := policy.CellState{
		Limit: e.limit.Load(), Window: time.Duration(e.end - e.start),
		Reset: max(0, time.Duration(e.end-now-e.l.offset.Load())),
	}
	s.Left = min(s.Limit, max(0, e.Left.Load()))
	switch {
	case e.local:
	case e.known.Load():
		s.Left = min(s.Limit, s.Left+max(0, e.avail.Load()))
	default:
		s.Left = s.Limit
	}
	return s
}

var _ policy.Cell = (*lease)(nil)

// want is how many units to ask for: ten seconds of what is spent.
func (e *lease) want(now int64) int64 {
	rate := 0.0
	if dt := now - e.lastAsk; e.lastAsk > 0 && dt > 0 {
		rate = float64(e.Spent()-e.lastUsed) / (float64(max(dt, int64(time.Millisecond))) / 1e9)
	}
	edges := max(1, e.l.edges.Load())
	w := math.Max(256, math.Max(10*rate, float64(e.limit.Load())/float64(400*edges)))
	return int64(math.Min(w, maxLimit))
}
