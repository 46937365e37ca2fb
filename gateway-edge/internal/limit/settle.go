package limit

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/services/contract"
)

// lastSeq numbers the last message of an epoch: nothing comes after it.
const lastSeq = 1 << 52

// What a message says of its epoch, as quota.lua has it.
const (
	goesOn = iota
	settleNow
	settledBefore
)

// allOfIt is a hold that gives nothing back of what Redis knows.
const allOfIt = int64(-1)

// settlement gives back what a former epoch of this edge was granted and did not
// spend. It implements asker and is looked after until Redis has answered.
type settlement struct {
	l    *Limits
	r    *ledger.Record
	node node
}

func (r *refiller) newSettlement(rec *ledger.Record) *settlement {
	s := &settlement{l: r.l, r: rec}
	s.node.cell, s.node.r = s, r
	return s
}

// settle says the last word of every former epoch, those again that Redis has
// heard: it may have been emptied since, and the words are absolute.
func (r *refiller) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.l.ledger.Old() {
		if rec.Local {
			continue
		}
		s := r.newSettlement(rec)
		r.settlements = append(r.settlements, s)
		s.node.tend()
		s.node.wake()
	}
	r.ring()
}

// inherit takes over what the process before this one left, once it has ended:
// what it gave back is settled already, what it could not is settled now.
func (r *refiller) inherit() {
	if !r.l.alone() {
		return
	}
	r.shared = false
	if err := r.l.ledger.Look(); err != nil {
		r.l.log.Error("limits: leases of the process before this one can't be read: they stay spent", "error", err)
		return
	}
	if r.l.link.rdb != nil {
		r.settle()
	}
	r.l.eachBody(func(b body) {
		if q, ok := b.(*quota); ok {
			q.regrant()
		}
	})
}

// regrant counts anew what is left of a counter that is this edge's own.
func (q *quota) regrant() {
	e := q.cur.Load()
	if e == nil || !e.local {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.grantLocal(e.limit.Load())
}

// resettle says the last words of some shards again: they were seeded anew.
func (r *refiller) resettle(of func(shard int) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.settlements {
		if of(contract.BudgetShard(s.r.Counter)) {
			s.node.tend()
			s.node.wake()
		}
	}
}

func (s *settlement) link() *node { return &s.node }

func (s *settlement) ask(now int64) *call {
	r := s.r
	if r.End <= (now+s.l.offset.Load())/int64(time.Second) {
		s.node.active.Store(false)
		return nil
	}
	if !s.l.link.seen.Load() {
		return nil // until Redis answers, what is left may yet be adopted
	}
	last, turn := s.l.ledger.Settling(r)
	switch turn {
	case ledger.Never:
		s.node.active.Store(false)
		return nil
	case ledger.Wait:
		return nil
	}
	hold, settle := last.Spent, settleNow
	if last.Stale {
		hold = allOfIt
	}
	if last.Again {
		settle = settledBefore
	}
	n := contract.BudgetShard(r.Counter)
	return &call{
		cell: s, script: quotaScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetQuota, r.Counter, r.Period), contract.RedisBudgetGen(n)},
		args: []any{
			"", int64(maxLimit), contract.BudgetWriter(s.l.base, r.Epoch), int64(lastSeq), last.Granted, hold, 0, last.Spent,
			r.Start, r.End + 2*86400, settle,
		},
	}
}

func (s *settlement) hear(c *call, _ int64) {
	if c.err != nil {
		return
	}
	if c.number(0) != 1 && c.text(1) != "seq" {
		s.l.claim(contract.BudgetShard(s.r.Counter), c.text(1) == "ask")
		return
	}
	s.node.active.Store(false)
	if err := s.l.ledger.Settle(s.r); err != nil {
		s.l.log.Warn("limits: a settled lease could not be marked: it will be settled again", "error", err)
	}
}

// check implements asker: again until it is done.
func (s *settlement) check(now int64) int64 {
	if !s.node.active.Load() {
		return 0
	}
	s.node.wake()
	return now + int64(retryEvery)
}
