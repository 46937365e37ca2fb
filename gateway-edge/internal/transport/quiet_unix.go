//go:build unix

package transport

import "syscall"

// probe looks at a connection's socket without taking anything. It belongs to the
// connection, so that looking allocates nothing.
type probe struct {
	fn  func(fd uintptr)
	b   [1]byte
	err error
}

func (p *probe) look(fd uintptr) {
	_, _, p.err = syscall.Recvfrom(int(fd), p.b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}

// quiet reports whether a socket has neither data nor an end to be read: an idle
// connection with anything on it must not be used.
func (p *probe) quiet(sock syscall.RawConn) bool {
	if p.fn == nil {
		p.fn = p.look
	}
	return sock.Control(p.fn) == nil && p.err == syscall.EAGAIN
}
