package snapshot

import (
	"errors"
	"sync"

	"github.com/tollgate/tollgate/services/contract"
)

// index is what this edge holds, in the form of the publisher's index, so that
// one signed root tells whether anything is missing.
type index struct {
	mu      sync.Mutex
	entries map[string]entry // by id
	era     uint64           // the present one
	buckets [contract.IndexBuckets][32]byte
}

// entry is one id's.
type entry struct {
	text string // contract.IndexEntry; "": it is forgotten
	// era is that of the document: versions of a former one say nothing.
	era uint64
}

func (x *index) set(id string, version uint64, digest [16]byte, era uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(id, entry{contract.IndexEntry(version, digest), era})
}

// put replaces an id's entry. mu is held.
func (x *index) put(id string, now entry) {
	if x.entries == nil {
		x.entries = map[string]entry{}
	}
	before := x.entries[id]
	x.entries[id] = now
	if before.text == now.text {
		return
	}
	b := &x.buckets[contract.IndexBucket(id)]
	if before.text != "" {
		xor(b, contract.EntryDigest(id, before.text))
	}
	if now.text != "" {
		xor(b, contract.EntryDigest(id, now.text))
	}
}

// admits says whether a document may take the place of what is held at version: a
// higher version may, any one may take that of a document of a former era, and a
// forced one that of what its sender saw. It fails for a document that was read in a
// former era.
func (x *index) admits(a *Apply, version, held uint64) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a.Era != x.era {
		return false, errFormer
	}
	e := x.entries[a.ID]
	return version > held || e.era != x.era || a.Force && e.text == a.Over, nil
}

var errFormer = errors.New("the lineage changed since the document was read")

func xor(dst *[32]byte, d [32]byte) {
	for i := range dst {
		dst[i] ^= d[i]
	}
}

// Holds reports whether the edge holds exactly this entry of the index.
func (s *Store) Holds(id, entry string) bool {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return s.index.entries[id].text == entry
}

// Held returns what the edge holds, as entries of the index by their ids.
func (s *Store) Held() map[string]string {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	out := make(map[string]string, len(s.index.entries))
	for id, e := range s.index.entries {
		if e.text != "" {
			out[id] = e.text
		}
	}
	return out
}

// Renew begins an era: the database was restored from a backup, and versions begin
// anew. What is held goes on until the new era has a document in its place.
func (s *Store) Renew() {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	s.index.era++
}

// Era returns the present era, for Apply.
func (s *Store) Era() uint64 {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return s.index.era
}

// Compared is told of the control plane's whole index, as it was read after the
// edge held what held says: what both have is of the present era, and what the
// control plane has forgotten, as it does with deleted gateways after a while, is no
// difference any more.
func (s *Store) Compared(era uint64, held, entries map[string]string) {
	x := &s.index
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.era != era {
		return
	}
	for id, e := range x.entries {
		text, ok := entries[id]
		switch {
		case ok && e.text == text:
			x.entries[id] = entry{text, era}
		case !ok && e.text == held[id]:
			x.put(id, entry{era: e.era})
		}
	}
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
