package snapshot

import (
	"sync"

	"github.com/tollgate/tollgate/services/contract"
)

// index is what this edge holds, in the form of the publisher's index, so that
// one signed root tells whether anything is missing.
type index struct {
	mu      sync.Mutex
	entries map[string]string // id → contract.IndexEntry
	buckets [contract.IndexBuckets][32]byte
}

func (x *index) set(id string, version uint64, digest [16]byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.entries == nil {
		x.entries = map[string]string{}
	}
	now := contract.IndexEntry(version, digest)
	before, ok := x.entries[id]
	if ok && before == now {
		return
	}
	b := &x.buckets[contract.IndexBucket(id)]
	if ok {
		xor(b, contract.EntryDigest(id, before))
	}
	xor(b, contract.EntryDigest(id, now))
	x.entries[id] = now
}

func xor(dst *[32]byte, d [32]byte) {
	for i := range dst {
		dst[i] ^= d[i]
	}
}

// Holds reports whether the edge holds exactly this entry of the index.
func (s *Store) Holds(id, entry string) bool {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return s.index.entries[id] == entry
}

// Root returns the digest over everything the edge holds, to be compared with
// the signed head's.
func (s *Store) Root() []byte {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return contract.IndexRoot(&s.index.buckets)
}

// Used reports whether the gateway was asked for lately: what is fetched in bulk
// begins with those.
func (s *Store) Used(id string) bool {
	e := s.table.Get(id)
	return e != nil && e.used.Load()
}
