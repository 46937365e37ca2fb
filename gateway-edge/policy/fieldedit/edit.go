package fieldedit

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
)

// Edits are compiled and immutable.
type Edits struct {
	remove   []policy.Name
	set, add []edit
}

// edit is one field: a fixed text, or a template.
type edit struct {
	name    policy.Name
	fixed   bool
	literal string
	text    *template.Template
}

// Apply makes the edits. A field whose variable has no value is not sent at all:
// what a client sent under that name goes too, so that it can't stand in.
func (e *Edits) Apply(x *policy.Exchange, h policy.Headers) {
	for _, n := range e.remove {
		h.Del(n)
	}
	for i := range e.set {
		s := &e.set[i]
		if s.fixed {
			h.Set(s.name, s.literal)
			continue
		}
		var buf [1024]byte
		if v, ok := s.text.Append(buf[:0], x); ok {
			h.SetBytes(s.name, v)
		} else {
			h.Del(s.name)
		}
	}
	for i := range e.add {
		a := &e.add[i]
		if a.fixed {
			h.Add(a.name, a.literal)
			continue
		}
		var buf [1024]byte
		if v, ok := a.text.Append(buf[:0], x); ok {
			h.AddBytes(a.name, v)
		}
	}
}
