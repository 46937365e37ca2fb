//go:build unix

package listen

import (
	"net"
	"syscall"
)

// readBuffer is the size of a socket's receive buffer as the kernel counts it.
func readBuffer(u *net.UDPConn) (n int, ok bool) {
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		ok = err == nil
	})
	return n, ok && err == nil
}
