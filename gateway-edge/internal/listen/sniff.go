package listen

import (
	"net"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/l4"
)

// sniff reads the server name of a TLS connection without taking part in its
// handshake; what was read is in info.Ahead afterwards. The name is empty where
// there is none, and where the hello is malformed: the TLS server then says so. It
// is false when the hello does not come in time.
func (s *Server) sniff(c net.Conn, info *engine.Info, until time.Time) (name string, ok bool) {
	if s.cfg.Streams == nil && s.cfg.Guard == nil {
		return "", true
	}
	_ = c.SetReadDeadline(until)
	buf := make([]byte, len(info.Ahead), max(2048, len(info.Ahead)))
	copy(buf, info.Ahead)
	for {
		name, need, err := l4.ServerName(buf)
		if err != nil || need == 0 {
			info.Ahead = buf
			_ = c.SetReadDeadline(time.Time{})
			return name, true
		}
		if need > cap(buf) {
			buf = append(make([]byte, 0, need), buf...)
		}
		for len(buf) < need {
			n, err := c.Read(buf[len(buf):cap(buf)])
			if buf = buf[:len(buf)+n]; err != nil && n == 0 {
				return "", false
			}
		}
	}
}
