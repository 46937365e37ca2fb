package throttle

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	// Window is how long failures count.
	Window = 10 * time.Second
	places = 4096
)

// Table counts failures. The zero Table is not ready: use New.
type Table struct {
	most  uint64 // failures of one client in a window
	seed  maphash.Seed
	place [places]atomic.Uint64 // 32 bits of the client, 16 of the window, 16 of the count
}

// New makes a table that lets a client fail most times in a window, at most 65,534.
func New(most int) *Table { return &Table{most: uint64(most), seed: maphash.MakeSeed()} }

// Held reports whether the client failed too often; now is CLOCK_BOOTTIME in
// nanoseconds.
func (t *Table) Held(client netip.Addr, now int64) bool {
	p, id := t.at(client, now)
	v := p.Load()
	return v>>16 == id && v&0xffff >= t.most
}

// Failed counts a failure.
func (t *Table) Failed(client netip.Addr, now int64) {
	p, id := t.at(client, now)
	for {
		v := p.Load()
		next := id<<16 | 1
		if v>>16 == id {
			if next = v + 1; v&0xffff == 0xfffe {
				return
			}
		}
		if p.CompareAndSwap(v, next) {
			return
		}
	}
}

// at is the client's place and what it holds above the count.
func (t *Table) at(client netip.Addr, now int64) (*atomic.Uint64, uint64) {
	if client.Is6() && !client.Is4In6() {
		if net, err := client.Prefix(64); err == nil {
			client = net.Addr()
		}
	}
	h := maphash.Comparable(t.seed, client.WithZone(""))
	window := uint64(now/int64(Window)) & 0xffff
	return &t.place[h%places], (h>>32)<<16 | window
}
