//go:build unix

package transport

import "syscall"

// quiet reports whether a socket has neither data nor an end to be read: an idle
// connection with anything on it must not be used.
func quiet(sock syscall.RawConn) bool {
	ok := false
	err := sock.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ok = err == syscall.EAGAIN
	})
	return ok && err == nil
}
