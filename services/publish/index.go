package publish

import "github.com/tollgate/tollgate/services/contract"

// index is what the index in Redis has to be: each document's entry, and the
// digest of each bucket, kept by exclusive or of what goes and what comes.
type index struct {
	entries map[string]string
	buckets [contract.IndexBuckets][32]byte
}

func newIndex() *index { return &index{entries: map[string]string{}} }

// set gives a document another entry; "" removes it.
func (x *index) set(ref, entry string) {
	b := &x.buckets[contract.IndexBucket(ref)]
	if old, ok := x.entries[ref]; ok {
		xor(b, contract.EntryDigest(ref, old))
	}
	if entry == "" {
		delete(x.entries, ref)
		return
	}
	x.entries[ref] = entry
	xor(b, contract.EntryDigest(ref, entry))
}

func xor(b *[32]byte, d [32]byte) {
	for i := range b {
		b[i] ^= d[i]
	}
}

// root is the digest that the head carries.
func (x *index) root() []byte { return contract.IndexRoot(&x.buckets) }

// of lists the documents of one bucket. It looks at all of them: only repairs
// ask.
func (x *index) of(bucket int) (refs []string) {
	for ref := range x.entries {
		if contract.IndexBucket(ref) == bucket {
			refs = append(refs, ref)
		}
	}
	return refs
}
