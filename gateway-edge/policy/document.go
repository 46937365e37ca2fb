package policy

import "sync"

// Document is one document that policies of several routes read, such as a
// gateway's OpenAPI document, together with what they made of it: a thousand routes
// must not compile it a thousand times.
type Document struct {
	text []byte

	mu   sync.Mutex
	made map[string]any // guarded by mu
}

// NewDocument takes the document's text, which must not be changed afterwards.
func NewDocument(text []byte) *Document { return &Document{text: text, made: map[string]any{}} }

// Once returns what make made of the text the first time it was asked under the
// key. It is for constructors: it waits for another one that is at it.
func (d *Document) Once(key string, make func(text []byte) any) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.made[key]
	if !ok {
		v = make(d.text)
		d.made[key] = v
	}
	return v
}
