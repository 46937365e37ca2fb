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
	if t.count() {
		if b := t.upstream.breaker; b != nil && !probe && b.concurrent > 0 && s.inflight.Load() > b.concurrent {
			t.leave(probe)
			t.trip()
			return roomShut, false
		}
		return roomFree, probe
	}
	if probe {
		s.breaker.free.Add(1)
	}
	return roomFull, false
}

// count adds a request in flight, within the cap. There is never one too many,
// not even for a moment: a request that left in between would wake nobody.
func (t *Target) count() bool {
	n := &t.state.inflight
	if t.limit == 0 {
		n.Add(1)
		return true
	}
	for {
		have := n.Load()
		if have >= t.limit {
			return false
		}
		if n.CompareAndSwap(have, have+1) {
			return true
		}
	}
}

// leave takes back what reserve counted.
func (t *Target) leave(probe bool) {
	if probe {
		t.state.breaker.free.Add(1)
	}
	t.state.inflight.Add(-1)
	if q := &t.upstream.group.queue; q.waiting.Load() > 0 {
		q.wake()
	}
}
