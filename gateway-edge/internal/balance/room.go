package balance

// room is whether a target takes one more request.
type room uint8

const (
	roomFree room = iota
	roomFull      // its cap is reached
	roomShut      // its breaker is open
)

// reserve counts a request in flight at a target with a cap or a breaker. waiter:
// the request has waited, and need not stand behind those who wait. probe: it is
// one of the few that a half-open breaker lets through.
func (t *Target) reserve(waiter bool) (r room, probe bool) {
	s, g := t.state, t.upstream.group
	if t.limit > 0 && !waiter && g.queue.waiting.Load() > 0 {
		return roomFull, false
	}
	switch breakerMode(s.breaker.mode.Load()) {
	case breakerOpen:
		return roomShut, false
	case breakerHalf:
		if s.breaker.free.Add(-1) < 0 {
			s.breaker.free.Add(1)
			return roomShut, false
		}
		probe = true
	}
	most := int64(0)
	if b := t.upstream.breaker; b != nil && !probe {
		most = b.concurrent
	}
	if r = t.count(most); r == roomFree {
		return roomFree, probe
	}
	if probe {
		s.breaker.free.Add(1)
	}
	if r == roomShut {
		t.trip()
	}
	return r, false
}

// count adds a request in flight, within the cap, and within what the breaker
// takes (0: no bound). There is never one too many, not even for a moment: a
// request that left in between would wake nobody.
func (t *Target) count(most int64) room {
	n := &t.state.inflight
	if t.limit == 0 && most == 0 {
		n.Add(1)
		return roomFree
	}
	for {
		have := n.Load()
		switch {
		case t.limit > 0 && have >= t.limit:
			return roomFull
		case most > 0 && have >= most:
			return roomShut
		case n.CompareAndSwap(have, have+1):
			return roomFree
		}
	}
}
