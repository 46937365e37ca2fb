package l4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/lastcall"
	"github.com/tollgate/tollgate/gateway-edge/internal/proxyproto"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// keepAlive finds clients that are gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// tcpPort accepts the connections of one port.
type tcpPort struct {
	ln net.Listener
}

func (p *tcpPort) socket() syscall.Conn { return p.ln.(syscall.Conn) }

func (p *tcpPort) close() { _ = p.ln.Close() }

// listenTCP binds a port. The server's lock is held.
func (s *Server) listenTCP(ctx context.Context, key portKey) (port, error) {
	ln, err := s.cfg.Sockets.Listen(ctx, lastcall.ListenConfig(), tcp, s.addr(key))
	if err != nil {
		return nil, err
	}
	s.accepts.Add(1)
	s.work.Go(func() { defer s.accepts.Done(); s.accept(ctx, ln, key) })
	return &tcpPort{ln}, nil
}

// accept accepts until the port is closed. When the process has no more files it
// waits.
func (s *Server) accept(ctx context.Context, ln net.Listener, key portKey) {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		t := c.(*net.TCPConn)
		_ = t.SetKeepAliveConfig(keepAlive)
		e := s.cfg.Table.AtPort(tcp, key.port)
		if e == nil || !s.begin() {
			reset(t)
			continue
		}
		go func() {
			defer s.work.Done()
			defer s.open.Add(-1)
			s.serve(ctx, t, e, key.port)
		}()
	}
}

// begin counts one more session, in open and in work; false: there are too many, or
// the server has stopped. What was accepted before a drain is carried.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.open.Load() >= int64(s.cfg.MaxSessions) {
		return false
	}
	s.open.Add(1)
	s.work.Add(1)
	return true
}

// serve carries one connection that came at a port.
func (s *Server) serve(ctx context.Context, c *net.TCPConn, e *snapshot.Entry, port int) {
	gw := s.load(ctx, e)
	if gw == nil {
		reset(c)
		return
	}
	st := gw.Stream(tcp, port)
	if st == nil {
		reset(c)
		return
	}
	x := s.newSession(e, gw, st, addrOf(c.RemoteAddr()), addrOf(c.LocalAddr()))
	s.carry(ctx, x, c, func() ([]byte, bool) { return x.introduced(c) })
}

// Arrival is a connection of TLS that package listen hands over.
type Arrival struct {
	Conn   net.Conn // plain TCP
	Client netip.AddrPort
	Name   string // canonical server name
	Ahead  []byte // what was read of it
}

// ServeTLS carries a connection to its end if a stream has its server name; else
// it returns false at once and leaves the connection alone.
func (s *Server) ServeTLS(ctx context.Context, a Arrival) bool {
	e := s.cfg.Table.AtServerName(a.Name)
	c, ok := a.Conn.(*net.TCPConn)
	if e == nil || !ok {
		return false
	}
	if s.resting.Load() || !s.begin() {
		reset(c)
		return true
	}
	defer s.work.Done()
	defer s.open.Add(-1)
	gw := s.load(ctx, e)
	if gw == nil {
		reset(c)
		return true
	}
	st := gw.StreamOf(a.Name)
	if st == nil {
		return false
	}
	x := s.newSession(e, gw, st, a.Client, addrOf(c.LocalAddr()))
	x.named = a.Name
	s.carry(ctx, x, c, func() ([]byte, bool) { return a.Ahead, true })
	return true
}

// introduced reads who the client is where the stream's clients are behind
// proxies; false: refused.
func (x *session) introduced(c *net.TCPConn) (ahead []byte, ok bool) {
	if !x.st.Doc.AcceptProxyProtocol {
		return nil, true
	}
	if !x.s.trusts(x.client.Addr()) {
		return nil, x.refuse(contract.CodeForbidden)
	}
	_ = c.SetReadDeadline(time.Now().Add(proxyTime))
	h, n, ahead, err := proxyproto.Read(c)
	if err != nil || n == 0 {
		return nil, x.refuse(contract.CodeRequestInvalid)
	}
	_ = c.SetReadDeadline(time.Time{})
	if h.Source.IsValid() {
		x.client, x.dest = h.Source, h.Destination
	}
	return ahead, true
}

