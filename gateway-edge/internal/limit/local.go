package limit

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// localRate is a rate of this edge's own. It implements body and policy.Cell.
type localRate struct {
	now  func() int64
	size atomic.Pointer[bucket]
	b    atomic.Pointer[gcra]
}

func newLocalRate(l *Limits, p *plan) *localRate {
	r := &localRate{now: l.now}
	r.size.Store(&p.rate)
	r.b.Store(fullGCRA(l.now(), p.rate))
	return r
}

func fullGCRA(now int64, b bucket) *gcra {
	return newGCRA(now, b.rate, float64(b.burst), float64(b.burst))
}

func (r *localRate) cell(int64) policy.Cell { return r }

// adopt implements body: the tokens stay, as far as the new burst has room.
func (r *localRate) adopt(p *plan) {
	if *r.size.Swap(&p.rate) == p.rate {
		return
	}
	now := r.now()
	tokens := r.b.Load().freeze(now)
	r.b.Store(newGCRA(now, p.rate.rate, float64(p.rate.burst), tokens))
}

// unneeded implements forgetter: a bucket that is full for long is as good as none.
func (r *localRate) unneeded(now int64) bool {
	return now-r.b.Load().tat.Load() > int64(forgetAfter)
}

// Take implements policy.Cell.
func (r *localRate) Take(now int64) policy.Verdict {
	for {
		b := r.b.Load()
		if b.take(now) {
			return policy.Took
		}
		if b.tat.Load() < frozen {
			return policy.Denied
		}
		runtime.Gosched() // the limit changes: its new bucket is there in a moment
	}
}

// Wait implements policy.Cell; there is nobody to ask.
func (r *localRate) Wait(policy.Blocking) policy.Verdict { return r.Take(r.now()) }

// Credit implements policy.Cell.
func (r *localRate) Credit() { r.b.Load().credit() }

// RetryAfter implements policy.Cell.
func (r *localRate) RetryAfter(now int64) time.Duration {
	return max(r.b.Load().wait(now), time.Millisecond)
}

// State implements policy.Cell.
func (r *localRate) State(now int64) policy.CellState {
	b, size := r.b.Load(), r.size.Load()
	return policy.CellState{Limit: size.units, Left: int64(b.tokens(now)), Window: size.per, Reset: b.refill(now)}
}

// localSlots is a concurrency limit of this edge's own.
type localSlots struct {
	limit atomic.Int64
	used  atomic.Int64
}

func newLocalSlots(_ *Limits, p *plan) *localSlots {
	s := &localSlots{}
	s.limit.Store(p.limit)
	return s
}

func (s *localSlots) cell(int64) policy.Cell { return s }

// adopt implements body.
func (s *localSlots) adopt(p *plan) { s.limit.Store(p.limit) }

// Take implements policy.Cell.
func (s *localSlots) Take(int64) policy.Verdict {
	if s.used.Add(1) <= s.limit.Load() {
		return policy.Took
	}
	s.used.Add(-1)
	return policy.Denied
}

// Wait implements policy.Cell; there is nobody to ask.
func (s *localSlots) Wait(policy.Blocking) policy.Verdict { return s.Take(0) }

// Credit implements policy.Cell: the request is over.
func (s *localSlots) Credit() { s.used.Add(-1) }

// RetryAfter implements policy.Cell.
func (s *localSlots) RetryAfter(int64) time.Duration { return time.Second }

// State implements policy.Cell.
func (s *localSlots) State(int64) policy.CellState {
	limit := s.limit.Load()
	return policy.CellState{Limit: limit, Left: max(0, limit-s.used.Load())}
}

// localQuota is a quota of this edge's own for one address: it is not kept over a
// restart, since addresses are many and cheap to change.
type localQuota struct {
	l     *Limits
	plan  atomic.Pointer[plan]
	start atomic.Int64 // Unix seconds of the period that used counts in
	used  atomic.Int64
}

func newLocalQuota(l *Limits, p *plan) *localQuota {
	q := &localQuota{l: l}
	q.plan.Store(p)
	return q
}

func (q *localQuota) cell(now int64) policy.Cell {
	per := q.period(now)
	if s := q.start.Load(); s != per.Start && q.start.CompareAndSwap(s, per.Start) {
		q.used.Store(0)
	}
	return q
}

func (q *localQuota) period(now int64) contract.Period {
	return contract.CalendarPeriod(q.plan.Load().length, time.Unix(0, now+q.l.offset.Load()))
}

// adopt implements body.
func (q *localQuota) adopt(p *plan) { q.plan.Store(p) }

// Take implements policy.Cell.
func (q *localQuota) Take(int64) policy.Verdict {
	if q.used.Add(1) <= q.plan.Load().limit {
		return policy.Took
	}
	q.used.Add(-1)
	return policy.Denied
}

// Wait implements policy.Cell; there is nobody to ask.
func (q *localQuota) Wait(policy.Blocking) policy.Verdict { return q.Take(0) }

// Credit implements policy.Cell.
func (q *localQuota) Credit() {
	if q.used.Add(-1) < 0 { // the period changed meanwhile
		q.used.Add(1)
	}
}

// RetryAfter implements policy.Cell.
func (q *localQuota) RetryAfter(now int64) time.Duration {
	return max(time.Second, time.Duration(q.period(now).End*1e9-now-q.l.offset.Load()))
}

// State implements policy.Cell.
func (q *localQuota) State(now int64) policy.CellState {
	limit, per := q.plan.Load().limit, q.period(now)
	return policy.CellState{
		Limit: limit, Left: max(0, limit-q.used.Load()), Window: time.Duration(per.End-per.Start) * time.Second,
		Reset: max(0, time.Duration(per.End*1e9-now-q.l.offset.Load())),
	}
}

var (
	_ policy.Cell = (*localRate)(nil)
	_ policy.Cell = (*localSlots)(nil)
	_ policy.Cell = (*localQuota)(nil)
	_ body        = (*localRate)(nil)
	_ body        = (*localSlots)(nil)
	_ body        = (*localQuota)(nil)
)
