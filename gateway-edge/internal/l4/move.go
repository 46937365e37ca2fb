package l4

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// some carries what the sender has now, waiting for it.
func (x *session) some(raw syscall.RawConn, w way) (n int, err error) {
	buf, n, err := x.s.read(raw, w.from, true)
	if buf != nil {
		defer x.s.buffers.Put(buf)
	}
	if n > 0 {
		x.touch()
		sent, werr := w.to.Write(buf[:n])
		w.bytes.Add(int64(sent))
		if werr != nil {
			return n, errReceiver
		}
		x.touch()
	}
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	return n, err
}

// splice has the kernel carry for a while, without the bytes coming here.
func (x *session) splice(w way) error {
	if !x.wait(w.from, bulkTime) {
		return errStopped
	}
	n, err := w.to.ReadFrom(w.from)
	w.bytes.Add(n)
	if n > 0 {
		x.touch()
	}
	switch {
	case err == nil:
		return errEnded
	case errors.Is(err, os.ErrDeadlineExceeded):
		if x.wait(w.from, x.tick()) {
			return nil
		}
		return errStopped
	}
	return err
}

// reset closes a connection so that its other end sees it broken, not ended.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// addrOf is an address of a socket.
func addrOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
