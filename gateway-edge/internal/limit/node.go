package limit

import (
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// call is one script on its way.
type call struct {
	cell   asker
	script *script
	keys   [2]string
	args   []any
	reply  []any
	err    error
}

// asker is a cell that talks to Redis through the refiller. Its methods are
// called by one sender at a time.
type asker interface {
	link() *node
	// ask says what to send; nil when there is nothing to ask any more.
	ask(now int64) *call
	// hear takes the reply or the error.
	hear(c *call, now int64)
	// check looks after the cell in between; it returns when to look again, 0 to
	// be forgotten until it is used again.
	check(now int64) int64
}

// States of a node.
const (
	idle uint32 = iota
	queued
	flying
	flyingAgain // asked for again while under way
)

// node hangs a cell on the refiller's queue: at most one message of a cell is
// under way at a time.
type node struct {
	state  atomic.Uint32
	active atomic.Bool // the refiller looks after the cell
	next   *node       // in the queue
	due    *node       // in the queue of cells to look after
	cell   asker
	r      *refiller

	gate    atomic.Pointer[chan struct{}] // closed when an answer came
	waiters atomic.Int32
}

// wake puts the cell onto the queue of those that want to talk to Redis. It never
// blocks and does not allocate.
func (n *node) wake() {
	for {
		switch s := n.state.Load(); s {
		case idle:
			if n.state.CompareAndSwap(idle, queued) {
				n.r.push(n)
				return
			}
		case flying:
			if n.state.CompareAndSwap(flying, flyingAgain) {
				return
			}
		default:
			return
		}
	}
}

// landed ends a flight; it goes onto the queue again if somebody asked meanwhile.
func (n *node) landed() {
	if n.state.CompareAndSwap(flying, idle) {
		return
	}
	n.state.Store(queued)
	n.r.push(n)
	n.r.ring()
}

// tend asks the refiller to look after the cell.
func (n *node) tend() {
	if !n.active.Load() && n.active.CompareAndSwap(false, true) {
		n.r.attend(n)
	}
}

// open lets every waiter look again.
func (n *node) open() {
	if g := n.gate.Swap(nil); g != nil {
		close(*g)
	}
}

// door returns the channel that the next answer closes.
func (n *node) door() chan struct{} {
	for {
		if g := n.gate.Load(); g != nil {
			return *g
		}
		g := make(chan struct{})
		if n.gate.CompareAndSwap(nil, &g) {
			return g
		}
	}
}

// Bounds of the requests that wait on one cell: while something may be left, and
// when the last word was that nothing is.
const (
	maxWaiters  = 1024
	lastWaiters = 64
)

// How long a request waits: while something may be left (where Config.Patience is
// 0), and for units that come back when the last word was that nothing is.
const (
	defaultPatience = 250 * time.Millisecond
	lastPatience    = 5 * time.Millisecond
)

// waiting is how a kind of cell waits.
type waiting struct {
	last bool // the last word was that nothing is left
	take func(now int64) policy.Verdict
	late func() policy.Verdict // the verdict when patience ends
	// held reports that asking makes no sense for a moment, because the worker is
	// restoring the counter; then requests wait longer. Nil: never.
	held func(now int64) bool
}

// restorePatience is how long a request may wait for the worker.
const restorePatience = 400 * time.Millisecond

// wait is every kind's Wait: take, else wait for the cell's next answer.
func (n *node) wait(b policy.Blocking, w *waiting) policy.Verdict {
	now := n.r.l.now
	if v := w.take(now()); v != policy.Dry {
		return v
	}
	long, most := n.r.l.patience, int32(maxWaiters)
	if w.last {
		long, most = lastPatience, lastWaiters
	}
	if n.waiters.Add(1) > most {
		n.waiters.Add(-1)
		return w.late()
	}
	defer n.waiters.Add(-1)
	n.r.waits.Add(1)
	ctx, began := b.Context(), now()
	t := time.NewTimer(long)
	defer t.Stop()
	for {
		door := n.door()
		at := now()
		if v := w.take(at); v != policy.Dry {
			return v
		}
		held := w.held != nil && w.held(at)
		if !held {
			n.wake()
			n.r.ring()
		}
		select {
		case <-door:
		case <-t.C:
			at = now()
			if v := w.take(at); v != policy.Dry {
				return v
			}
			if !held && (w.held == nil || !w.held(at)) || at-began > int64(restorePatience) {
				return w.late()
			}
			t.Reset(restorePause)
		case <-ctx.Done():
			return w.late()
		}
	}
}
