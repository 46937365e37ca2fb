package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/services/contract"
)

// handshakeTimeout bounds a TLS handshake beside the caller's deadline.
const handshakeTimeout = 5 * time.Second

// Pool holds the connections to one address of one upstream of one organization
// with one TLS identity.
type Pool struct {
	pools *Pools
	spec  balance.Spec
	quota *quota
	tls   *tls.Config     // nil: clear text
	h2    *http.Transport // of protocols h2 and h2c

	open   atomic.Int64
	listed atomic.Bool   // Run knows it
	moves  atomic.Uint32 // how often the name lost an address

	mu   sync.Mutex // guards idle; held for a few instructions
	idle []*Conn    // the one used last at the end
}

// Conn is a connection to a backend over HTTP/1.1, owned by one exchange between
// Get and Put.
type Conn struct {
	net.Conn
	// Raw is set for plain TCP, for writing and reading without net.Conn's own
	// calls; nil for TLS.
	Raw syscall.RawConn
	// Buf is the engine's: nil at first, kept while the connection lives.
	Buf []byte
	// State is the engine's as well.
	State any
	// Reused: it has served an exchange before; a failure before the first byte
	// of the answer may be its age.
	Reused bool

	pool  *Pool
	sock  syscall.RawConn // the socket, under TLS too
	since int64           // when it became idle
	token uint64          // of the watcher
	dead  atomic.Bool     // its backend closed it
	moves uint32          // the pool's when its address was last looked at
	probe probe
}

// peekAfter is how long a connection must have been idle to be looked at before
// it is used again. The watcher notices a close by itself; the look is for bytes
// that nobody asked for, and costs a system call (half a microsecond).
const peekAfter = int64(time.Millisecond)

// Idle returns the idle connection that was used last, nil if there is none that
// seems alive: Dial makes one then. now is CLOCK_BOOTTIME in ns. It does not
// allocate.
func (p *Pool) Idle(now int64) *Conn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if !c.dead.Load() && (now-c.since < peekAfter || c.probe.quiet(c.sock)) {
			c.Reused = true
			return c
		}
		p.Discard(c)
	}
}

// Dial returns a new connection: there is no idle one, or a reused one broke
// before the first byte of an answer. ctx ends the dial (nil never does); deadline
// bounds it beside the connect timeout (zero does not). The error is an *Error.
func (p *Pool) Dial(ctx context.Context, deadline time.Time) (*Conn, error) {
	if p.quota.open.Add(1) > int64(p.pools.cfg.MaxConns) {
		p.quota.open.Add(-1)
		return nil, &Error{contract.CodeOverloaded, errors.New("the upstream has too many connections")}
	}
	p.open.Add(1)
	nc, sock, err := p.connect(ctx, deadline)
	if err != nil {
		p.quota.open.Add(-1)
		p.open.Add(-1)
		return nil, err
	}
	c := &Conn{Conn: nc, pool: p, sock: sock, moves: p.moves.Load()}
	if p.tls == nil {
		c.Raw = sock
	}
	p.pools.list(p)
	p.pools.watch.add(c)
	return c, nil
}

// Probe makes a connection that belongs to no pool, for a health check.
func (p *Pool) Probe(ctx context.Context) (net.Conn, error) {
	c, _, err := p.connect(ctx, time.Time{})
	return c, err
}

// connect dials and does the handshake. The error is an *Error.
func (p *Pool) connect(ctx context.Context, deadline time.Time) (net.Conn, syscall.RawConn, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	u := p.spec.URL
	d := p.pools.dialer
	if u.Transport != "" {
		d.network = "tcp" // the check of a target for datagrams too
	}
	c, err := p.reach(ctx, &d, p.spec.Connect)
	if err != nil {
		return nil, nil, dialError(err)
	}
	sock, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		_ = c.Close()
		return nil, nil, dialError(err)
	}
	if p.tls == nil {
		return c, sock, nil
	}
	t := tls.Client(c, p.tls)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, nil, handshakeError(err)
	}
	return t, sock, nil
}

// Put takes a connection back after a whole answer with nothing behind it. No
// deadline may be set on it. now is CLOCK_BOOTTIME in ns.
func (p *Pool) Put(c *Conn, now int64) {
	c.since = now
	if c.moves != p.moves.Load() && p.left(c) {
		p.Discard(c)
		return
	}
	p.mu.Lock()
	// dead is read under the lock: the watcher sets it first and looks among the
	// idle ones then.
	keep := !c.dead.Load() && len(p.idle) < p.spec.MaxIdle && p.listed.Load()
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		p.Discard(c)
	}
}

// Discard closes a connection that Get or Dial returned. Every connection ends in
// one Put or one Discard.
func (p *Pool) Discard(c *Conn) {
	p.pools.watch.remove(c)
	_ = c.Conn.Close()
	p.open.Add(-1)
	p.quota.open.Add(-1)
}

// broken is told by the watcher that a backend closed a connection: an idle one
// goes at once, one in use when it comes back.
func (p *Pools) broken(c *Conn) {
	c.dead.Store(true)
	if c.pool.take(c) {
		c.pool.Discard(c)
	}
}

// take removes a connection from the idle ones.
func (p *Pool) take(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.idle {
		if x == c {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return true
		}
	}
	return false
}

// name is what the pool's addresses come from.
func (p *Pool) name() nameKey { return nameKey{tenant: p.spec.Organization, host: p.spec.URL.Host} }

// resolves reports whether the pool's connections go to what its name has when they
// are made, and not to one address or to a service's.
func (p *Pool) resolves() bool {
	return !p.spec.Addr.IsValid() && !p.spec.URL.Addr.IsValid() && p.spec.URL.SRV == ""
}

// left reports whether the name no longer has the address of a connection. The
// connection belongs to the caller.
func (p *Pool) left(c *Conn) bool {
	c.moves = p.moves.Load()
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && p.resolves() && !p.pools.dialer.resolver.has(p.name(), a.AddrPort().Addr().Unmap())
}

// moveAway closes idle connections whose address the name has lost.
func (p *Pool) moveAway() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		p.Put(c, c.since)
	}
	if p.h2 != nil {
		p.h2.CloseIdleConnections()
	}
}

// reach connects to the target within timeout: to its address, or to one of its
// name's or its service's.
func (p *Pool) reach(ctx context.Context, d *dialer, timeout time.Duration) (net.Conn, error) {
	u, tenant := p.spec.URL, p.spec.Organization
	switch a := p.spec.Addr; {
	case a.IsValid():
		return d.dial(ctx, tenant, "", a.Addr(), a.Port(), timeout)
	case u.SRV != "":
		return d.service(ctx, tenant, u.SRV+u.Host, timeout)
	}
	return d.dial(ctx, tenant, u.Host, u.Addr, u.Port, timeout)
}

// sweep closes what was idle too long; empty says that no connection is left.
func (p *Pool) sweep(now int64) (empty bool) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && now-p.idle[n].since > int64(p.spec.IdleTimeout) {
		n++
	}
	old := append([]*Conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.mu.Unlock()
	for _, c := range old {
		p.Discard(c)
	}
	return p.open.Load() == 0
}

// Close closes the idle connections. The pool may still be used.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		p.Discard(c)
	}
	if p.h2 != nil {
		p.h2.CloseIdleConnections()
	}
}
