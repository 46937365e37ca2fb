package policy

import (
	"iter"
	"unsafe"
)

// Headers is an ordered list of fields over buffers it does not own. No edit
// moves or changes a Text that was handed out. The zero Headers is empty and
// ignores edits.
type Headers struct {
	_ [0]func() // not comparable: two handles on one list are not "equal headers"
	h *EngineHeaders
}

// Get returns the value of the first field of that name. The engine refused a
// second one for every Name in a Descriptor's Single.
func (h Headers) Get(n Name) (Text, bool) {
	if h.h == nil {
		return Text{}, false
	}
	if f := h.h.find(n); f != nil {
		return Text{f.Value}, true
	}
	return Text{}, false
}

// Has reports whether a field of that name stands in the list.
func (h Headers) Has(n Name) bool { return h.h != nil && h.h.find(n) != nil }

// All yields every value of a name in order.
func (h Headers) All(n Name) iter.Seq[Text] {
	return func(yield func(Text) bool) {
		if h.h == nil || n.id != 0 && h.h.first[n.id] == 0 {
			return
		}
		for i := range h.h.f {
			if f := &h.h.f[i]; f.is(n) && !yield(Text{f.Value}) {
				return
			}
		}
	}
}

// Each yields every field in order: name as it was spelled, value.
func (h Headers) Each() iter.Seq2[Text, Text] {
	return func(yield func(Text, Text) bool) {
		if h.h == nil {
			return
		}
		for i := range h.h.f {
			if f := &h.h.f[i]; !f.Dead && !yield(Text{f.Name}, Text{f.Value}) {
				return
			}
		}
	}
}

// Set replaces every field of that name by one. The value is not copied: it must
// be a string of its own, as every Go string is but one cut from a Text. A value
// with CR, LF or NUL is refused by the engine with 500: nothing is sent on.
func (h Headers) Set(n Name, value string) {
	if h.h != nil {
		h.h.set(n, value)
	}
}

// SetBytes is Set with the value copied into memory of the exchange.
func (h Headers) SetBytes(n Name, value []byte) {
	if h.h != nil {
		h.h.set(n, h.h.arena.copy(value))
	}
}

// SetText is Set with a piece of the same exchange's messages.
func (h Headers) SetText(n Name, value Text) {
	if h.h != nil {
		h.h.set(n, value.s)
	}
}

// Add appends a field beside those of the same name; the value as in Set.
func (h Headers) Add(n Name, value string) {
	if h.h != nil {
		h.h.add(n, value)
	}
}

// AddBytes is Add with the value copied into memory of the exchange.
func (h Headers) AddBytes(n Name, value []byte) {
	if h.h != nil {
		h.h.add(n, h.h.arena.copy(value))
	}
}

// Del removes every field of that name.
func (h Headers) Del(n Name) {
	if h.h != nil {
		h.h.del(n)
	}
}

// EngineField is one field of a list. Name and Value lie in a buffer of the
// exchange, in its arena, or are the collector's.
type EngineField struct {
	Name, Value string
	ID          uint8 // of a known name, else 0
	Dead        bool
}

func (f *EngineField) is(n Name) bool {
	return !f.Dead && f.ID == n.id && (n.id != 0 || foldEqual(f.Name, n.s))
}

// EngineMaxFields bounds a list: the gate's 100 and room for edits.
const EngineMaxFields = 250

// EngineHeaders is the list behind Headers, for codecs.
type EngineHeaders struct {
	f     []EngineField
	first [maxKnown]uint8 // position + 1 of the first live field of a known name
	arena *arena
	fault bool // an edit was refused: the exchange must not go on
}

// Fields returns the fields in order, dead ones included.
func (h *EngineHeaders) Fields() []EngineField { return h.f }

// Fault reports whether an edit was refused: a value that would break framing,
// or too many fields.
func (h *EngineHeaders) Fault() bool { return h.fault }

// Reset empties the list.
func (h *EngineHeaders) Reset() {
	h.f = h.f[:0]
	h.first = [maxKnown]uint8{}
	h.fault = false
}

