package memo

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Bounds of a table.
const (
	ways       = 4 // places that one hash may stand in
	minEntries = 64
	maxEntries = 1 << 16
	// MaxWeight is what a table holds at most in bytes, as Entry.Weight estimates
	// them.
	MaxWeight = 32 << 20
)

// Entry is what a table holds: a pointer to a T, immutable in what these tell.
type Entry[T any] interface {
	*T
	// Hash names the credential under its configuration.
	Hash() *[32]byte
	// Good reports whether the verdict still stands; boot is CLOCK_BOOTTIME in
	// nanoseconds, unix the time of day in seconds.
	Good(boot, unix int64) bool
	// Weight estimates the entry's bytes.
	Weight() int
}

// Table is a set-associative table of entries. Readers take no lock: they load the
// list and at most four entries. Writers take turns. The zero Table is empty and
// ready for use.
type Table[T any, E Entry[T]] struct {
	list atomic.Pointer[[]atomic.Pointer[T]]

	mu     sync.Mutex // guards what follows and all stores
	used   int
	weight int
	hand   int // where eviction looks next
}

// Get returns the entry of a hash, good or not; nil when there is none.
func (c *Table[T, E]) Get(hash *[32]byte) E {
	t := c.list.Load()
	if t == nil {
		return nil
	}
	at := bucket(len(*t), hash)
	for w := range ways {
		if e := (*t)[at+w].Load(); e != nil && *E(e).Hash() == *hash {
			return e
		}
	}
	return nil
}

func bucket(places int, hash *[32]byte) int {
	return int(binary.LittleEndian.Uint64(hash[:8])&uint64(places-1)) &^ (ways - 1)
}

// Put keeps an entry. What is no good any more goes first, then the table grows,
// then others go.
func (c *Table[T, E]) Put(e E, nowBoot, nowUnix int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list.Load() == nil {
		t := make([]atomic.Pointer[T], minEntries)
		c.list.Store(&t)
	}
	for !c.place(e, nowBoot, nowUnix) {
		c.grow(nowBoot, nowUnix)
	}
	for c.weight > MaxWeight {
		c.evict(e)
	}
}

// place stores e in its bucket; false when the bucket is full of good entries
// and the table may grow.
func (c *Table[T, E]) place(e E, nowBoot, nowUnix int64) bool {
	t := *c.list.Load()
	at := bucket(len(t), e.Hash())
	spot := -1
	for w := range ways {
		old := t[at+w].Load()
		if old != nil && *E(old).Hash() == *e.Hash() {
			spot = at + w
			break
		}
		if spot < 0 && (old == nil || !E(old).Good(nowBoot, nowUnix)) {
			spot = at + w
		}
	}
	if spot < 0 {
		if len(t) < maxEntries && c.used*2 >= len(t) {
			return false
		}
		spot = at + int(e.Hash()[31])%ways
	}
	c.store(t, spot, e)
	return true
}

// store puts e (or nothing) in a spot and keeps the sums.
func (c *Table[T, E]) store(t []atomic.Pointer[T], spot int, e E) {
	if old := t[spot].Load(); old != nil {
		c.used--
		c.weight -= E(old).Weight()
	}
	if e != nil {
		c.used++
		c.weight += e.Weight()
	}
	t[spot].Store(e)
}

// grow doubles the table. Entries that find no room in the new one are lost, as
// if they had been evicted.
func (c *Table[T, E]) grow(nowBoot, nowUnix int64) {
	old := *c.list.Load()
	t := make([]atomic.Pointer[T], 2*len(old))
	c.used, c.weight = 0, 0
	for i := range old {
		e := old[i].Load()
		if e == nil || !E(e).Good(nowBoot, nowUnix) {
			continue
		}
		at := bucket(len(t), E(e).Hash())
		for w := range ways {
			if t[at+w].Load() == nil {
				c.store(t, at+w, e)
				break
			}
		}
	}
	c.list.Store(&t)
}

// evict frees the next used spot but that of keep.
func (c *Table[T, E]) evict(keep E) {
	t := *c.list.Load()
	for range len(t) {
		c.hand = (c.hand + 1) & (len(t) - 1)
		if e := t[c.hand].Load(); e != nil && E(e) != keep {
			c.store(t, c.hand, nil)
			return
		}
	}
	c.weight = 0 // keep alone is over the bound: nothing is left to free
}

// Drop removes the entries that dead says are dead: it may also end what runs under
// them.
func (c *Table[T, E]) Drop(dead func(e E) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.list.Load()
	if p == nil {
		return
	}
	for i := range *p {
		if e := (*p)[i].Load(); e != nil && dead(e) {
			c.store(*p, i, nil)
		}
	}
}
