package policy

import (
	"math"
	"strings"
)

// Text is a read-only piece of a message. The bytes under it belong to the
// exchange and are valid until its last OnDone returned; Clone is the only way
// to keep them.
type Text struct{ s string }

// Static makes a Text of a string that lives as long as the program or the
// compiled policy does.
func Static(s string) Text { return Text{s} }

// Len returns the number of bytes.
func (t Text) Len() int { return len(t.s) }

// Empty reports whether there are no bytes.
func (t Text) Empty() bool { return t.s == "" }

// At returns byte i; it panics when i is out of range, as an index does.
func (t Text) At(i int) byte { return t.s[i] }

// Is reports whether t is exactly s.
func (t Text) Is(s string) bool { return t.s == s }

// Equal reports whether both hold the same bytes.
func (t Text) Equal(u Text) bool { return t.s == u.s }

// Fold reports whether t is s when ASCII letters' case is ignored.
func (t Text) Fold(s string) bool { return foldEqual(t.s, s) }

// HasPrefix reports whether t begins with s.
func (t Text) HasPrefix(s string) bool { return strings.HasPrefix(t.s, s) }

// HasPrefixFold is HasPrefix with ASCII letters' case ignored.
func (t Text) HasPrefixFold(s string) bool {
	return len(t.s) >= len(s) && foldEqual(t.s[:len(s)], s)
}

// HasSuffix reports whether t ends with s.
func (t Text) HasSuffix(s string) bool { return strings.HasSuffix(t.s, s) }

// Index returns where c first stands, or -1.
func (t Text) Index(c byte) int { return strings.IndexByte(t.s, c) }

// Slice returns bytes from to to-1; it panics when out of range.
func (t Text) Slice(from, to int) Text { return Text{t.s[from:to]} }

// Cut splits t around the first sep.
func (t Text) Cut(sep byte) (before, after Text, ok bool) {
	if i := strings.IndexByte(t.s, sep); i >= 0 {
		return Text{t.s[:i]}, Text{t.s[i+1:]}, true
	}
	return t, Text{}, false
}

// Trim removes spaces and tabs at both ends.
func (t Text) Trim() Text {
	s := t.s
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return Text{s}
}

// Int reads a decimal number of 1 to 19 digits without sign; ok is false for
// anything else and past 2^63-1.
func (t Text) Int() (n int64, ok bool) {
	if len(t.s) == 0 || len(t.s) > 19 {
		return 0, false
	}
	var u uint64
	for i := 0; i < len(t.s); i++ {
		d := t.s[i] - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if u > math.MaxInt64 {
		return 0, false
	}
	return int64(u), true
}

// AppendTo appends the bytes to b.
func (t Text) AppendTo(b []byte) []byte { return append(b, t.s...) }

// Clone copies the bytes into a string of their own, which may be kept. It
// allocates.
func (t Text) Clone() string { return strings.Clone(t.s) }

// Find looks t up in a map without making a string of it.
func Find[V any](m map[string]V, t Text) (v V, ok bool) {
	v, ok = m[t.s]
	return v, ok
}

// foldEqual compares with ASCII case ignored.
func foldEqual(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		c, d := a[i], b[i]
		if c == d {
			continue
		}
		if c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}
