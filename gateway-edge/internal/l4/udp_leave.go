package l4

import (
	"context"
	"net"
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
)

// leave ends the taking of new flows. Where another process goes on with the
// socket, each flow gets one of its own, connected to its client: the kernel gives
// a datagram to the socket that fits it best, so that the flows that are open end
// where they began, and everybody else reaches the other process.
func (p *udpPort) leave(handed bool) {
	p.close()
	if !handed {
		return
	}
	p.mu.Lock()
	p.handed = true
	p.mu.Unlock()
	_ = p.conn.SetReadDeadline(past) // the reader ends
	if err := handover.Share(p.conn, true); err != nil {
		p.s.cfg.Logger.Warn("flows can't be kept here: their clients begin anew at the successor", "error", err)
		return
	}
	defer func() { _ = handover.Share(p.conn, false) }()
	for _, f := range p.all() {
		p.split(f)
	}
}

func (p *udpPort) all() (out []*flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.flows {
		out = append(out, f)
	}
	return out
}

// gone reports whether another process reads the socket.
func (p *udpPort) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.handed
}

// split gives a flow a socket of its own. Where that fails its client's next
// datagram begins a new flow at the other process.
func (p *udpPort) split(f *flow) {
	own, err := handover.Connect(context.Background(), p.conn, netip.AddrPortFrom(f.from.Addr().Unmap(), f.from.Port()))
	if err != nil {
		p.s.cfg.Logger.Warn("a flow can't be kept here: its client begins anew at the successor", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flows[f.from] != f {
		_ = own.Close()
		return
	}
	f.own = own
	p.s.work.Go(func() { f.listen(own) })
}

// listen takes the client's datagrams until the flow ends.
func (f *flow) listen(own *net.UDPConn) {
	raw, err := own.SyscallConn()
	if err != nil {
		return
	}
	s := f.port.s
	scratch := make([]byte, 0, 2048)
	for {
		buf, n, err := s.read(raw, own, false)
		if err == nil {
			scratch = f.send(buf[:n], scratch)
		}
		if buf != nil {
			s.buffers.Put(buf)
		}
		if err != nil {
			return // closed, or the client's port is
		}
	}
}
