package l4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a port's flows.
const (
	maxPending = 16          // datagrams that wait until a target is chosen
	maxKept    = 2048        // bytes of a datagram that is kept until it is answered
	refusedFor = time.Second // a refused client is not judged anew for so long
)

// udpPort takes the datagrams of one port and finds their flows.
type udpPort struct {
	s    *Server
	key  portKey
	conn *net.UDPConn

	mu      sync.Mutex // guards what follows
	flows   map[netip.AddrPort]*flow
	closing bool // no new flows, nor ever again
	resting bool // no new flows for now
	handed  bool // another process reads the socket
}

// listenUDP binds a port. The server's lock is held.
func (s *Server) listenUDP(ctx context.Context, key portKey) (port, error) {
	pc, err := s.cfg.Sockets.ListenPacket(ctx, &net.ListenConfig{}, udp, s.addr(key))
	if err != nil {
		return nil, err
	}
	p := &udpPort{s: s, key: key, conn: pc.(*net.UDPConn), flows: map[netip.AddrPort]*flow{}}
	s.work.Go(func() { p.run(ctx) })
	return p, nil
}

func (p *udpPort) socket() syscall.Conn { return p.conn }

// close ends the taking of new flows; the socket is closed with the last one.
func (p *udpPort) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	if len(p.flows) == 0 {
		_ = p.conn.Close()
	}
}

// rest takes no new flows, or takes them again. It reports whether there are any.
func (p *udpPort) rest(on bool) (flows bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = on
	return len(p.flows) > 0
}

// run reads datagrams until the port is closed.
func (p *udpPort) run(ctx context.Context) {
	buf := p.s.buffers.Get().(*[bufSize]byte)
	defer p.s.buffers.Put(buf)
	scratch := make([]byte, 0, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf[:])
		if errors.Is(err, net.ErrClosed) || err != nil && p.gone() {
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
		if f := p.flow(ctx, from); f != nil {
			scratch = f.send(buf[:n], scratch)
		}
	}
}

// flow returns the flow of a client, begun if need be; nil when there can't be one.
func (p *udpPort) flow(ctx context.Context, from netip.AddrPort) *flow {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.flows[from]; f != nil {
		return f
	}
	if p.closing || p.resting || len(p.flows) >= contract.MaxStreamConns || !p.s.begin() {
		return nil
	}
	f := &flow{port: p, from: from}
	p.flows[from] = f
	go func() {
		defer p.s.work.Done()
		defer p.forget(f)
		f.run(ctx)
	}()
	return f
}

// forget removes a flow that has ended.
func (p *udpPort) forget(f *flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flows, f.from)
	if f.own != nil {
		_ = f.own.Close()
	}
	if p.closing && len(p.flows) == 0 {
		_ = p.conn.Close()
	}
}

// dest is the address that a client sent to.
func (p *udpPort) dest(client netip.Addr) netip.AddrPort {
	a := addrOf(p.conn.LocalAddr())
	if a.Addr().IsUnspecified() && client.Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return a
}
