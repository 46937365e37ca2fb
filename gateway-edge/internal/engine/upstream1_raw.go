package engine

import (
	"syscall"
)

// rawMore writes what is still to be written and reads, inside one RawConn.Read:
// its first step writes and reports that nothing is there yet. The poller was
// told to wait before the write, so the answer's arrival can't be missed, and the
// read that would find nothing is not made. This is sound only because nothing
// can be in flight from a backend before the request.
func (u *upstream1) rawMore() error {
	u.readErr = nil
	for {
		before := u.w
		if err := u.c.Raw.Read(u.step); err != nil {
			return err
		}
		if u.readErr != nil {
			return u.readErr
		}
		if u.w > before {
			return nil
		}
		// The socket's buffer was full: the rest is written the slow way.
		rest := u.toWrite
		u.toWrite = nil
		if err := u.put(rest); err != nil {
			return err
		}
	}
}

// rawStep is one step of rawMore.
func (u *upstream1) rawStep(fd uintptr) bool {
	if len(u.toWrite) > 0 {
		return u.writeStep(fd)
	}
	for {
		n, err := sysRead(fd, u.j.rbuf[u.w:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			u.readErr = err
		case n == 0:
			u.readErr = errUpstreamEnd
		default:
			u.w += n
		}
		return true
	}
}

// writeStep writes; true leaves RawConn.Read, since something is left to do.
func (u *upstream1) writeStep(fd uintptr) bool {
	for {
		n, err := sysWrite(fd, u.toWrite)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			n = 0
		case err != nil:
			u.toWrite, u.readErr = nil, err
			return true
		}
		u.wrote = u.wrote || n > 0
		u.toWrite = u.toWrite[n:]
		return len(u.toWrite) > 0
	}
}
