package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// rate is one subject's token bucket over all edges, of which this edge holds a
// share. It implements body and policy.Cell.
//
// The share's tokens are in a gcra. A renewal freezes it, hands what it held back
// to Redis but for a little that requests go on spending, and puts a new one in
// its place when the answer is there: tokens are conserved, whatever the share
// becomes.
type rate struct {
	l     *Limits
	c     *counter
	name  string
	shard int

	now    atomic.Pointer[share]
	count  atomic.Int64 // takes that were tried
	deny   atomic.Int64 // until then nothing can be had
	direct atomic.Bool  // one call an admission: see share.lua
	more   atomic.Bool  // Redis had more to give at the last answer, and nobody contends for it
	loose  atomic.Int64 // tokens that calls brought and no request took yet
	looseT atomic.Int64 // when they came
	slow   atomic.Int64 // until then Redis is not waited for: it did not answer in time
	node   node

	mu       sync.Mutex // guards what follows: the sender's and the wheel's
	size     bucket
	seq      int64
	kept     *share // the share before the message under way
	sent     int64
	asked    int64
	demand   float64 // tries a second, smoothed
	counted  int64
	looked   int64 // takes, when it was last seen to be in use
	countT   int64
	usedAt   int64
	renewAt  int64
	started  int     // early answers, while the demand is not known yet
	lost     bool    // a message's fate is unknown
	lent     float64 // tokens of the message under way that were spent before its answer
	contends bool
}

// share is this edge's part of a bucket until a moment; immutable but for the
// tokens in it.
type share struct {
	*gcra
	part  float64 // of the whole, 0 to 1
	until int64   // CLOCK_BOOTTIME; 0: none was ever had
	low   float64 // tokens: renew early below it
	early int64   // not before

	// Of the little that is kept while a renewal is under way:
	since int64   // when it was sent, 0 for a share of its own
	away  float64 // tokens handed back with it
	earns float64 // tokens a second that the share before goes on earning
}

// due is what belongs to this edge beside the tokens it may spend while a renewal
// is under way: the answer brings about as much.
func (s *share) due(now int64) float64 {
	if s.since == 0 {
		return 0
	}
	return s.away + s.earned(now)
}

func (s *share) earned(now int64) float64 {
	if s.since == 0 {
		return 0
	}
	return s.earns * float64(now-s.since) / 1e9
}

func newRate(l *Limits, c *counter, name string) body {
	p := c.plan.Load()
	if p.rate.small() {
		return newDirect(l, c, name)
	}
	r := &rate{l: l, c: c, name: name, shard: contract.BudgetShard(name), size: p.rate, countT: l.now()}
	r.node.cell, r.node.r = r, l.refill
	r.now.Store(&share{gcra: newGCRA(l.now(), 0, 0, 0)})
	return r
}

func (r *rate) cell(int64) policy.Cell { return r }

// small reports whether a bucket is too small for shares.
func (b bucket) small() bool { return b.rate < contract.SharedRate || b.burst < contract.SharedBurst }

// adopt implements body.
func (r *rate) adopt(p *plan) {
	r.mu.Lock()
	same := r.size == p.rate
	r.size = p.rate
	r.mu.Unlock()
	if same {
		return // a version that changed something else
	}
	r.node.tend()
	r.node.wake()
}

// Take implements policy.Cell.
func (r *rate) Take(now int64) policy.Verdict {
	s := r.now.Load()
	r.count.Add(1)
	if now < s.until && s.take(now) {
		if now > s.early && s.tokens(now) < s.low {
			r.node.wake()
		}
		if !r.node.active.Load() {
			r.node.tend()
		}
		return policy.Took
	}
	return r.dry(s, now)
}

func (r *rate) dry(s *share, now int64) policy.Verdict {
	if r.cut(now) {
		return r.alone(s, now)
	}
	if r.loose.Load() > 0 && r.takeLoose(now) {
		return policy.Took
	}
	switch {
	case now < r.deny.Load():
		return policy.Denied
	case now >= s.until, r.direct.Load():
		return policy.Dry // never had a share, or it ran out while the machine slept
	case r.more.Load():
		return policy.Dry // a burst past the share, though not past the limit
	case s.since != 0 && s.due(now)+1 >= float64(r.node.waiters.Load()) && s.due(now) >= 1:
		return policy.Dry // what it takes is on its way to Redis and back
	}
	if now > s.early {
		r.node.wake()
	}
	return policy.Denied
}

