package scan

import (
	"strconv"
	"strings"
)

// Scanner takes a body in pieces. Feed and End report whether all is well so far;
// after a false one nothing more may be fed.
type Scanner interface {
	Feed(p []byte) bool
	End() bool
	Fault() Fault
}

// Fault is what is wrong with a body.
type Fault struct {
	// Text says it in a sentence without anything of the body; "%" stands for Limit.
	Text  string
	Limit int64
	// At is the byte where it was seen, counted from 0.
	At int64
}

// String is the sentence with its limit and its place.
func (f Fault) String() string {
	return strings.Replace(f.Text, "%", strconv.FormatInt(f.Limit, 10), 1) + " (byte " + strconv.FormatInt(f.At, 10) + ")"
}

// base is what every scanner has.
type base struct {
	at    int64 // bytes before the piece that is read
	fault Fault
	utf   utf8Reader
}

// Fault is what was wrong, once Feed or End said so.
func (b *base) Fault() Fault { return b.fault }

// fail notes a fault at byte i of the piece.
func (b *base) fail(i int, text string, limit int) bool {
	b.fault = Fault{Text: text, Limit: int64(limit), At: b.at + int64(i)}
	return false
}

func (b *base) reset() { b.at, b.fault, b.utf = 0, Fault{}, utf8Reader{} }

// utf8Reader checks UTF-8 byte by byte (RFC 3629: no overlong forms, no surrogates).
type utf8Reader struct {
	need   uint8 // continuation bytes to come
	lo, hi uint8 // bounds of the next one
}

// put takes a byte of 0x80 or more, or any byte while need is not 0.
func (u *utf8Reader) put(c byte) bool {
	if u.need > 0 {
		if c < u.lo || c > u.hi {
			return false
		}
		u.need--
		u.lo, u.hi = 0x80, 0xBF
		return true
	}
	u.lo, u.hi = 0x80, 0xBF
	switch {
	case c < 0xC2 || c > 0xF4:
		return false
	case c < 0xE0:
		u.need = 1
	case c < 0xF0:
		u.need = 2
		if c == 0xE0 {
			u.lo = 0xA0
		} else if c == 0xED {
			u.hi = 0x9F
		}
	default:
		u.need = 3
		if c == 0xF0 {
			u.lo = 0x90
		} else if c == 0xF4 {
			u.hi = 0x8F
		}
	}
	return true
}
