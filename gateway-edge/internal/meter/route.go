package meter

import (
	"sync/atomic"
)

// routeSlot is a route's record as the hot path sees it. It never changes.
type routeSlot struct {
	hour  uint32
	rec   *routeRecord
	dirty *atomic.Uint32
	bit   uint32
}

// route returns the record of r in the present hour.
func (m *Meter) route(r *Route) *routeSlot {
	hour := m.hour.Load()
	if s := r.cur.Load(); s != nil && s.hour == hour {
		return s
	}
	pl := m.routes.open(routeID{r.organization, r.gateway, r.route, hour})
	s := &routeSlot{hour: hour, rec: pl.file.route(pl.n)}
	s.dirty, s.bit = pl.file.bit(pl.n)
	r.cur.Store(s)
	return s
}

func (s *routeSlot) mark() {
	if s.dirty.Load()&s.bit == 0 {
		s.dirty.Or(s.bit)
	}
}

func (s *routeSlot) status(code int) {
	s.rec.status(code)
	s.mark()
}

func (s *routeSlot) latency(edgeMicros, upstreamMicros int64) {
	s.rec.edge[Bucket(uint64(max(edgeMicros, 0)))].Add(1)
	s.rec.upstream[Bucket(uint64(max(upstreamMicros, 0)))].Add(1)
	s.mark()
}
