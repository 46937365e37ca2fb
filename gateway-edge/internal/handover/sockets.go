package handover

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a bound socket to be handed over, under its name.
type Socket struct {
	Name string
	Conn Conn
}

// Conn is what has a descriptor.
type Conn = syscall.Conn

// Name names the socket that is bound at addr, as it is configured: a successor
// that is configured otherwise binds its own.
func Name(network, addr string) string { return network + " " + addr }

// dup returns a descriptor of its own of a socket.
func (s *Socket) dup() (fd int, err error) {
	raw, err := s.Conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	if cerr := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return -1, cerr
	}
	return fd, err
}

// Sockets are those that a predecessor gave. Nil: there was none, and everything
// is bound anew. They are safe for concurrent use.
type Sockets struct {
	mu    sync.Mutex
	files map[string]*os.File
}

func (s *Sockets) take(name string) *os.File {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[name]
	delete(s.files, name)
	return f
}

// Listen returns the predecessor's listener at addr, else binds one.
func (s *Sockets) Listen(ctx context.Context, lc *net.ListenConfig, network, addr string) (net.Listener, error) {
	f := s.take(Name(network, addr))
	if f == nil {
		return lc.Listen(ctx, network, addr)
	}
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("use the predecessor's socket at %s: %w", addr, err)
	}
	return ln, nil
}

// ListenPacket returns the predecessor's socket for datagrams at addr, else binds
// one.
func (s *Sockets) ListenPacket(ctx context.Context, lc *net.ListenConfig, network, addr string) (net.PacketConn, error) {
	f := s.take(Name(network, addr))
	if f == nil {
		return lc.ListenPacket(ctx, network, addr)
	}
	defer f.Close()
	pc, err := net.FilePacketConn(f)
	if err != nil {
		return nil, fmt.Errorf("use the predecessor's socket at %s: %w", addr, err)
	}
	return pc, nil
}

// Close closes what nobody took.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, f := range s.files {
		_ = f.Close()
		delete(s.files, name)
	}
}
