package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
)

// Errors of the client's side.
var (
	errClientGone = errors.New("the client went away")
	errClientSlow = errors.New("the client was too slow")
	errRevoked    = errors.New("the caller's credential was revoked")
	errBodyOver   = errors.New("the request body is larger than allowed")
)

// conn is an HTTP/1.1 connection of a client. One goroutine owns it; while a
// long request body is sent on, a second one reads it.
type conn struct {
	eng  *Engine
	nc   net.Conn
	raw  syscall.RawConn // of plain TCP: reads without holding a buffer while idle
	info Info
	timers
	kept forwarding
	ctx  context.Context // ends when the connection must be cut

	j       *job // nil while idle
	r, w    int  // unread bytes of j.buf
	first   bool // nothing was served yet, and it may still be HTTP/2
	http2   bool
	readErr error
	readFn  func(fd uintptr) bool
	parsed  bool // j.head holds the next request, its fault is fault
	fault   *gate.Fault
	served  bool    // the quick way served a request and left its end to next
	one     [1]byte // awaited, over TLS

	toWrite  []byte
	written  int
	writeErr error
	writeFn  func(fd uintptr) bool

	// Of the sweeper, to see whether the client is there.
	ctl      syscall.RawConn
	peekFn   func(fd uintptr)
	peekBuf  [1]byte
	peeked   int
	peekErr  error
	hungUp   bool
	abortFIN atomic.Bool

	// Of the present answer.
	length   int64 // announced; -1: not known
	left     int64 // of length
	bodied   bool
	chunked  bool
	begun    bool // the head was written
	telling  sync.Mutex
	told     bool // the answer has begun, as far as 100 (Continue) is concerned; guarded by telling
	close    bool // the connection ends behind this answer
	refusals int  // in a row, because the edge has too much to do
	broken   bool // nothing more can be written
	vec      net.Buffers
	vecArray [3][]byte
}

// preface is how a connection begins that is HTTP/2 without asking (RFC 9113 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// ServeConn serves an HTTP/1.1 connection until it ends, and closes it. ctx ends
// when the connection must be cut. If the connection turns out to be HTTP/2 in
// clear text, nothing is closed, http2 is true, and ahead is what was read.
func (e *Engine) ServeConn(ctx context.Context, nc net.Conn, info Info) (ahead []byte, http2 bool) {
	c := &conn{eng: e, nc: nc, info: info, ctx: ctx}
	c.readFn = c.readReady
	c.peekFn, c.writeFn = c.peekReady, c.writeReady
	c.ctl = rawConn(nc)
	if !info.TLS {
		c.raw = c.ctl
	}
	c.timers.owner = c
	c.timers.client.arm(phaseFresh, e.clock.Coarse()+int64(e.cfg.Limits.Head))
	e.sweep.add(&c.timers)
	stop := context.AfterFunc(ctx, c.cut)
	if len(info.Ahead) > 0 {
		c.take()
		c.w = copy(c.j.buf, info.Ahead)
		c.info.Ahead = nil
	}
	c.first = !info.TLS
	for c.guarded() {
	}
	stop()
	e.sweep.remove(&c.timers)
	if c.http2 {
		ahead = append(ahead, c.j.buf[c.r:c.w]...)
	} else {
		_ = nc.Close()
	}
	if c.j != nil {
		c.j.reset()
		c.drop()
	}
	return ahead, c.http2
}

// isHTTP2 reports whether the connection begins with the preface of HTTP/2. Its
// first bytes are enough to tell; what follows may still be on its way.
func (c *conn) isHTTP2() bool {
	c.first = false
	seen := func() []byte { return c.j.buf[c.r:min(c.w, c.r+len(preface))] }
	until := c.eng.clock.Coarse() + int64(c.eng.cfg.Limits.Head) // for all of it, however it trickles in
	for len(seen()) < len(preface) && preface[:len(seen())] == string(seen()) {
		if !c.timers.client.arm(phaseHead, until) {
			return false
		}
		n, err := c.nc.Read(c.j.buf[c.w:])
		if c.w += n; err != nil {
			return false
		}
	}
	return string(seen()) == preface
}

