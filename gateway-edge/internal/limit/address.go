package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Bounds of the tables of client addresses.
const (
	addrShards  = 16
	maxAddrs    = 32 * 1024  // of one family
	maxAllAddrs = 256 * 1024 // of the edge: past it a family evicts its own
)

// addrTable is a family's counters by client address: bounded, each edge's own.
// The table of one tenant never evicts another's.
type addrTable struct {
	all    *atomic.Int64 // entries of every table
	shards [addrShards]addrShard
}

type addrShard struct {
	mu   sync.RWMutex // guards what follows
	m    map[netip.Addr]*addrEntry
	ring []netip.Addr // for the clock hand
	hand int
}

type addrEntry struct {
	counter
	used atomic.Bool // since the hand passed
}

func newAddrTable(all *atomic.Int64) *addrTable {
	t := &addrTable{all: all}
	for i := range t.shards {
		t.shards[i].m = map[netip.Addr]*addrEntry{}
	}
	return t
}

// subjectAddr is what is limited: an IPv6 client is its /64.
func subjectAddr(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

func addrHash(a netip.Addr) uint32 {
	b := a.As16()
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h ^ h>>16
}

// cell finds the client's counter. It allocates for a new address only.
func (t *addrTable) cell(f *family, client netip.Addr, now int64) policy.Cell {
	a := subjectAddr(client)
	s := &t.shards[addrHash(a)%addrShards]
	s.mu.RLock()
	e := s.m[a]
	s.mu.RUnlock()
	if e == nil {
		e = t.add(s, f, a)
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	if e.plan.Load() != f.plan {
		e.meet(f.plan)
	}
	return e.body.cell(now)
}

func (t *addrTable) add(s *addrShard, f *family, a netip.Addr) *addrEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m[a]; e != nil {
		return e
	}
	e := &addrEntry{}
	e.plan.Store(f.plan)
	switch f.plan.kind {
	case policy.CountQuota:
		e.body = newLocalQuota(f.l, f.plan)
	case policy.CountRate:
		e.body = newLocalRate(f.l, f.plan)
	default:
		e.body = newLocalSlots(f.l, f.plan)
	}
	if len(s.ring) > 0 && (len(s.ring) >= maxAddrs/addrShards || t.all.Load() >= maxAllAddrs) {
		at := s.evict()
		delete(s.m, s.ring[at])
		s.ring[at] = a
	} else {
		s.ring = append(s.ring, a)
		t.all.Add(1)
	}
	s.m[a] = e
	return e
}

// evict moves the hand to an entry that was not used since it passed, and has no
// request open. After two rounds the one under the hand goes: the table stays
// bounded whatever comes. Callers hold mu.
func (s *addrShard) evict() int {
	for range 2 * len(s.ring) {
		at := s.hand
		s.hand = (s.hand + 1) % len(s.ring)
		e := s.m[s.ring[at]]
		if e.used.Swap(false) {
			continue
		}
		if b, ok := e.body.(*localSlots); ok && b.used.Load() > 0 {
			continue
		}
		return at
	}
	return s.hand
}
