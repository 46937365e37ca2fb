package meter

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// Config is what a meter needs. Edge, Epoch and Incarnation identify the writer:
// the epoch must have been raised durably, and be locked against a second
// process, before Open.
type Config struct {
	Dir         string // the meter's own directory
	Edge        string
	Epoch       uint64
	Incarnation [16]byte
	// Alone reports whether no other process runs on Dir: only then files of former
	// epochs are taken for left behind. Nil: it always is.
	Alone  func() bool
	Keys   *contract.EdgeKeys
	Redis  redis.UniversalClient // nil: counts are kept, nothing is shipped
	Wall   func() time.Time      // nil: time.Now
	Logger *slog.Logger          // nil: slog.Default
}

// Ticket is an admitted request. The zero Ticket credits nothing.
type Ticket struct{ s *slot }

// Admit counts a request as admitted: before it is dispatched, after every limit
// took its tokens. id.Hour is ignored; the meter knows the hour.
func (m *Meter) Admit(h *Hot, id *contract.CounterID) Ticket {
	s := m.slot(h, id)
	s.rec.admitted.Add(1)
	s.mark()
	return Ticket{s}
}

// Credit takes an admission back because the edge itself ends up answering. It
// goes to the hour that the admission was counted in. Once for a Ticket at most.
func (m *Meter) Credit(t Ticket) {
	// A day-old ticket's file may be gone; its token stays spent.
	if t.s == nil || t.s.id.Hour+24 < m.hour.Load() {
		return
	}
	t.s.rec.admitted.Add(^uint64(0))
	t.s.mark()
}

// Commit counts a response at the moment its final head's first byte was
// written, whoever made it, in the hour of this moment. billable is the
// outcome's: it is not believed for a route of a test gateway. 101 and other
// statuses under 200 count as 2xx.
func (m *Meter) Commit(h *Hot, r *Route, id *contract.CounterID, status int, billable bool) {
	s := m.slot(h, id)
	s.rec.class(status).Add(1)
	if billable && !r.test {
		// Last of all: a crash in between leaves a response unbilled, never
		// one billed that was not counted.
		failpoint.Hit(failpoint.EdgeBeforeAdd)
		s.rec.billed.Add(1)
	}
	s.mark()
	m.route(r).status(status)
}

// Refuse counts an error that the edge itself answered with. It is never billed.
func (m *Meter) Refuse(h *Hot, r *Route, id *contract.CounterID, code contract.Code, status int) {
	s := m.slot(h, id)
	s.rec.class(status).Add(1)
	s.rec.refused.Add(1)
	s.mark()
	m.route(r).status(status)
	m.refused(r, code, status)
}

// Done is called once when the exchange ended: bytes of both bodies and heads
// on the client's side, and the time spent by the edge and by the upstream in
// microseconds (negative counts as zero).
func (m *Meter) Done(h *Hot, r *Route, id *contract.CounterID, in, out, edgeMicros, upstreamMicros int64) {
	s := m.slot(h, id)
	if in > 0 {
		s.rec.bytesIn.Add(uint64(in))
	}
	if out > 0 {
		s.rec.bytesOut.Add(uint64(out))
	}
	s.mark()
	m.route(r).latency(edgeMicros, upstreamMicros)
}

// Route is one route's place for public traffic, latency and status codes. One
// is made each time a gateway is compiled; several of the same identity share
// their counters. Route number 0 stands for requests that matched no route.
type Route struct {
	Hot // of requests without a principal

	organization, gateway, route uint64
	test                         bool
	cur                          atomic.Pointer[routeSlot]
	splits                       splits
}

// NewRoute makes a Route. test says that its gateway's mode is "test": nothing
// of it is ever billed.
func NewRoute(organization, gateway, route uint64, test bool) *Route {
	return &Route{organization: organization, gateway: gateway, route: route, test: test}
}

// Stats is the meter's state for metrics and readiness.
type Stats struct {
	Slots    int // counters of the open hour
	Files    int // mapped files
	Unacked  int // counters that the database has not acknowledged, this epoch
	Old      int // files of former epochs not yet acknowledged
	LastAck  time.Time
	LastShip time.Time
	// Degraded says why a crash could lose more than it should: a full or
	// failing disk. Empty: all is well.
	Degraded      string
	ShipErrors    uint64
	JournalErrors uint64
	Dropped       uint64 // counters that found no place anywhere
}

// Run ships, journals and rolls hours until ctx ends, then seals and ships once
// more. It must run while requests are counted: the hour changes in it.
func (m *Meter) Run(ctx context.Context) error { return m.run(ctx) }

// Flush ships everything and waits until the database has acknowledged it or
// ctx ends. It is the stop hook of an edge whose disk does not outlive it.
func (m *Meter) Flush(ctx context.Context) error { return m.flush(ctx) }
