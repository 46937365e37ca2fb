//go:build !unix

package l4

import (
	"io"
	"syscall"
)

// read reads into a buffer that the caller gives back.
func (s *Server) read(_ syscall.RawConn, r io.Reader, _ bool) (buf *[bufSize]byte, n int, err error) {
	buf = s.buffers.Get().(*[bufSize]byte)
	n, err = r.Read(buf[:])
	return buf, n, err
}
