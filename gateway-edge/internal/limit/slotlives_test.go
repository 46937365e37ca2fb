package limit

import (
	"testing"
	"time"
)

// What follows are the shortest lives in which TestSlotsModel found a fault.

// slotsOf makes a world of edges under a limit.
func slotsOf(t *testing.T, seed uint64, edges int, limit int64) *slotModel {
	m := &slotModel{world: newWorld(t, seed, edges), limit: limit, before: limit}
	m.sending = func(*virtual, *call, bool) {}
	m.told, m.ran = m.heard, m.leased
	m.note("%d edges, limit %d", len(m.edges), m.limit)
	for _, e := range m.edges {
		u := &user{m: m, e: e, open: map[*open]bool{}}
		m.users = append(m.users, u)
		u.start()
	}
	return m
}

// TestSlotsLoweredWhileBusy: edges whose slots are always in use hold to a limit that
// was lowered, as soon as requests end.
func TestSlotsLoweredWhileBusy(t *testing.T) {
	t.Parallel()
	for edges := range 3 {
		m := slotsOf(t, 1, edges+1, 24)
		for _, u := range m.users {
			u.clients(30, 50*time.Millisecond)
		}
		m.pass(3 * time.Second)
		if n := m.known(); n < 20 {
			t.Fatalf("%d of 24 are open", n)
		}
		m.change(6)
		m.pass(3 * time.Second)
		for range 100 {
			if m.pass(10 * time.Millisecond); m.known() > 6 {
				t.Fatalf("%d edges: %d are open three seconds after the limit became 6", edges+1, m.known())
			}
		}
		m.change(24)
		m.pass(3 * time.Second)
		if n := m.known(); n < 18 {
			t.Errorf("%d edges: %d are open three seconds after the limit became 24", edges+1, n)
		}
		m.halt()
	}
}

// TestSlotsOfALateEdge: one edge has all slots in use, always. Another that comes after
// it gets an even part, and not more than it asks for.
func TestSlotsOfALateEdge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit        int64
		wants, least int
		rest         int // that the first edge must have at some time
	}{{2, 5, 1, 1}, {16, 40, 6, 7}, {100, 5, 5, 90}} {
		m := slotsOf(t, 1, 2, c.limit)
		first, late := m.users[0], m.users[1]
		first.clients(2*int(c.limit), 100*time.Millisecond)
		m.pass(3 * time.Second)
		late.clients(c.wants, 100*time.Millisecond)
		m.pass(6 * time.Second)
		first.peak, late.peak = 0, 0
		sum := 0
		for range 100 {
			m.pass(25 * time.Millisecond)
			sum += int(m.known())
		}
		if late.peak < c.least || first.peak < c.rest {
			t.Errorf("of %d slots an edge that wants %d has %d at most, the first one %d", c.limit, c.wants, late.peak, first.peak)
		}
		if used := float64(sum) / 100 / float64(c.limit); used < 0.6 {
			t.Errorf("%.0f %% of %d slots are in use", 100*used, c.limit)
		}
		m.halt()
	}
}
