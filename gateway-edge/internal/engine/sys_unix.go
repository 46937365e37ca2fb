//go:build unix && !linux

package engine

import "syscall"

// sysRead and sysWrite act on a non-blocking socket.
func sysRead(fd uintptr, p []byte) (int, error)  { return syscall.Read(int(fd), p) }
func sysWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }

// peek looks at what a socket holds without taking it: n is 0 at its end, -1 with
// EAGAIN when nothing came.
func peek(fd uintptr, p []byte) (int, error) {
	n, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n, err
}

// hungUp can't be told here.
func hungUp(uintptr) bool { return false }
