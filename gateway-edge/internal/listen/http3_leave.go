package listen

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
)

// socket is HTTP/3's UDP socket. When another process goes on with it, each client
// gets a socket of its own, connected to it: the kernel gives a packet to the socket
// that fits it best, so that connections end where they began.
//
// It implements what quic-go looks for in a socket to read many packets at once.
type socket struct {
	*net.UDPConn
	batch   *ipv4.PacketConn
	packets chan packet // from the clients' own sockets
	handed  atomic.Bool
	over    chan struct{} // closed when nothing is read any more
	end     sync.Once

	mu      sync.Mutex // guards own
	own     []*net.UDPConn
	readers sync.WaitGroup
}

type packet struct {
	data []byte
	from net.Addr
}

func newSocket(c *net.UDPConn) *socket {
	return &socket{UDPConn: c, batch: ipv4.NewPacketConn(c), packets: make(chan packet, 256), over: make(chan struct{})}
}

// ReadBatch reads packets.
func (s *socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	if !s.handed.Load() {
		n, err := s.batch.ReadBatch(ms, flags)
		if err == nil || !s.handed.Load() {
			return n, err
		}
	}
	select {
	case p := <-s.packets:
		m := &ms[0]
		m.N, m.NN, m.Flags, m.Addr = copy(m.Buffers[0], p.data), 0, 0, p.from
		return 1, nil
	case <-s.over:
		return 0, os.ErrDeadlineExceeded
	}
}

// SetReadDeadline is how quic-go ends reading.
func (s *socket) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		s.end.Do(func() { close(s.over) })
	}
	return s.UDPConn.SetReadDeadline(t)
}

// leave gives the socket's clients to sockets of their own. Where that fails, a
// client's packets reach the other process, which does not know its connection: the
// client notices and connects again.
func (s *socket) leave(clients []netip.AddrPort) error {
	s.handed.Store(true)
	_ = s.UDPConn.SetReadDeadline(time.Unix(1, 0)) // who reads looks at the packets from now on
	err := handover.Share(s.UDPConn, true)
	if err != nil {
		return err
	}
	defer func() { _ = handover.Share(s.UDPConn, false) }()
	seen := map[netip.AddrPort]bool{}
	for _, a := range clients {
		if seen[a] {
			continue
		}
		seen[a] = true
		c, derr := handover.Connect(context.Background(), s.UDPConn, a)
		if derr != nil {
			err = derr
			continue
		}
		s.mu.Lock()
		s.own = append(s.own, c)
		s.mu.Unlock()
		s.readers.Go(func() { s.read(c, net.UDPAddrFromAddrPort(a)) })
	}
	return err
}

// read takes a client's packets.
func (s *socket) read(c *net.UDPConn, from net.Addr) {
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		select {
		case s.packets <- packet{append([]byte(nil), buf[:n]...), from}:
		case <-s.over:
			return
		}
	}
}

// close closes the clients' own sockets; the shared one stays.
func (s *socket) close() {
	s.end.Do(func() { close(s.over) })
	s.mu.Lock()
	for _, c := range s.own {
		_ = c.Close()
	}
	s.own = nil
	s.mu.Unlock()
	s.readers.Wait()
}

// SyscallConn is that of the shared socket.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return s.UDPConn.SyscallConn() }

// leave keeps the connections that there are, when another process goes on with the
// socket.
func (q *http3Server) leave() {
	q.mu.Lock()
	q.closing = true
	s := q.socket
	q.mu.Unlock()
	if s == nil {
		return
	}
	var clients []netip.AddrPort
	for _, h := range q.all() {
		if a, ok := h.quic.RemoteAddr().(*net.UDPAddr); ok {
			ap := a.AddrPort()
			clients = append(clients, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
		}
	}
	if err := s.leave(clients); err != nil {
		q.cfg.Logger.Warn("connections of HTTP/3 can't all be kept: their clients connect again", "error", err)
	}
}
