package shed

import (
	"math"
	"sync/atomic"
)

// Tenant is what a Guard knows of one organization. The zero value is ready, and it
// outlives versions of what the organization configures.
type Tenant struct {
	// Of the hot path.
	open  atomic.Int64 // requests under way
	waits atomic.Int64 // of them, those that do nothing but wait for another
	conns atomic.Int64 // connections
	used  atomic.Int64 // cost of what was admitted, ns of a processor
	done  atomic.Int64 // requests that were admitted, and handshakes
	shed  atomic.Int64 // refused by its pace
	next  atomic.Int64 // when the next may pass, by its pace
	mean  atomic.Int64 // what a request takes to decide, ns, by those that were weighed

	// Of the loop: gap is the time between two requests, handshake that between two
	// TLS handshakes, in ns. 0: it is within its share.
	gap, handshake atomic.Int64
	listed         atomic.Bool

	meter meter // the loop's own
}

// Open is the number of requests under way.
func (t *Tenant) Open() int64 { return t.open.Load() }

// Connections is the number of connections that count for the organization.
func (t *Tenant) Connections() int64 { return t.conns.Load() }

func (t *Tenant) busy() bool { return t.open.Load() > 0 || t.conns.Load() > 0 }

// burst is how much of a pace may come at once, in ns: what jitter of arrivals needs,
// and less than a queue that anybody would notice.
const burst = 2_000_000

// passes is the generic cell rate algorithm (ITU-T I.371): one atomic word.
func (t *Tenant) passes(now, gap int64) bool {
	for {
		next := t.next.Load()
		at := max(next, now-burst)
		if at > now {
			return false
		}
		if t.next.CompareAndSwap(next, at+gap) {
			return true
		}
	}
}

// Reason is why something was refused. 0: it was not.
type Reason uint8

// Reasons.
const (
	Admitted    Reason = iota
	Processor          // no processor time is left, and the organization is over its share
	Memory             // memory is short, and the organization has more requests open than others may
	Requests           // the organization has as many requests open as it may
	Connections        // the same of connections
	numReasons
)

var reasons = [numReasons]struct{ name, text string }{
	Admitted:    {"", ""},
	Processor:   {"processor", "this edge has more work than processor time, and the organization asks for more than its share of it"},
	Memory:      {"memory", "this edge is short of memory, and the organization has more requests open than its share"},
	Requests:    {"requests", "the organization has as many requests open on this edge as it may"},
	Connections: {"connections", "the organization has as many connections to this edge as it may"},
}

// Reasons are all but Admitted.
func Reasons() []Reason { return []Reason{Processor, Memory, Requests, Connections} }

// String is the reason's name, for metrics and logs.
func (r Reason) String() string { return reasons[min(r, numReasons-1)].name }

// Detail is one sentence for who asks why.
func (r Reason) Detail() string { return reasons[min(r, numReasons-1)].text }

// Enter counts one more request of t at now (ns of the clock that all calls share),
// unless it is refused. Leave must follow where it is not. The request is charged base
// and what requests of t take to decide: at once, since an overload begins with what
// was let in and has not ended.
func (g *Guard) Enter(t *Tenant, now, base int64) Reason {
	open := t.open.Add(1)
	if !t.listed.Load() {
		g.list(t)
	}
	r := Admitted
	switch gap := t.gap.Load(); {
	case open > g.maxOpen && open-t.waits.Load() > g.maxOpen:
		r = Requests
	case open > g.level.Load():
		r = Memory
	case gap != 0 && !t.passes(now, gap):
		t.shed.Add(1)
		r = Processor
	default:
		t.used.Add(base + t.mean.Load())
		t.done.Add(1)
		return Admitted
	}
	t.open.Add(-1)
	g.refused[r].Add(1)
	return r
}

// Leave ends a request.
func (g *Guard) Leave(t *Tenant) { t.open.Add(-1) }

// Wait begins a wait that costs memory alone: the request counts only where memory is
// short, until Waited.
func (g *Guard) Wait(t *Tenant) { t.waits.Add(1) }

// Waited ends what Wait began.
func (g *Guard) Waited(t *Tenant) { t.waits.Add(-1) }

// Bounds of what one request may say of the others: a goroutine that was made to wait
// while it was weighed takes those that ran meanwhile for itself.
const (
	firstMean = 20_000
	mostMean  = 2_000_000
)

// Weigh takes what it took to decide a request, in ns of a processor: of a sample of
// them. Updates that meet may be lost.
func (t *Tenant) Weigh(cost int64) {
	old := t.mean.Load()
	if old == 0 {
		old = firstMean
	}
	cost = min(mostMean, 2*old, max(old/2, cost))
	t.mean.Store(max(1000, old+(cost-old)/8))
}

// Charge adds to what a request or connection under way has cost.
func (g *Guard) Charge(t *Tenant, cost int64) { t.used.Add(cost) }

// Handshake asks for a TLS handshake on behalf of t.
func (g *Guard) Handshake(t *Tenant, now int64) bool {
	if gap := t.handshake.Load(); gap != 0 && !t.passes(now, gap) {
		t.shed.Add(1)
		g.refused[Processor].Add(1)
		return false
	}
	t.used.Add(handshakeCost)
	t.done.Add(1)
	return true
}

// handshakeCost is what a TLS 1.3 handshake takes with P-256, in ns.
const handshakeCost = 250_000

// Connect counts a connection of t until Disconnect; false: t has too many.
func (g *Guard) Connect(t *Tenant) bool {
	n := t.conns.Add(1)
	if !t.listed.Load() {
		g.list(t)
	}
	if n > g.maxConns {
		t.conns.Add(-1)
		g.refused[Connections].Add(1)
		return false
	}
	return true
}

// Disconnect ends what Connect counted.
func (g *Guard) Disconnect(t *Tenant) { t.conns.Add(-1) }

// Seat is one connection's place among those of an organization: that of its server
// name or of its first request. The zero value is empty.
type Seat struct{ tenant atomic.Pointer[Tenant] }

// Take seats the connection with t unless it is seated; false: t has too many.
func (s *Seat) Take(g *Guard, t *Tenant) bool {
	if s.tenant.Load() != nil {
		return true
	}
	if !g.Connect(t) {
		return false
	}
	if !s.tenant.CompareAndSwap(nil, t) {
		g.Disconnect(t) // another request of the connection was quicker
	}
	return true
}

// Leave gives the place back.
func (s *Seat) Leave(g *Guard) {
	if t := s.tenant.Swap(nil); t != nil {
		g.Disconnect(t)
	}
}

// unbounded is the level while memory is not short.
const unbounded = math.MaxInt64
