package handover

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Share lets other sockets be bound where c is, if they say so too, or no more. It
// is for the moment of Connect only: else two edges on one port would be no error.
func Share(c *net.UDPConn, on bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	v := 0
	if on {
		v = 1
	}
	return reuse(raw, v)
}

// Connect returns a socket at c's address that gets the datagrams of one client, in
// c's place: the kernel prefers the socket that is connected to their sender.
func Connect(ctx context.Context, c *net.UDPConn, client netip.AddrPort) (*net.UDPConn, error) {
	d := net.Dialer{LocalAddr: c.LocalAddr(), Control: func(_, _ string, raw syscall.RawConn) error { return reuse(raw, 1) }}
	own, err := d.DialContext(ctx, "udp", client.String())
	if err != nil {
		return nil, err
	}
	return own.(*net.UDPConn), nil
}

func reuse(raw syscall.RawConn, v int) (err error) {
	if cerr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, v) }); cerr != nil {
		return cerr
	}
	return err
}
