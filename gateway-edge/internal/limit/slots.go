package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// slots is one subject's concurrency limit, of which this edge holds some slots
// for a term. It implements body and policy.Cell.
type slots struct {
	l     *Limits
	c     *counter
	name  string
	shard int

	free   atomic.Int64 // slots held and not in use; below 0: a take about to be undone, or over
	over   atomic.Int64 // slots taken beyond those held while Redis was away
	held   atomic.Int64
	until  atomic.Int64 // CLOCK_BOOTTIME: the term's end
	low    atomic.Int64 // ask for more below it
	deny   atomic.Int64
	direct atomic.Bool // too few slots to hold any that are not in use
	// shut: all edges together hold more than the limit, since it was lowered or one of
	// them was cut off. What comes free is not used again until they do not.
	shut  atomic.Bool
	avail atomic.Int64
	known atomic.Bool
	least atomic.Int64 // the fewest that were free since the last look
	node  node

	mu      sync.Mutex // guards what follows: the sender's and the wheel's
	limit   int64
	seq     int64
	back    int64 // slots on their way back; their fate may be unknown
	cede    int64 // slots that go back when requests end: free is less by them
	sent    int64
	keep    int64
	said    int64 // the limit in the message under way
	debt    int64
	lost    bool
	renewAt int64
	spare   int64 // slots that were free all through the last window of looks
	unused  int64 // the fewest that were free in this window, of looks so far
	looks   int
}

// Terms of slots.
const (
	slotTerm   = 5 * time.Second
	slotRenew  = 2 * time.Second
	slotLook   = 100 * time.Millisecond
	slotDenied = 20 * time.Millisecond

	// Looks after which slots that were not used go back: where slots are scarce,
	// and where there are plenty.
	scarceLooks, plentyLooks = 2, 20
)

func newSlots(l *Limits, c *counter, name string) body {
	s := &slots{l: l, c: c, name: name, shard: contract.BudgetShard(name), limit: c.plan.Load().limit}
	s.node.cell, s.node.r = s, l.refill
	return s
}

func (s *slots) cell(int64) policy.Cell { return s }

// adopt implements body: with a smaller limit nobody gets a slot until enough came
// back.
func (s *slots) adopt(p *plan) {
	s.mu.Lock()
	if s.limit == p.limit {
		s.mu.Unlock()
		return // a version that changed something else
	}
	s.shut.Store(s.avail.Add(p.limit-s.limit) < 0) // what Redis said was of the old limit
	s.limit = p.limit
	s.deny.Store(0)
	s.renewAt = 0
	s.mu.Unlock()
	s.node.tend()
}

// Take implements policy.Cell.
func (s *slots) Take(now int64) policy.Verdict {
	if now >= s.until.Load() && !s.cut() {
		s.node.tend()
		return policy.Dry // nothing is held, or it ran out while the machine slept
	}
	free := s.free.Add(-1)
	if free >= 0 && !s.shut.Load() {
		if free < s.least.Load() {
			s.least.Store(free)
		}
		if free < s.low.Load() {
			s.node.wake()
		}
		s.node.tend()
		return policy.Took
	}
	if s.cut() {
		if s.within(free) {
			return policy.Took
		}
		return policy.Denied
	}
	s.free.Add(1)
	if now < s.deny.Load() {
		return policy.Denied
	}
	return policy.Dry
}

// within reports whether a slot that was taken beyond those held, or though all edges
// hold too many, may be used nevertheless; else it is given back. It is for when Redis
// can't be asked.
func (s *slots) within(free int64) bool {
	s.node.tend()
	if s.held.Load()-free <= s.floor() {
		if free < 0 {
			s.over.Add(1)
		}
		return true
	}
	s.free.Add(1)
	return false
}

// cut reports whether Redis can't be asked.
func (s *slots) cut() bool { return s.l.link.down() || s.l.shards[s.shard].unseeded.Load() }

// floor is what an edge may always use while it is cut off.
func (s *slots) floor() int64 { return s.c.plan.Load().limit / max(1, s.l.edges.Load()) }

// Wait implements policy.Cell.
func (s *slots) Wait(b policy.Blocking) policy.Verdict { return s.node.wait(b, s.waiting()) }

func (s *slots) waiting() *waiting {
	return &waiting{
		last: s.known.Load() && s.avail.Load() <= 0,
		take: s.Take,
		late: func() policy.Verdict {
			if s.known.Load() && s.avail.Load() <= 0 {
				return policy.Denied
			}
			return policy.Unavailable
		},
	}
}

// Credit implements policy.Cell: the request is over.
func (s *slots) Credit() {
	s.free.Add(1)
	s.node.tend()
	if s.direct.Load() {
		s.node.wake()
		s.node.r.ring()
	}
}

// RetryAfter implements policy.Cell: slots come back when requests end, which
// nobody knows.
func (s *slots) RetryAfter(int64) time.Duration { return time.Second }

// State implements policy.Cell.
func (s *slots) State(int64) policy.CellState {
	st := policy.CellState{Limit: s.c.plan.Load().limit}
	st.Left = st.Limit
	if s.known.Load() {
		st.Left = min(st.Limit, max(0, max(0, s.free.Load())+s.avail.Load()))
	}
	return st
}

var _ policy.Cell = (*slots)(nil)

func (s *slots) link() *node { return &s.node }