// Append adds a field whose bytes lie in a buffer of the exchange and were
// checked by the codec. It returns the name's id.
func (h *EngineHeaders) Append(name, value []byte) uint8 {
	id := classify(name)
	h.append(id, unsafe.String(unsafe.SliceData(name), len(name)), unsafe.String(unsafe.SliceData(value), len(value)))
	return id
}

// AppendString adds a checked field whose strings are the collector's.
func (h *EngineHeaders) AppendString(name, value string) uint8 {
	id := classify(name)
	h.append(id, name, value)
	return id
}

// AppendKnown adds a checked field whose name was classified before (id 0: not a
// known one).
func (h *EngineHeaders) AppendKnown(id uint8, name, value string) { h.append(id, name, value) }

// AppendID is AppendKnown for bytes.
func (h *EngineHeaders) AppendID(id uint8, name, value []byte) {
	h.append(id, unsafe.String(unsafe.SliceData(name), len(name)), unsafe.String(unsafe.SliceData(value), len(value)))
}

// Kill removes field i.
func (h *EngineHeaders) Kill(i int) {
	f := &h.f[i]
	f.Dead = true
	if f.ID == 0 || int(h.first[f.ID]) != i+1 {
		return
	}
	h.first[f.ID] = 0
	for j := i + 1; j < len(h.f); j++ {
		if g := &h.f[j]; g.ID == f.ID && !g.Dead {
			h.first[f.ID] = uint8(j + 1)
			return
		}
	}
}

// Count returns how many fields of a name there are.
func (h *EngineHeaders) Count(n Name) (count int) {
	if n.id != 0 && h.first[n.id] == 0 {
		return 0
	}
	for i := range h.f {
		if h.f[i].is(n) {
			count++
		}
	}
	return count
}

// Handle returns the policies' view of the list.
func (h *EngineHeaders) Handle() Headers { return Headers{h: h} }

func (h *EngineHeaders) append(id uint8, name, value string) {
	if len(h.f) >= EngineMaxFields {
		h.fault = true
		return
	}
	h.f = append(h.f, EngineField{Name: name, Value: value, ID: id})
	if id != 0 && h.first[id] == 0 {
		h.first[id] = uint8(len(h.f))
	}
}

func (h *EngineHeaders) find(n Name) *EngineField {
	if n.id != 0 {
		if i := h.first[n.id]; i != 0 {
			return &h.f[i-1]
		}
		return nil
	}
	for i := range h.f {
		if f := &h.f[i]; f.is(n) {
			return f
		}
	}
	return nil
}

func (h *EngineHeaders) set(n Name, value string) {
	if !fieldValue(value) {
		h.fault = true
		return
	}
	h.del(n)
	h.append(n.id, n.s, value)
}

func (h *EngineHeaders) add(n Name, value string) {
	if !fieldValue(value) {
		h.fault = true
		return
	}
	h.append(n.id, n.s, value)
}

func (h *EngineHeaders) del(n Name) {
	if n.id != 0 {
		if h.first[n.id] == 0 {
			return
		}
		h.first[n.id] = 0
	}
	for i := range h.f {
		if f := &h.f[i]; f.is(n) {
			f.Dead = true
		}
	}
}

// fieldValue reports whether v may stand as a field's value (RFC 9110 5.5): no
// control character but HTAB.
func fieldValue(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// arena is memory that lives as long as the exchange. It only grows: a full
// chunk is left to the collector, never moved, so that what points into it
// stays.
type arena struct{ b []byte }

const arenaChunk = 2048

func (a *arena) grab(n int) []byte {
	if cap(a.b)-len(a.b) < n {
		a.b = make([]byte, 0, max(arenaChunk, 2*n))
	}
	l := len(a.b)
	a.b = a.b[:l+n]
	return a.b[l : l+n : l+n]
}

func (a *arena) copy(p []byte) string {
	if len(p) == 0 {
		return ""
	}
	q := a.grab(len(p))
	copy(q, p)
	return unsafe.String(unsafe.SliceData(q), len(q))
}
