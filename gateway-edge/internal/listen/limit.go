package listen

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// census counts connections, in all and for each address. An IPv6 client is
// counted by its /64.
type census struct {
	max, perAddr int
	all          atomic.Int64
	mu           sync.Mutex // guards by
	by           map[netip.Addr]int
}

func newCensus(max, perAddr int) *census {
	return &census{max: max, perAddr: perAddr, by: map[netip.Addr]int{}}
}

func subject(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// enter counts one more connection of a; false when a has too many.
func (c *census) enter(a netip.Addr) bool {
	a = subject(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[a] >= c.perAddr {
		return false
	}
	c.by[a]++
	return true
}

// of is the number of connections that a has.
func (c *census) of(a netip.Addr) int {
	a = subject(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[a]
}

// leave takes it back.
func (c *census) leave(a netip.Addr) {
	a = subject(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[a]--; c.by[a] <= 0 {
		delete(c.by, a)
	}
}