// cut reports whether Redis can't be asked: it does not answer, or not in time, or
// it was emptied and waits for the worker.
func (r *rate) cut(now int64) bool { return r.away() || now < r.slow.Load() }

func (r *rate) away() bool { return r.l.link.down() || r.l.shards[r.shard].unseeded.Load() }

// alone serves while Redis is away: the last share holds; an edge that never had
// one takes its part of the whole.
func (r *rate) alone(s *share, now int64) policy.Verdict {
	r.node.tend() // so that Redis is tried again
	if s.until != 0 && s.iv != never {
		if s.take(now) {
			return policy.Took
		}
		return policy.Denied
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.Load() != s {
		return policy.Dry
	}
	part := 1 / float64(max(1, r.l.edges.Load()))
	if r.kept != nil && r.kept.part > 0 {
		part = r.kept.part
	}
	// What is under way is lent until its fate is known.
	r.lent = s.away
	tokens := s.freeze(now) + s.due(now)
	if s.until == 0 {
		tokens = part * float64(r.size.burst)
	}
	r.now.Store(&share{
		gcra: newGCRA(now, part*r.size.rate, max(1, part*float64(r.size.burst)), tokens), part: part, until: now, early: math.MaxInt64,
	})
	return policy.Dry
}

// takeLoose takes a token that a call brought for a request that went away; they
// are good for a moment only.
func (r *rate) takeLoose(now int64) bool {
	if now-r.looseT.Load() > int64(looseFor) {
		r.loose.Store(0)
		return false
	}
	for {
		n := r.loose.Load()
		if n <= 0 {
			return false
		}
		if r.loose.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

const looseFor = 50 * time.Millisecond

// Wait implements policy.Cell: for the first share, or for one token where the
// bucket is too small to be shared.
func (r *rate) Wait(b policy.Blocking) policy.Verdict { return r.node.wait(b, r.waiting()) }

func (r *rate) waiting() *waiting {
	take := func(now int64) policy.Verdict {
		v := r.Take(now)
		if v == policy.Dry && r.cut(now) {
			v = r.Take(now) // the second look finds the share to serve alone with
		}
		return v
	}
	return &waiting{take: take, late: func() policy.Verdict {
		now := r.l.now()
		r.slow.Store(now + int64(slowFor))
		if v := take(now); v != policy.Dry {
			return v
		}
		return policy.Denied
	}}
}

// slowFor is how long an edge serves by itself after Redis did not answer in
// time.
const slowFor = time.Second

// Credit implements policy.Cell.
func (r *rate) Credit() { r.now.Load().credit() }

// RetryAfter implements policy.Cell: when the share has earned a token, or sooner,
// when the edge asks Redis again and may get a better share.
func (r *rate) RetryAfter(now int64) time.Duration {
	w := max(time.Duration(r.deny.Load()-now), time.Millisecond)
	s := r.now.Load()
	asks := s.early
	if asks == math.MaxInt64 {
		if s.iv == never {
			return w // an answer is due
		}
		asks = now + int64(slowFor) // alone: Redis may be there again
	}
	token := time.Duration(1e9 / r.c.plan.Load().rate.rate)
	return max(w, min(s.wait(now), max(token, time.Duration(asks-now)+time.Millisecond)))
}

// State implements policy.Cell: the share's tokens, scaled to the whole.
func (r *rate) State(now int64) policy.CellState {
	p := r.c.plan.Load().rate
	st := policy.CellState{Limit: p.units, Window: p.per}
	s := r.now.Load()
	left := float64(p.burst)
	if s.until != 0 {
		left = s.tokens(now)
		if s.part > 0 && s.iv != never {
			left = math.Min(left/s.part, float64(p.burst))
			st.Reset = s.refill(now)
		}
	}
	st.Left = int64(left)
	return st
}

var _ policy.Cell = (*rate)(nil)
