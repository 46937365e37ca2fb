package respcache

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	shards = 16
	// marks is how many resources a gateway remembers the last invalidation of.
	marks = 1024
)

// mark is when a resource was last made invalid, CLOCK_BOOTTIME ns. lost is when
// the last of those was that had its place before: whatever began earlier may have
// been one of them.
type mark struct {
	base       uint64
	when, lost int64
}

// Gateway is the cache of one gateway. One that never stored anything is only
// this.
type Gateway struct {
	s    *Store
	org  *organization
	mu   sync.Mutex // held while the room is made, or the gateway ends
	room atomic.Pointer[room]
	over atomic.Bool // the gateway is gone; nothing is stored any more
}

// room is where a gateway's items are.
type room struct {
	purged atomic.Int64 // when something was last purged, CLOCK_BOOTTIME ns
	mu     sync.Mutex
	marks  [marks]mark // guarded by mu
	shards [shards]shard
}

// invalid reports whether what an item holds was made invalid since it began.
func (r *room) invalid(i *policy.CacheItem) bool {
	if i.Began <= r.purged.Load() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.marks[i.Base%marks]
	return i.Began <= m.lost || m.base == i.Base && i.Began <= m.when
}

// invalidate notes that a resource was made invalid.
func (r *room) invalidate(base uint64, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.marks[base%marks]
	if m.base != base {
		m.base, m.lost = base, max(m.lost, m.when)
	}
	m.when = now
}

var _ policy.Cache = (*Gateway)(nil)

func (g *Gateway) shard(r *room, key []byte) *shard {
	return &r.shards[maphash.Bytes(g.s.seed, key)%shards]
}

// end keeps everything out from now on, and returns the room; nil: there is none.
func (g *Gateway) end() *room {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over.Store(true)
	return g.room.Load()
}

// open returns the room, made at the first call; nil where the gateway is gone.
func (g *Gateway) open() *room {
	if r := g.room.Load(); r != nil {
		return r
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.room.Load(); r != nil {
		return r
	}
	if g.over.Load() {
		return nil
	}
	r := &room{}
	for i := range r.shards {
		r.shards[i].g = g
	}
	g.org.adopt(r)
	g.room.Store(r)
	return r
}

// Peek implements policy.Cache.
func (g *Gateway) Peek(key []byte) []*policy.CacheItem {
	r := g.room.Load()
	if r == nil {
		return nil
	}
	sh := g.shard(r, key)
	sh.mu.RLock()
	list := sh.byKey[string(key)]
	sh.mu.RUnlock()
	return list
}

// Put implements policy.Cache.
func (g *Gateway) Put(item, old *policy.CacheItem) bool {
	if item.Size > g.s.cfg.PerOrganization/4 || item.Size > g.s.cfg.Max/4 {
		return false
	}
	r := g.open()
	if r == nil {
		return false
	}
	sh := g.shard(r, []byte(item.Key))
	sh.mu.Lock()
	if g.over.Load() || r.invalid(item) { // what was put before that is found by Forget
		sh.mu.Unlock()
		return false
	}
	sh.put(item, old)
	sh.mu.Unlock()
	g.s.counts.puts.Add(1)
	g.s.shrink(g.org)
	return true
}

// Invalidate implements policy.Cache.
func (g *Gateway) Invalidate(base uint64, now int64) {
	r := g.open()
	if r == nil {
		return
	}
	r.invalidate(base, now)
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for n := sh.byBase[base]; n != nil; {
			next := n.next
			sh.drop(n)
			n = next
		}
		sh.mu.Unlock()
	}
}

// Reserve implements policy.Cache. Bodies under way may take a quarter of what is
// there for all, beside the items.
func (g *Gateway) Reserve(n int64) bool {
	if g.s.filling.Add(n) > g.s.cfg.Max/4 && n > 0 {
		g.s.filling.Add(-n)
		return false
	}
	return true
}

// Later implements policy.Cache. What an organization may have waiting or under way
// is bounded, so that one whose backends hang does not keep the others' waiting.
func (g *Gateway) Later(f func(context.Context)) bool {
	if g.org.later.Add(1) > share {
		g.org.later.Add(-1)
		return false
	}
	select {
	case g.s.later <- task{g.org, f}:
		return true
	default:
		g.org.later.Add(-1)
		return false
	}
}

// hits reports whether a purge is about an item.
func hits(p *contract.Purge, i *policy.CacheItem) bool {
	switch {
	case p.All:
		return true
	case p.Path != "":
		return i.Path == p.Path
	case p.Prefix != "":
		return strings.HasPrefix(i.Path, p.Prefix)
	case p.Tag != "":
		return slices.Contains(i.Tags, p.Tag)
	}
	return false
}

// Purge removes what p names from the cache of a gateway, and keeps out what is
// on its way there. It returns how many items went.
func (s *Store) Purge(gateway string, p *contract.Purge) int {
	v, ok := s.gateways.Load(gateway)
	if !ok {
		return 0
	}
	g := v.(*Gateway)
	r := g.open()
	if r == nil {
		return 0
	}
	r.purged.Store(s.cfg.Now())
	n := g.remove(func(i *policy.CacheItem) bool { return hits(p, i) })
	s.counts.purged.Add(int64(n))
	return n
}

// remove removes every item that gone says, a shard at a time.
func (g *Gateway) remove(gone func(*policy.CacheItem) bool) (removed int) {
	r := g.room.Load()
	if r == nil {
		return 0
	}
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for n := sh.newest; n != nil; {
			older := n.older
			if gone(n.item) {
				sh.drop(n)
				removed++
			}
			n = older
		}
		sh.mu.Unlock()
	}
	return removed
}
