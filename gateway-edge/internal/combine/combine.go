package combine

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// room is how many bytes wait at most; a writer then waits for the socket.
	room = 64 << 10
	// large pieces are not copied when nothing waits before them.
	large = 16 << 10
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, room+large); return &b }}

// Conn is a net.Conn whose small writes are combined. Write is for one goroutine
// at a time, as HTTP/2 uses it; Close may come from any.
type Conn struct {
	net.Conn
	stall time.Duration

	mu     sync.Mutex
	free   sync.Cond // a write to the socket has ended
	buf    *[]byte   // what waits; nil: nothing
	busy   bool      // somebody writes to the socket, or is about to
	closed bool
	err    error // of the socket, for good
}

// New makes one. A write to the socket that takes longer than stall ends the
// connection: who writes has gone on by then, so that deadlines are not his.
func New(c net.Conn, stall time.Duration) *Conn {
	out := &Conn{Conn: c, stall: stall}
	out.free.L = &out.mu
	return out
}

// Write takes p to be written soon. An error is that of an earlier write.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if len(p) >= large {
		return c.direct(p)
	}
	for c.err == nil && c.buf != nil && len(*c.buf)+len(p) > room {
		c.free.Wait()
	}
	if c.err != nil || c.closed {
		defer c.mu.Unlock()
		return 0, c.failure()
	}
	if c.buf == nil {
		c.buf = buffers.Get().(*[]byte)
	}
	*c.buf = append(*c.buf, p...)
	if !c.busy {
		c.busy = true
		go c.flush()
	}
	c.mu.Unlock()
	return len(p), nil
}

// direct writes a large piece itself, behind what waits.
func (c *Conn) direct(p []byte) (int, error) {
	c.idle()
	if c.err != nil || c.closed {
		defer c.mu.Unlock()
		return 0, c.failure()
	}
	c.busy = true
	c.bound()
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	c.ended(err)
	c.mu.Unlock()
	return n, err
}

// flush writes what waits until nothing does.
func (c *Conn) flush() {
	for {
		// Let those who are ready to write do so first.
		runtime.Gosched()
		c.mu.Lock()
		b := c.buf
		c.buf = nil
		if b == nil || c.err != nil {
			c.ended(nil)
			c.mu.Unlock()
			return
		}
		c.bound()
		c.free.Broadcast() // there is room again
		c.mu.Unlock()
		_, err := c.Conn.Write(*b)
		*b = (*b)[:0]
		buffers.Put(b)
		c.mu.Lock()
		if err != nil {
			c.ended(err)
			c.mu.Unlock()
			return
		}
		c.free.Broadcast()
		c.mu.Unlock()
	}
}

// bound gives the next write to the socket its time, unless Close did.
func (c *Conn) bound() {
	if !c.closed {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.stall))
	}
}

// SetWriteDeadline does nothing: see New.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline bounds reads; for writes see New.
func (c *Conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// ended notes the end of a write to the socket.
func (c *Conn) ended(err error) {
	c.busy = false
	if err != nil && c.err == nil {
		c.err = err
	}
	c.free.Broadcast()
}

func (c *Conn) failure() error {
	if c.err != nil {
		return c.err
	}
	return net.ErrClosed
}

// drainTime bounds how long Close waits for what was taken before.
const drainTime = time.Second

// Close writes what waits and closes the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		if c.busy {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(drainTime))
		}
		c.idle()
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// idle waits until nothing is to be written.
func (c *Conn) idle() {
	for c.err == nil && (c.busy || c.buf != nil) {
		c.free.Wait()
	}
}

// CloseWrite writes what waits and ends our half of the connection.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	c.idle()
	c.mu.Unlock()
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection underneath.
func (c *Conn) NetConn() net.Conn { return c.Conn }
