//go:build unix

package l4

import (
	"errors"
	"io"
	"syscall"
)

// read waits until there is something to read, and only then takes a buffer: a
// silent session holds none. The caller gives the buffer back.
func (s *Server) read(raw syscall.RawConn, _ io.Reader, stream bool) (buf *[bufSize]byte, n int, err error) {
	werr := raw.Read(func(fd uintptr) bool {
		buf = s.buffers.Get().(*[bufSize]byte)
		for {
			n, err = syscall.Read(int(fd), buf[:])
			if !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		if errors.Is(err, syscall.EAGAIN) {
			s.buffers.Put(buf)
			buf = nil
			return false
		}
		return true
	})
	if err == nil || buf == nil {
		err = werr
	}
	if err == nil && n == 0 && stream {
		err = io.EOF
	}
	if n < 0 {
		n = 0
	}
	return buf, n, err
}
