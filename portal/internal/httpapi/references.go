package httpapi

import "sync"

// Bounds of the generated documents that are remembered.
const (
	maxReferences    = 64
	maxReferenceSize = 1 << 20
)

// references remembers generated documents. Keys name the versions that a
// document was made of, so that nothing old is ever answered.
type references struct {
	mu   sync.Mutex
	docs map[string][]byte // guarded by mu
	keys []string          // in the order of their coming; guarded by mu
}

func (r *references) get(key string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.docs[key]
}

func (r *references) put(key string, doc []byte) {
	if len(doc) > maxReferenceSize {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.docs == nil {
		r.docs = map[string][]byte{}
	}
	if _, there := r.docs[key]; !there {
		r.keys = append(r.keys, key)
	}
	r.docs[key] = doc
	if len(r.keys) > maxReferences {
		delete(r.docs, r.keys[0])
		r.keys = r.keys[1:]
	}
}
