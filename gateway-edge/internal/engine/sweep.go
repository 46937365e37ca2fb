package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// sweepEvery is the sweeper's period: no time limit is exacter.
const sweepEvery = 100 * time.Millisecond

// phase is what a client's socket is waited for.
type phase int64

const (
	phaseIdle phase = iota + 1
	phaseHead
	phaseBody
	phaseWrite
	phaseUpstream
	phaseFresh // idle, and nothing was served yet
)

// timer is a deadline that the sweeper enforces. The word holds CLOCK_BOOTTIME
// nanoseconds whose lowest byte is replaced by phase and a sequence number, so
// that two deadlines are never the same word; 0 means none, and a negative word
// that it has passed and the socket was woken.
type timer struct {
	at  atomic.Int64
	seq int64 // the owner's
}

// arm sets a deadline. It reports false when the one before has passed: the
// socket was woken and must not be used on.
func (t *timer) arm(p phase, deadline int64) bool {
	t.seq++
	return t.at.Swap(deadline&^0xff|int64(p)|t.seq&0x1f<<3) >= 0
}

// extend moves a deadline that has not passed; anyone may.
func (t *timer) extend(deadline int64) {
	d := t.at.Load()
	if d > 0 {
		t.at.CompareAndSwap(d, deadline&^0xff|d&7|(d>>3+16)&0x1f<<3)
	}
}

// clear ends the deadline, as arm does.
func (t *timer) clear() bool { return t.at.Swap(0) >= 0 }

// expired reports whether the deadline passed.
func (t *timer) expired() bool { return t.at.Load() < 0 }

// expire is the sweeper's: it takes a deadline that has passed.
func (t *timer) expire(now int64) bool {
	d := t.at.Load()
	return d > 0 && now > d && t.at.CompareAndSwap(d, -d)
}

// timers is what the sweeper sees of one connection or stream.
type timers struct {
	client timer // idle, head, write
	body   timer // the request's body is read, perhaps by a second goroutine
	up     timer
	gone   atomic.Bool // the client went away
	upConn atomic.Pointer[transport.Conn]
	cancel atomic.Pointer[context.CancelCauseFunc] // while a policy waits
	who    atomic.Pointer[policy.Principal]        // of an exchange whose bodies stream
	target atomic.Pointer[balance.Target]          // of such an exchange too
	dead   atomic.Bool                             // its time was up: who's credential was revoked, or target's drain is over
	tunnel atomic.Pointer[tunnel]                  // of a WebSocket
	owner  watched

	// The sweeper's own: what it saw last, to know that nothing moved.
	lastUp     int64
	lastCancel *context.CancelCauseFunc
	quiet      int // sweeps since something moved
	lastWho    *policy.Principal
	streaming  int // sweeps since who is there

	shard, index int
}

// watched is a connection or stream as the sweeper needs it.
type watched interface {
	// wake makes reads and writes of the client's socket return.
	wake()
	// stopReading makes reads alone return.
	stopReading()
	// away reports whether the client has gone away.
	away() bool
}

const sweepShards = 16

// sweeper holds every connection's timers.
type sweeper struct {
	next   atomic.Uint32
	count  atomic.Int64 // of connections; streams are not counted
	shards [sweepShards]struct {
		mu   sync.Mutex
		list []*timers // guarded by mu
	}
}

func (s *sweeper) len() int { return int(s.count.Load()) }

func (s *sweeper) add(t *timers) {
	t.shard = int(s.next.Add(1) % sweepShards)
	sh := &s.shards[t.shard]
	sh.mu.Lock()
	t.index = len(sh.list)
	sh.list = append(sh.list, t)
	sh.mu.Unlock()
	if _, ok := t.owner.(*conn); ok {
		s.count.Add(1)
	}
}

func (s *sweeper) remove(t *timers) {
	sh := &s.shards[t.shard]
	sh.mu.Lock()
	last := len(sh.list) - 1
	sh.list[t.index] = sh.list[last]
	sh.list[t.index].index = t.index
	sh.list[last] = nil
	sh.list = sh.list[:last]
	sh.mu.Unlock()
	if _, ok := t.owner.(*conn); ok {
		s.count.Add(-1)
	}
}

