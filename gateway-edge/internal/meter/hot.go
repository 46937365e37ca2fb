package meter

import (
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/services/contract"
)

// Hot finds the counters of one principal, or of one route's public traffic,
// without a lock. The zero value is ready; it must not be copied after first use.
// It hangs on what the request has in hand anyway (Principal.Locals[LocalMeter],
// Route.Hot), so a counter costs one pointer and one comparison to find.
type Hot struct {
	table atomic.Pointer[table]
	mu    sync.Mutex // guards the replacement of table
}

// HotOf returns the Hot kept in v and hangs a new one there when it is empty.
func HotOf(v *atomic.Value) *Hot {
	if h, ok := v.Load().(*Hot); ok {
		return h
	}
	v.CompareAndSwap(nil, &Hot{})
	return v.Load().(*Hot)
}

// table is an immutable open-addressing table over the routes that one Hot was
// used with in one hour. It is at most half full, so a probe ends soon.
type table struct {
	hour  uint32
	mask  uint32
	used  int
	slots []slot
}

// Bounds of a table. A Hot that outgrows the largest begins anew: its counters
// are found again through the index.
const (
	tableMin = 4
	tableMax = 8192
)

// slot is one counter as the hot path sees it. The zero slot is empty.
type slot struct {
	id    contract.CounterID
	rec   *counterRecord
	dirty *atomic.Uint32
	bit   uint32
}

// mark says that the counter moved. It is called after the addition: the
// harvester clears the bit before it reads, so no addition is ever missed.
func (s *slot) mark() {
	if s.dirty.Load()&s.bit == 0 {
		s.dirty.Or(s.bit)
	}
}

// find returns the slot of an id, or nil. The organization and the gateway follow
// from the route.
func (t *table) find(id *contract.CounterID) *slot {
	for i := probe(id.Route) & t.mask; ; i = (i + 1) & t.mask {
		s := &t.slots[i]
		if s.rec == nil {
			return nil
		}
		if s.id.Route == id.Route && s.id.Key == id.Key && s.id.Consumer == id.Consumer &&
			s.id.Plan == id.Plan && s.id.Gateway == id.Gateway {
			return s
		}
	}
}

// probe spreads small sequential numbers over the table.
func probe(route uint64) uint32 { return uint32((route * 0x9E3779B97F4A7C15) >> 32) }

// with returns a table that also holds s.
func (t *table) with(hour uint32, s slot) *table {
	size := tableMin
	if t != nil && t.hour == hour && t.used < tableMax/2 {
		size = len(t.slots)
		if 2*(t.used+1) > size {
			size *= 2
		}
	} else {
		t = nil
	}
	n := &table{hour: hour, mask: uint32(size - 1), slots: make([]slot, size)}
	if t != nil {
		for i := range t.slots {
			if t.slots[i].rec != nil {
				n.put(t.slots[i])
			}
		}
	}
	n.put(s)
	return n
}

func (t *table) put(s slot) {
	i := probe(s.id.Route) & t.mask
	for t.slots[i].rec != nil {
		i = (i + 1) & t.mask
	}
	t.slots[i] = s
	t.used++
}

// slot returns the counter of id in the present hour.
func (m *Meter) slot(h *Hot, id *contract.CounterID) *slot {
	hour := m.hour.Load()
	if t := h.table.Load(); t != nil && t.hour == hour {
		if s := t.find(id); s != nil {
			return s
		}
	}
	return m.slotSlow(h, id, hour)
}

// slotSlow runs once for each counter and hour, and after a Hot was made anew.
func (m *Meter) slotSlow(h *Hot, id *contract.CounterID, hour uint32) *slot {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.table.Load()
	if t != nil && t.hour == hour {
		if s := t.find(id); s != nil {
			return s
		}
	}
	key := *id
	key.Hour = hour
	pl := m.counters.open(key)
	s := slot{id: key, rec: pl.file.counter(pl.n)}
	s.dirty, s.bit = pl.file.bit(pl.n)
	n := t.with(hour, s)
	h.table.Store(n)
	return n.find(id)
}
