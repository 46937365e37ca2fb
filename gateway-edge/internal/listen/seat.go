package listen

import (
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
)

// seats counts a connection of TLS for the organization whose server name it asks
// for, before the handshake, which is what costs most; false: it has too many, or
// more handshakes than its share while there is more to do than can be done. A name
// that is nobody's, or whose gateway is not in memory, is let on: the handshake or
// the first request has the last word.
func (s *Server) seats(name string, info *engine.Info) bool {
	g := s.cfg.Guard
	if g == nil || s.cfg.Table == nil || name == "" {
		return true
	}
	entry := s.cfg.Table.FindString(name)
	if entry == nil {
		return true
	}
	gw := entry.Current()
	if gw == nil {
		return true
	}
	t := &gw.Org.Share
	if info.Seat != nil && !info.Seat.Take(g, t) {
		return false
	}
	return g.Handshake(t, s.cfg.Now())
}