// rawConn returns the socket under a connection, nil when there is none.
func rawConn(nc net.Conn) syscall.RawConn {
	for {
		u, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = u.NetConn()
	}
	if t, ok := nc.(syscall.Conn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// guarded is next with a panic of the engine's own held back: it costs this
// connection and no other.
func (c *conn) guarded() (more bool) {
	defer func() {
		if v := recover(); v != nil {
			c.eng.cfg.Logger.Error("engine panicked", "panic", v, "stack", string(debug.Stack()))
			if j := c.j; j != nil {
				c.j = nil
				j.wreck()
			}
			more = false
		}
	}()
	return c.next()
}

// next serves one request. It reports whether another may follow.
func (c *conn) next() bool {
	if c.w == c.r && !c.await() && !c.late() {
		return false
	}
	if c.served {
		c.served = false
		return c.over()
	}
	if c.first && c.isHTTP2() {
		c.http2 = true
		c.timers.client.clear()
		return false
	}
	j := c.j
	f, ok := c.readHead()
	if !ok {
		return false
	}
	c.begun, c.told, c.close, c.broken = false, false, j.head.Close || f != nil || c.eng.draining.Load(), false
	if f != nil {
		j.serveFault(c.ctx, f)
		c.finish()
		return false
	}
	if !c.timers.client.clear() {
		return false
	}
	j.body.start(j, j.buf[c.r:c.w])
	j.serve(c.ctx)
	return c.over()
}

// over ends an exchange and waits where the next request is not to be read at once.
func (c *conn) over() bool {
	refused := c.j.shed
	if !c.finish() || !c.armIdle() {
		return false
	}
	c.rest(refused)
	return true
}

func (c *conn) armIdle() bool {
	return c.timers.client.arm(phaseIdle, c.eng.clock.Coarse()+int64(c.eng.cfg.Limits.Idle))
}

// take gives the connection a job.
func (c *conn) take() *job {
	j := c.eng.jobs.Get().(*job)
	j.cl, j.info, j.timers, j.kept = c, c.info, &c.timers, &c.kept
	j.head.Trusted, j.head.TLS = c.info.Trusted, c.info.TLS
	c.j, c.r, c.w = j, 0, 0
	return j
}

// drop gives the job back.
func (c *conn) drop() {
	j := c.j
	c.j, c.r, c.w = nil, 0, 0
	j.cl, j.timers, j.kept = nil, nil, nil
	c.eng.jobs.Put(j)
}

// readHead reads until a request's head is complete. ok is false when the
// connection just ends.
func (c *conn) readHead() (f *gate.Fault, ok bool) {
	j, seen := c.j, 0
	if c.parsed {
		f, c.fault, c.parsed = c.fault, nil, false
		return f, true
	}
	for {
		b := j.buf[c.r:c.w]
		if len(b) >= gate.MaxHead || hasLine(b[seen:]) {
			n, f := j.head.ParseRequest(j.e, b)
			if f != nil || n > 0 {
				c.r += n
				return f, true
			}
		} else if seen == 0 {
			if f := j.head.Early(j.e, b); f != nil {
				return f, true
			}
		}
		if seen == 0 && !c.timers.client.arm(phaseHead, c.eng.clock.Coarse()+int64(c.eng.cfg.Limits.Head)) {
			return c.slowHead(), true
		}
		seen = len(b)
		c.room()
		n, err := c.nc.Read(j.buf[c.w:])
		if n > 0 {
			c.w += n
			continue
		}
		if err != nil && c.timers.client.expired() && c.ctx.Err() == nil {
			return c.slowHead(), true
		}
		return nil, false
	}
}

func (c *conn) slowHead() *gate.Fault {
	_ = c.nc.SetDeadline(time.Time{})
	c.timers.client.clear()
	c.j.head.Begin(c.j.e)
	return slowHead()
}

func hasLine(b []byte) bool {
	for _, c := range b {
		if c == '\n' {
			return true
		}
	}
	return false
}

// room makes place for more of a head.
func (c *conn) room() {
	j := c.j
	if c.w < len(j.buf) {
		return
	}
	if c.r > 0 {
		c.w = copy(j.buf, j.buf[c.r:c.w])
		c.r = 0
		return
	}
	b := make([]byte, min(2*len(j.buf), gate.MaxHead+headBuf))
	c.w = copy(b, j.buf[:c.w])
	j.buf = b
}

// finish ends an exchange: what is left of the request's body is read or the
// connection closed, and pipelined bytes move to the front of the buffer.
func (c *conn) finish() bool {
	j := c.j
	if c.broken || c.timers.client.expired() {
		return false
	}
	if !j.body.done && (c.close || !c.discard()) {
		c.linger()
		return false
	}
	if c.close {
		c.linger()
		return false
	}
	rest := j.body.rest(j.buf[c.r:c.w])
	own := j.body.own
	j.reset()
	if len(rest) > len(j.buf) {
		j.buf = make([]byte, len(rest)+headBuf)
	}
	c.r, c.w = 0, copy(j.buf, rest)
	if own != nil {
		c.eng.streams.Put(own)
	}
	return true
}

// linger lets the client read the answer before the connection is cut: unread
// bytes would turn the close into a reset that can overtake it.
func (c *conn) linger() {
	l := c.eng.cfg.Limits.Linger
	if t, ok := c.nc.(interface{ CloseWrite() error }); ok {
		if t.CloseWrite() != nil {
			return
		}
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	if !c.timers.client.arm(phaseBody, c.eng.clock.Coarse()+int64(l)) {
		return
	}
	b := c.j.buf
	for n := 0; n < 4*maxDiscard; {
		m, err := c.nc.Read(b)
		if err != nil {
			return
		}
		n += m
	}
}

// late is called when a connection has been idle for too long. A request that came
// in the moment of the end is read, and true returned; else our half is closed
// first, so that the client learns it before it sends another.
func (c *conn) late() bool {
	if !c.timers.client.expired() || c.ctx.Err() != nil || c.timers.gone.Load() || c.readErr == io.EOF {
		return false
	}
	c.timers.client.clear()
	if c.nc.SetDeadline(time.Time{}) != nil {
		return false
	}
	if c.ctl == nil || c.ctl.Control(c.peekFn) != nil {
		return false
	}
	if c.peekErr == nil && c.peeked > 0 {
		return c.timers.client.arm(phaseIdle, c.eng.clock.Coarse()+int64(c.eng.cfg.Limits.Linger)) && c.await()
	}
	if c.peekErr == nil || !errors.Is(c.peekErr, syscall.EAGAIN) {
		return false // it has ended by itself
	}
	if c.j == nil {
		c.take()
	}
	c.linger()
	return false
}

// wake makes the connection's reads and writes return.
func (c *conn) wake() { _ = c.nc.SetDeadline(past) }

// cut ends everything on the connection.
func (c *conn) cut() {
	c.timers.gone.Store(true)
	c.wake()
	if up := c.timers.upConn.Load(); up != nil && c.timers.up.expire(1<<62) {
		wakeUpstream(up)
	}
}

// away reports whether the client has reset the connection, or has closed its
// half of it where the route takes that for going away.
func (c *conn) away() bool {
	if c.ctl == nil || c.ctl.Control(c.peekFn) != nil {
		return true
	}
	switch {
	case c.peekErr == nil:
		return c.abortFIN.Load() && (c.peeked == 0 || c.hungUp)
	case errors.Is(c.peekErr, syscall.EAGAIN), errors.Is(c.peekErr, syscall.EINTR):
		return false
	}
	return true
}

func (c *conn) peekReady(fd uintptr) {
	c.peeked, c.peekErr = peek(fd, c.peekBuf[:])
	// What TLS says at its end stands before the end itself.
	c.hungUp = c.peeked > 0 && c.abortFIN.Load() && hungUp(fd)
}

// closeIdle wakes a connection that has waited for a request for d.
func (c *conn) closeIdle(d time.Duration) {
	at := c.timers.client.at.Load()
	limit := int64(c.eng.cfg.Limits.Idle)
	switch {
	case at <= 0:
		return
	case phase(at&7) == phaseFresh:
		limit = int64(c.eng.cfg.Limits.Head)
	case phase(at&7) != phaseIdle:
		return
	}
	since := c.eng.clock.Boot() - (at - limit)
	if since >= int64(d) && c.timers.client.at.CompareAndSwap(at, -at) {
		c.wake()
	}
}

func (c *conn) protocol() protocol { return protocolHTTP1 }

// ioError is what a read of the client's socket failed with, in our words.
func (c *conn) ioError(err error) error {
	switch {
	case c.timers.client.expired():
		return errClientSlow
	case err == nil, errors.Is(err, io.EOF):
		return errClientGone
	}
	return errClientGone
}
