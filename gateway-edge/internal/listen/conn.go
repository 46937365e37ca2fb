package listen

import (
	"errors"
	"net"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
)

// handed is a connection on its way to another server, with what is known of it
// and what was read of it.
type handed struct {
	net.Conn
	info  engine.Info
	ahead []byte
	done  chan struct{} // closed with the connection; nil: nobody waits
	once  sync.Once
}

// Read reads what was read before, then the socket.
func (c *handed) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends our half of the connection.
func (c *handed) CloseWrite() error {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes the socket.
func (c *handed) Close() error {
	err := c.Conn.Close()
	if c.done != nil {
		c.once.Do(func() { close(c.done) })
	}
	return err
}

// NetConn is the connection underneath.
func (c *handed) NetConn() net.Conn { return c.Conn }

// queue is a net.Listener that yields connections it is given.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

func newQueue(addr net.Addr) *queue {
	return &queue{conns: make(chan net.Conn), done: make(chan struct{}), addr: addr}
}

// put hands a connection over; false when the queue is closed.
func (q *queue) put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.done:
		return false
	}
}

// Accept returns the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends the queue.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr is the address of the first listener.
func (q *queue) Addr() net.Addr { return q.addr }
