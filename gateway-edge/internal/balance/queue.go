package balance

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// queue is where requests wait, first come first served, for a target of their
// upstream to have room. Only upstreams whose targets have a cap use it, and only
// while all of them are full.
type queue struct {
	// waiting is how many stand in list. Requests that find a target with room
	// look at it first, and stand behind those who wait; who leaves a target looks
	// at it after.
	waiting atomic.Int32

	mu   sync.Mutex // guards list
	list []*waiter
}

// waiter is one request that waits.
type waiter struct {
	u    *Upstream
	c    *Call
	woke chan struct{} // closed once c has a target
	left bool          // it waits no more; guarded by the queue's lock
}

// Wait waits for a target to have room, as long as the upstream's queue allows.
// It follows a Pick that said upstream_busy, and answers as Pick does. Unlike
// everything else here it blocks.
func (u *Upstream) Wait(ctx context.Context, c *Call) (*Target, contract.Code) {
	if u.queueLength == 0 {
		return nil, contract.CodeUpstreamBusy
	}
	q := &u.group.queue
	w := &waiter{u: u, c: c, woke: make(chan struct{})}
	if !q.join(w) {
		return nil, contract.CodeUpstreamBusy
	}
	q.wake() // somebody may have left between Pick and here
	timer := time.NewTimer(u.queueTimeout)
	defer timer.Stop()
	select {
	case <-w.woke:
	case <-timer.C:
	case <-ctx.Done():
	}
	if q.leave(w) {
		return nil, contract.CodeUpstreamBusy
	}
	return c.target, 0
}

// Waiting is how many requests wait for a target.
func (u *Upstream) Waiting() int { return int(u.group.queue.waiting.Load()) }

// join puts w at the end, if there is a place.
func (q *queue) join(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) >= w.u.queueLength {
		return false
	}
	q.list = append(q.list, w)
	q.waiting.Store(int32(len(q.list)))
	return true
}

// leave takes w out; false when it has got a target meanwhile.
func (q *queue) leave(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.left {
		return false
	}
	q.drop(slices.Index(q.list, w))
	return true
}

// drop takes the i-th out. The lock is held.
func (q *queue) drop(i int) {
	q.list[i].left = true
	q.list = slices.Delete(q.list, i, i+1)
	q.waiting.Store(int32(len(q.list)))
}

// wake gives targets with room to those who wait, in their order. One who waits
// for a target of its own does not hold up the others.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := 0; i < len(q.list); {
		w := q.list[i]
		if !w.u.serve(w.c) {
			i++
			continue
		}
		q.drop(i)
		close(w.woke)
	}
}

// serve gives a waiting call a target with room.
func (u *Upstream) serve(c *Call) bool {
	s := u.current()
	if t := c.session; c.n == 0 && t != nil && t.Weight > 0 && t.inService() {
		return t.offer(c)
	}
	if c.sticky {
		t := s.ring.owner(s, c)
		return t != nil && t.offer(c)
	}
	for _, i := range s.list {
		if t := s.targets[i]; !c.has(t) && t.offer(c) {
			return true
		}
	}
	return false
}

// offer reserves a place for a call that has waited.
func (t *Target) offer(c *Call) bool {
	r, probe := t.reserve(true)
	if r != roomFree {
		return false
	}
	c.take(t, probe)
	return true
}