// carry carries a connection to its end; introduce says who the client is and
// what was read already.
func (s *Server) carry(ctx context.Context, x *session, c *net.TCPConn, introduce func() ([]byte, bool)) {
	defer x.finish()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !x.enlist(func() { cancel(); _ = c.SetDeadline(past) }) {
		x.refuse(contract.CodeOverloaded)
		reset(c)
		return
	}
	ahead, ok := introduce()
	if !ok || !x.welcome() {
		reset(c)
		return
	}
	nc, ok := x.reach(ctx)
	if !ok {
		reset(c)
		return
	}
	up := nc.(*net.TCPConn)
	x.commit()
	x.touch()
	x.recut(func() { _ = c.SetDeadline(past); _ = up.SetDeadline(past) })
	x.pump(c, up, ahead)
}

// recut replaces what ends the session's waiting; at once where it was stopped
// meanwhile.
func (x *session) recut(cut func()) {
	x.mu.Lock()
	x.cut = cut
	x.mu.Unlock()
	if x.stops.Load() {
		cut()
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// pump carries both ways until both sides have ended, one breaks, or the session
// is stopped.
func (x *session) pump(client, target *net.TCPConn, ahead []byte) {
	var up error
	var both sync.WaitGroup
	both.Go(func() {
		if len(ahead) > 0 {
			n, err := target.Write(ahead)
			x.in.Add(int64(n))
			if err != nil {
				x.broke(policy.EndedByUpstream)
				return
			}
		}
		up = x.oneWay(way{to: target, from: client, bytes: &x.in, sender: policy.EndedByClient, receiver: policy.EndedByUpstream})
	})
	down := x.oneWay(way{to: client, from: target, bytes: &x.out, sender: policy.EndedByUpstream, receiver: policy.EndedByClient})
	both.Wait()
	if up != nil || down != nil || x.stops.Load() {
		reset(client)
		reset(target)
		return
	}
	_ = client.Close()
	_ = target.Close()
}

// way is one direction of a connection.
type way struct {
	to, from         *net.TCPConn
	bytes            interface{ Add(int64) int64 }
	sender, receiver policy.Ended // who is to blame when a side breaks
}

// bulk is after how many full buffers in a row the kernel moves the bytes by
// itself, and bulkTime for how long before the sides are looked at again.
const (
	bulk     = 4
	bulkTime = 500 * time.Millisecond
)

// errStopped says that the session was stopped.
var errStopped = errors.New("stopped")

// oneWay carries until its sender has ended, which the receiver is told.
func (x *session) oneWay(w way) error {
	raw, err := w.from.SyscallConn()
	if err != nil {
		return x.broke(w.sender)
	}
	full := 0
	for {
		if !x.wait(w.from, x.tick()) {
			return errStopped
		}
		for err == nil {
			if full >= bulk {
				full = 0
				if err = x.splice(w); err != nil {
					break
				}
			}
			var n int
			if n, err = x.some(raw, w); n == bufSize {
				full++
			} else {
				full = 0
			}
		}
		switch {
		case errors.Is(err, errEnded):
			if w.to.CloseWrite() != nil {
				return x.broke(w.receiver)
			}
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err = nil; x.idle() {
				return errStopped
			}
		case errors.Is(err, errReceiver):
			return x.broke(w.receiver)
		default:
			return x.broke(w.sender)
		}
	}
}

// wait sets when the next read looks up; false when the session was stopped, whose
// deadline must stand.
func (x *session) wait(c *net.TCPConn, d time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stops.Load() {
		return false
	}
	return c.SetReadDeadline(time.Now().Add(d)) == nil
}

var (
	errEnded    = errors.New("the sender has ended")
	errReceiver = errors.New("the receiver takes no more")
)

// idle ends the session when neither side has sent anything for too long.
func (x *session) idle() bool {
	if x.stops.Load() {
		return true
	}
	if x.s.cfg.Clock.Boot()-x.moved.Load() < int64(x.st.Doc.Idle()) {
		return false
	}
	x.stop(policy.EndedByTimeout)
	return true
}

// broke ends the session for both ways.
func (x *session) broke(why policy.Ended) error {
	x.stop(why)
	return errStopped
}
