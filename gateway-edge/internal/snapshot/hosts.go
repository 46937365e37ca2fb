package snapshot

import (
	"hash/maphash"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

const hostShards = 256

// hosts maps canonical host names to entries. Reading takes no lock; a change
// copies one shard. A wildcard "*.example.com" is kept as ".example.com".
type hosts struct {
	seed   maphash.Seed
	shards [hostShards]atomic.Pointer[map[string]*Entry]

	// mu guards changes and rivals.
	mu sync.Mutex
	// rivals are entries that claim a host which a later claim has taken: while
	// a host moves between gateways both documents may name it for a moment.
	rivals map[string][]*Entry
}

func newHosts() *hosts {
	h := &hosts{seed: maphash.MakeSeed(), rivals: map[string][]*Entry{}}
	empty := map[string]*Entry{}
	for i := range h.shards {
		h.shards[i].Store(&empty)
	}
	return h
}

func (h *hosts) get(host string) *Entry {
	return (*h.shards[maphash.String(h.seed, host)%hostShards].Load())[host]
}

func (h *hosts) getBytes(host []byte) *Entry {
	return (*h.shards[maphash.Bytes(h.seed, host)%hostShards].Load())[string(host)]
}

// key is the form under which a host of a document is kept.
func key(host string) string { return strings.TrimPrefix(host, "*") }

// edit is a change of the maps: shards are copied when first touched, and all
// published together.
type edit struct {
	h     *hosts
	dirty map[uint64]map[string]*Entry
}

func (h *hosts) edit() *edit { return &edit{h: h, dirty: map[uint64]map[string]*Entry{}} }

func (d *edit) get(host string) *Entry {
	n := maphash.String(d.h.seed, host) % hostShards
	if m, ok := d.dirty[n]; ok {
		return m[host]
	}
	return (*d.h.shards[n].Load())[host]
}

// set points host at e, or removes it when e is nil.
func (d *edit) set(host string, e *Entry) {
	n := maphash.String(d.h.seed, host) % hostShards
	m, ok := d.dirty[n]
	if !ok {
		m = maps.Clone(*d.h.shards[n].Load())
		d.dirty[n] = m
	}
	if e == nil {
		delete(m, host)
	} else {
		m[host] = e
	}
}

func (d *edit) publish() {
	for n, m := range d.dirty {
		d.h.shards[n].Store(&m)
	}
}

// claim is the hosts that an entry owned before and owns from now on.
type claim struct {
	entry       *Entry
	before, now []string
}

// replace applies claims in order. The latest claim of a host wins; when it is
// given up the host falls back to who claimed it before.
func (h *hosts) replace(claims ...claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.edit()
	for _, c := range claims {
		keep := make(map[string]bool, len(c.now))
		for _, name := range c.now {
			keep[key(name)] = true
		}
		for _, name := range c.before {
			if k := key(name); !keep[k] {
				d.release(k, c.entry)
			}
		}
		for k := range keep {
			d.take(k, c.entry)
		}
	}
	d.publish()
}

func (d *edit) take(k string, e *Entry) {
	switch owner := d.get(k); owner {
	case e:
	case nil:
		d.set(k, e)
	default:
		d.h.removeRival(k, e)
		d.h.rivals[k] = append(d.h.rivals[k], owner)
		d.set(k, e)
	}
}

func (d *edit) release(k string, e *Entry) {
	if d.get(k) != e {
		d.h.removeRival(k, e)
		return
	}
	rs := d.h.rivals[k]
	if len(rs) == 0 {
		d.set(k, nil)
		return
	}
	d.set(k, rs[len(rs)-1])
	d.h.rivals[k] = rs[:len(rs)-1]
	if len(rs) == 1 {
		delete(d.h.rivals, k)
	}
}

func (h *hosts) removeRival(k string, e *Entry) {
	rs := h.rivals[k]
	for i, r := range rs {
		if r == e {
			rs = append(rs[:i:i], rs[i+1:]...)
			break
		}
	}
	if len(rs) == 0 {
		delete(h.rivals, k)
	} else {
		h.rivals[k] = rs
	}
}
