package balance

import (
	"sync/atomic"
	"time"
)

// budget bounds further tries to a share of the requests of the last ten seconds,
// so that a failing backend is not hit harder for failing. A few are always
// allowed, for upstreams with little traffic.
type budget struct {
	retries atomic.Uint64
	// What requests and retries were at the beginning of the window.
	requests0, retries0 atomic.Uint64

	// The ring belongs to the Registry's sweep.
	ring [budgetSlots]struct{ requests, retries uint64 }
	slot int
}

const (
	budgetSlots = 10
	budgetStep  = int64(time.Second)
	// minRetries may be made in a window whatever its requests.
	minRetries = 3
)

// reset begins with a full window of nothing.
func (b *budget) reset(requests uint64) {
	b.requests0.Store(requests)
	for i := range b.ring {
		b.ring[i].requests = requests
	}
}

// move advances the window by one step; one goroutine calls it every budgetStep.
func (b *budget) move(requests uint64) {
	b.ring[b.slot].requests, b.ring[b.slot].retries = requests, b.retries.Load()
	b.slot = (b.slot + 1) % budgetSlots
	b.requests0.Store(b.ring[b.slot].requests)
	b.retries0.Store(b.ring[b.slot].retries)
}

// take takes one retry if percent of the requests allow it. Concurrent callers
// never take more than there is.
func (b *budget) take(percent, requests uint64) bool {
	allowed := b.retries0.Load() + max(minRetries, (requests-b.requests0.Load())*percent/100)
	for {
		n := b.retries.Load()
		if n >= allowed {
			return false
		}
		if b.retries.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