// run enforces every deadline that has passed.
func (s *sweeper) run(e *Engine) {
	now := e.clock.Boot()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, t := range sh.list {
			t.check(now)
		}
		sh.mu.Unlock()
	}
}

func (t *timers) check(now int64) {
	if t.client.expire(now) {
		t.owner.wake()
	}
	if t.body.expire(now) {
		t.owner.stopReading()
	}
	c := t.upConn.Load()
	if t.up.expire(now) {
		if c != nil {
			wakeUpstream(c)
		} else if cancel := t.cancel.Load(); cancel != nil {
			(*cancel)(errUpstreamSlow)
		}
	}
	if u := t.tunnel.Load(); u != nil {
		if u.check(now) {
			t.owner.wake()
			if c != nil {
				wakeUpstream(c)
			}
		}
		return
	}
	t.watch(c)
	t.judge(c)
	if x := t.target.Load(); x != nil && x.Overdue(now) {
		t.cut(c)
	}
}

// oldStream is after how many sweeps a stream is looked at: 1 s.
const oldStream = int(time.Second / sweepEvery)

// judge cuts a stream whose caller's credential is no longer good.
func (t *timers) judge(c *transport.Conn) {
	p := t.who.Load()
	if p == nil || p != t.lastWho {
		t.lastWho, t.streaming = p, 0
		return
	}
	if t.streaming++; t.streaming >= oldStream && !p.Alive() {
		t.cut(c)
	}
}

// cut ends a stream.
func (t *timers) cut(c *transport.Conn) {
	if t.dead.Swap(true) {
		return
	}
	t.gone.Store(true)
	if cancel := t.cancel.Load(); cancel != nil {
		(*cancel)(errRevoked)
	}
	if up := t.up.at.Load(); up > 0 && t.up.at.CompareAndSwap(up, -up) && c != nil {
		wakeUpstream(c)
	}
	t.owner.wake()
}

// watch looks for a client that went away while its request waits for a backend
// or in a policy: not at once, so that an exchange that goes well pays nothing.
func (t *timers) watch(c *transport.Conn) {
	up, cancel := t.up.at.Load(), t.cancel.Load()
	if up <= 0 && cancel == nil || up != t.lastUp || cancel != t.lastCancel {
		t.lastUp, t.lastCancel, t.quiet = up, cancel, 0
		return
	}
	t.quiet++
	if t.quiet > 5 && t.quiet%5 != 0 || !t.owner.away() {
		return
	}
	t.gone.Store(true)
	if cancel != nil {
		(*cancel)(errClientGone)
	}
	if up > 0 && t.up.at.CompareAndSwap(up, -up) && c != nil {
		wakeUpstream(c)
	}
}

// finish makes an exchange whose backend or policy is awaited go on without it: the
// time is up. Its answer is ended in the best way there is (see job.broke).
func (t *timers) finish() {
	if u := t.tunnel.Load(); u != nil {
		u.stop(endDrain)
		return
	}
	if t.up.expire(1 << 62) {
		if c := t.upConn.Load(); c != nil {
			wakeUpstream(c)
			return
		}
	}
	if cancel := t.cancel.Load(); cancel != nil {
		(*cancel)(errUpstreamSlow)
	}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// wakeUpstream makes reads and writes of a backend's connection return. It is
// never pooled again: its timer says so.
func wakeUpstream(c *transport.Conn) { _ = c.SetDeadline(past) }

// finish ends every exchange in the best way there is.
func (s *sweeper) finish() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, t := range sh.list {
			t.finish()
		}
		sh.mu.Unlock()
	}
}

// closeIdle closes connections that have been idle for d.
func (s *sweeper) closeIdle(d time.Duration) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, t := range sh.list {
			if c, ok := t.owner.(*conn); ok {
				c.closeIdle(d)
			}
		}
		sh.mu.Unlock()
	}
}
