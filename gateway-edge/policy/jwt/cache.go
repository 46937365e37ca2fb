package jwt

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Bounds of an issuer's cache.
const (
	ways       = 4 // entries that one hash may stand in
	minEntries = 64
	maxEntries = 1 << 16
	maxWeight  = 32 << 20 // bytes, as entry.weight estimates them
)

// entry is the verdict on one token under one configuration. It is immutable but
// for what is known of the caller's consumer.
type entry struct {
	hash      [32]byte
	key       *key  // it dies with it
	expires   int64 // Unix seconds, with the skew
	weight    int
	fault     fault
	principal *policy.Principal // set unless fault is: of no consumer
	identity  policy.Identity   // set unless fault is
	values    []string          // of the policy's header fields, "" where the claim is absent

	matched atomic.Pointer[owned] // the caller's consumer, once it is known
	// absent is the CLOCK_BOOTTIME until which the caller is known to be no
	// consumer's, unless the stream says otherwise.
	absent atomic.Int64
}

// good reports whether the verdict still stands.
func (e *entry) good(nowBoot, nowUnix int64) bool {
	return nowUnix <= e.expires && e.key.alive(nowBoot)
}

// cache is a set-associative table of verdicts. Readers take no lock: they load
// the table and at most four entries. Writers take turns.
type cache struct {
	table atomic.Pointer[[]atomic.Pointer[entry]]

	mu     sync.Mutex // guards what follows and all stores
	used   int
	weight int
	hand   int // where eviction looks next
}

// get returns the entry of a hash, good or not.
func (c *cache) get(hash *[32]byte) *entry {
	t := c.table.Load()
	if t == nil {
		return nil
	}
	at := bucket(*t, hash)
	for w := range ways {
		if e := (*t)[at+w].Load(); e != nil && e.hash == *hash {
			return e
		}
	}
	return nil
}

func bucket(t []atomic.Pointer[entry], hash *[32]byte) int {
	return int(binary.LittleEndian.Uint64(hash[:8])&uint64(len(t)-1)) &^ (ways - 1)
}

// put keeps an entry. What is no good any more goes first, then the table grows,
// then others go.
func (c *cache) put(e *entry, nowBoot, nowUnix int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.table.Load() == nil {
		t := make([]atomic.Pointer[entry], minEntries)
		c.table.Store(&t)
	}
	for !c.place(e, nowBoot, nowUnix) {
		c.grow(nowBoot, nowUnix)
	}
	for c.weight > maxWeight {
		c.evict(e)
	}
}

// place stores e in its bucket; false when the bucket is full of good entries
// and the table may grow.
func (c *cache) place(e *entry, nowBoot, nowUnix int64) bool {
	t := *c.table.Load()
	at := bucket(t, &e.hash)
	spot := -1
	for w := range ways {
		old := t[at+w].Load()
		if old != nil && old.hash == e.hash {
			spot = at + w
			break
		}
		if spot < 0 && (old == nil || !old.good(nowBoot, nowUnix)) {
			spot = at + w
		}
	}
	if spot < 0 {
		if len(t) < maxEntries && c.used*2 >= len(t) {
			return false
		}
		spot = at + int(e.hash[31])%ways
	}
	c.store(t, spot, e)
	return true
}

// store puts e (or nothing) in a spot and keeps the sums.
func (c *cache) store(t []atomic.Pointer[entry], spot int, e *entry) {
	if old := t[spot].Load(); old != nil {
		c.used--
		c.weight -= old.weight
	}
	if e != nil {
		c.used++
		c.weight += e.weight
	}
	t[spot].Store(e)
}

// grow doubles the table. Entries that find no room in the new one are lost, as
// if they had been evicted.
func (c *cache) grow(nowBoot, nowUnix int64) {
	old := *c.table.Load()
	t := make([]atomic.Pointer[entry], 2*len(old))
	c.used, c.weight = 0, 0
	for i := range old {
		e := old[i].Load()
		if e == nil || !e.good(nowBoot, nowUnix) {
			continue
		}
		at := bucket(t, &e.hash)
		for w := range ways {
			if t[at+w].Load() == nil {
				c.store(t, at+w, e)
				break
			}
		}
	}
	c.table.Store(&t)
}

// evict frees the next used spot but that of keep.
func (c *cache) evict(keep *entry) {
	t := *c.table.Load()
	for range len(t) {
		c.hand = (c.hand + 1) & (len(t) - 1)
		if e := t[c.hand].Load(); e != nil && e != keep {
			c.store(t, c.hand, nil)
			return
		}
	}
	c.weight = 0 // keep alone is over the bound: nothing is left to free
}

// drop removes the entries whose key has died and ends what still runs under
// them.
func (c *cache) drop(nowBoot int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.table.Load()
	if p == nil {
		return
	}
	for i := range *p {
		if e := (*p)[i].Load(); e != nil && !e.key.alive(nowBoot) {
			e.end()
			c.store(*p, i, nil)
		}
	}
}
