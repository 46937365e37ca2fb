package keystore

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Unknown keys allowed a second. Only those are charged, after they turned out
// unknown: cold keys that exist are never held back.
const (
	missesPerClient  = 5
	missesPerGateway = 200
	missesPerEdge    = 2000
	// missDebt bounds how far into the future a burst of unknown keys bars its
	// source, in nanoseconds.
	missDebt = 10_000_000_000
)

// misses limits the reading of unknown keys.
type misses struct {
	edge     pace
	clients  [4096]clientPace
	gateways sync.Map // numeric gateway → *pace
}

// pace is a token bucket of one second's worth, kept as the time at which it is
// full again (GCRA). Times are CLOCK_BOOTTIME ns.
type pace struct{ full atomic.Int64 }

// over says that more was charged than rate a second allows.
func (p *pace) over(now int64) bool { return p.full.Load()-now > 1_000_000_000 }

func (p *pace) charge(now, rate int64) {
	for {
		old := p.full.Load()
		next := min(max(old, now)+1_000_000_000/rate, now+missDebt)
		if p.full.CompareAndSwap(old, next) {
			return
		}
	}
}

// clientPace is a pace of whichever client used it last; it changes hands only
// when its last owner owes nothing.
type clientPace struct {
	tag atomic.Uint64
	pace
}

func (m *misses) client(addr netip.Addr) (*clientPace, uint64) {
	tag := clientTag(addr)
	return &m.clients[tag>>52], tag
}

// clientTag is the client's network: an IPv4 address or an IPv6 /64.
func clientTag(addr netip.Addr) uint64 {
	addr = addr.Unmap()
	b := addr.As16()
	n := binary.BigEndian.Uint64(b[:8])
	if addr.Is4() {
		n = 1<<63 | uint64(binary.BigEndian.Uint32(b[12:]))
	}
	return mix(n) | 1
}

func (m *misses) gateway(num uint64) *pace {
	if p, ok := m.gateways.Load(num); ok {
		return p.(*pace)
	}
	p, _ := m.gateways.LoadOrStore(num, &pace{})
	return p.(*pace)
}

// allow says whether an unknown key may be looked up.
func (m *misses) allow(client netip.Addr, gateway *pace, now int64) bool {
	c, tag := m.client(client)
	return !(c.tag.Load() == tag && c.over(now)) && !gateway.over(now) && !m.edge.over(now)
}

// miss charges a key that turned out unknown.
func (m *misses) miss(client netip.Addr, gateway *pace, now int64) {
	if c, tag := m.client(client); c.tag.Load() == tag || c.full.Load() <= now {
		c.tag.Store(tag)
		c.charge(now, missesPerClient)
	}
	gateway.charge(now, missesPerGateway)
	m.edge.charge(now, missesPerEdge)
}

// negative remembers unknown kids for a moment. It is bounded and can only forget.
type negative struct {
	slots [1 << 16]struct{ kid, until atomic.Uint64 }
}

// negativeTime is how long an unknown kid is remembered, in nanoseconds.
const negativeTime = 2_000_000_000

func (n *negative) has(kid uint64, now int64) bool {
	s := &n.slots[mix(kid)>>48]
	return s.kid.Load() == kid && int64(s.until.Load()) > now && s.kid.Load() == kid
}

func (n *negative) add(kid uint64, now int64) {
	s := &n.slots[mix(kid)>>48]
	s.until.Store(0)
	s.kid.Store(kid)
	s.until.Store(uint64(now + negativeTime))
}

func (n *negative) remove(kid uint64) {
	if s := &n.slots[mix(kid)>>48]; s.kid.Load() == kid {
		s.until.Store(0)
	}
}
