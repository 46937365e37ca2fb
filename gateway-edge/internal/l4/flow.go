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

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// flow is the datagrams between one client's address and its target.
type flow struct {
	port *udpPort
	from netip.AddrPort // as the socket writes it
	own  *net.UDPConn   // the client's datagrams, when another process has the port; guarded by the port's lock

	mu      sync.Mutex // guards what follows
	x       *session   // nil until the gateway is at hand
	conn    *net.UDPConn
	pending [][]byte // came before there was a target
	kept    []byte   // the newest that was not answered yet
	heard   bool     // the target has answered
	again   bool     // the target refused a datagram
	over    bool     // refused or ended: what comes is dropped
}

// send sends a client's datagram on. scratch is the caller's, to be used again.
func (f *flow) send(b, scratch []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return scratch
	}
	if f.conn == nil {
		if len(f.pending) < maxPending {
			f.pending = append(f.pending, append([]byte(nil), b...))
		}
		return scratch
	}
	return f.write(b, scratch)
}

// write sends a datagram to the target. The lock is held.
func (f *flow) write(b, scratch []byte) []byte {
	x := f.x
	if !f.heard && len(b) <= maxKept {
		f.kept = append(f.kept[:0], b...)
	}
	scratch = append(x.head(scratch[:0]), b...)
	_, err := f.conn.Write(scratch)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		f.again = true
		_ = f.conn.SetReadDeadline(past)
	case err == nil:
		x.in.Add(int64(len(b)))
		x.touch()
	}
	return scratch
}

// attach begins to use a connection: what waits is sent, and after a target that
// refused also what it did not answer.
func (f *flow) attach(c *net.UDPConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = c
	waiting := f.pending
	if f.again && len(f.kept) > 0 {
		waiting = append([][]byte{append([]byte(nil), f.kept...)}, waiting...)
	}
	f.pending, f.again = nil, false
	var scratch []byte
	for _, b := range waiting {
		scratch = f.write(b, scratch)
	}
}

// run carries the flow to its end. A refused client stays known for a while, so
// that its datagrams are dropped without being judged one by one.
func (f *flow) run(ctx context.Context) {
	carried := f.carry(ctx)
	f.port.s.open.Add(-1)
	f.mu.Lock()
	f.over, f.pending, f.kept = true, nil, nil
	f.mu.Unlock()
	if carried {
		return
	}
	t := time.NewTimer(refusedFor)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// carry is false for a flow that was refused.
func (f *flow) carry(ctx context.Context) bool {
	s, p := f.port.s, f.port
	e := s.cfg.Table.AtPort(udp, p.key.port)
	if e == nil {
		return false
	}
	gw := s.load(ctx, e)
	if gw == nil {
		return false
	}
	st := gw.Stream(udp, p.key.port)
	if st == nil {
		return false
	}
	client := netip.AddrPortFrom(f.from.Addr().Unmap().WithZone(""), f.from.Port())
	x := s.newSession(e, gw, st, client, p.dest(client.Addr()))
	defer x.finish()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !x.enlist(cancel) || !x.welcome() {
		return false
	}
	c, ok := x.reach(ctx)
	if !ok {
		return false
	}
	x.commit()
	f.mu.Lock()
	f.x = x
	f.mu.Unlock()
	for c != nil {
		c = f.through(ctx, c.(*net.UDPConn))
	}
	return true
}

// through carries over one target until the flow ends; where the target refuses, it
// returns a connection to another one.
func (f *flow) through(ctx context.Context, c *net.UDPConn) net.Conn {
	x := f.x
	x.touch()
	x.recut(func() { _ = c.SetReadDeadline(past) })
	f.attach(c)
	err := f.replies(c)
	f.mu.Lock()
	refused := f.again || errors.Is(err, syscall.ECONNREFUSED)
	f.conn, f.again = nil, refused
	f.mu.Unlock()
	_ = c.Close()
	if !refused || x.stops.Load() {
		if err != nil {
			x.end(policy.EndedByUpstream)
		}
		return nil
	}
	x.missed()
	next, _ := x.connect(ctx)
	if next == nil {
		x.end(policy.EndedByUpstream)
		return nil
	}
	x.at.Store(x.target)
	return next
}

// replies sends the target's datagrams to the client until the flow is idle or
// stopped (nil), or the target refuses.
func (f *flow) replies(c *net.UDPConn) error {
	x := f.x
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	for {
		if !f.wait(c) {
			return nil
		}
		for err == nil {
			err = f.reply(raw, c)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		f.mu.Lock()
		again := f.again
		f.mu.Unlock()
		if err = nil; again || x.idle() {
			return nil
		}
	}
}

// wait sets when the next read looks up; false when the flow must not go on here.
func (f *flow) wait(c *net.UDPConn) bool {
	x := f.x
	f.mu.Lock()
	defer f.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	return !f.again && !x.stops.Load() && c.SetReadDeadline(time.Now().Add(x.tick())) == nil
}

// reply carries one datagram.
func (f *flow) reply(raw syscall.RawConn, c *net.UDPConn) error {
	x := f.x
	buf, n, err := x.s.read(raw, c, false)
	if buf != nil {
		defer x.s.buffers.Put(buf)
	}
	if err != nil {
		return err
	}
	x.touch()
	if _, err := f.port.conn.WriteToUDPAddrPort(buf[:n], f.from); err == nil {
		x.out.Add(int64(n))
	}
	if !f.heard {
		f.mu.Lock()
		f.heard, f.kept = true, nil
		f.mu.Unlock()
	}
	return nil
}
