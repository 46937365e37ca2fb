package engine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysRead and sysWrite act on a non-blocking socket, which returns at once: the
// scheduler need not be told of the call, and does not take the processor away.
func sysRead(fd uintptr, p []byte) (int, error)  { return rawIO(syscall.SYS_READ, fd, p) }
func sysWrite(fd uintptr, p []byte) (int, error) { return rawIO(syscall.SYS_WRITE, fd, p) }

func rawIO(trap, fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return -1, sysError(errno)
	}
	return int(n), nil
}

// sysError makes the common errors without allocating.
func sysError(e syscall.Errno) error {
	switch e {
	case syscall.EAGAIN:
		return errAgain
	case syscall.EINTR:
		return errInterrupted
	}
	return e
}

var (
	errAgain       error = syscall.EAGAIN
	errInterrupted error = syscall.EINTR
)

// peek looks at what a socket holds without taking it: n is 0 at its end, -1 with
// EAGAIN when nothing came.
func peek(fd uintptr, p []byte) (int, error) {
	n, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n, err
}

// hungUp reports whether the other side has closed its half of the connection,
// whatever is there to be read before that.
func hungUp(fd uintptr) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p[:], 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