// ask implements asker.
func (s *slots) ask(now int64) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.limit
	waiting := int64(s.node.waiters.Load())
	free, held := s.free.Load(), s.held.Load()
	// Who waits hears something in any case, and is not told to ask again at once.
	grow := waiting > 0 && (free <= 0 || s.shut.Load()) || free < s.low.Load()
	if !s.lost && !grow && now < s.renewAt && s.surplus() == 0 {
		return nil
	}
	s.giveBack()
	s.debt = s.over.Swap(0)
	s.keep = held - s.back + s.debt
	want := s.keep
	if grow && s.cede == 0 && !s.shut.Load() {
		// As many again, and never a handful where there are plenty; the script
		// sees to it that others find some.
		want += max(8, waiting, s.keep, limit/64)
	}
	s.sent, s.said = now, limit
	s.seq++
	return &call{
		cell: s, script: slotsScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetConcurrency, s.name, ""), contract.RedisBudgetGen(s.shard)},
		args: []any{limit, s.l.edge, s.seq, s.keep, want, slotTerm.Milliseconds()},
	}
}

// giveBack takes what should go back out of reach. Callers hold mu.
func (s *slots) giveBack() {
	switch give := s.surplus(); {
	case give == 0:
	case s.cede > 0:
		s.cede -= give
		s.back += give
	case s.withdraw(give):
		s.back += give
	}
}

// surplus is how many slots should go back and are not in use. Callers hold mu.
func (s *slots) surplus() int64 {
	free := s.free.Load()
	if s.back > 0 {
		return 0
	}
	if s.cede > 0 {
		return max(0, min(s.cede, s.cede+free))
	}
	if free <= 0 {
		return 0
	}
	// What all edges hold beyond the limit comes back as far as it is there.
	n := -s.avail.Load()
	switch {
	case !s.direct.Load():
		n = max(n, s.spare)
	case s.node.waiters.Load() == 0:
		n = free
	}
	return max(0, min(n, free))
}

// withdraw takes n free slots out of reach.
func (s *slots) withdraw(n int64) bool {
	for {
		free := s.free.Load()
		if free < n {
			return false
		}
		if s.free.CompareAndSwap(free, free-n) {
			return true
		}
	}
}

// hear implements asker.
func (s *slots) hear(c *call, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node.tend()
	if c.err != nil || c.number(0) != 1 {
		s.over.Add(s.debt)
	}
	if c.err != nil {
		s.lost = true
		return
	}
	if c.number(0) != 1 {
		if c.text(1) == "seq" {
			s.seq = max(s.seq, c.seq())
		} else {
			s.l.claim(s.shard, false)
			s.free.Add(s.back)
			s.back = 0
		}
		s.lost = true
		return
	}
	s.lost = false
	s.back = 0
	s.l.shards[s.shard].unseeded.Store(false)
	limit := s.limit
	mine, avail, n := c.number(1), c.number(2)+limit-s.said, c.number(3)
	s.l.saw(n)
	s.direct.Store(limit < 2*n)
	fresh := mine - s.keep
	s.held.Store(mine)
	free := s.free.Add(fresh + s.debt)
	s.spare = 0
	if fresh > 0 {
		s.least.Store(free)
		s.looks = 0
	}
	s.until.Store(s.sent + int64(slotTerm))
	s.renewAt = s.sent + int64(slotRenew)
	s.avail.Store(avail)
	s.shut.Store(avail < 0)
	s.known.Store(true)
	s.low.Store(0)
	if avail > 0 && !s.direct.Load() && mine > 4 {
		s.low.Store(mine / 4)
	}
	if fresh == 0 && avail <= 0 {
		s.deny.Store(now + int64(slotDenied))
	}
	if mine == 0 && avail > 0 {
		s.until.Store(0)
	}
	s.yield(c.number(4) == 1, avail, (limit+n-1)/max(1, n))
}

// yield lets go of some of what this edge holds beyond an even part, as requests end,
// while there is nothing else for another that wants more. Callers hold mu.
func (s *slots) yield(hungry bool, avail, part int64) {
	cede := int64(0)
	if hungry && avail <= 0 {
		cede = max(0, (s.held.Load()-part+7)/8) // which may want less
	}
	s.free.Add(s.cede - cede)
	s.cede = cede
}

// check implements asker: it renews in time and gives back what was not used.
func (s *slots) check(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, held := s.free.Load(), s.held.Load()
	s.look(free)
	switch {
	case s.lost:
		s.node.wake()
	case held == 0 && free == 0 && s.back == 0 && s.over.Load() == 0:
		s.node.active.Store(false)
		if s.free.Load() != 0 && s.node.active.CompareAndSwap(false, true) {
			break
		}
		return 0
	case now >= s.renewAt, s.surplus() > 0:
		s.node.wake()
	}
	return now + int64(slotLook)
}

// unneeded implements forgetter.
func (s *slots) unneeded(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.node.active.Load() && s.node.state.Load() == idle && s.held.Load() == 0 && s.free.Load() == 0 &&
		s.over.Load() == 0 && now-s.sent > int64(forgetAfter)
}

// look notes how many slots were not used lately. Callers hold mu.
func (s *slots) look(free int64) {
	least := min(s.least.Swap(free), free)
	if s.looks == 0 || least < s.unused {
		s.unused = least
	}
	s.looks++
	need := plentyLooks
	if s.avail.Load() < s.limit/2 {
		need = scarceLooks
	}
	if s.looks >= need {
		s.spare, s.looks = max(0, s.unused), 0
	}
}
