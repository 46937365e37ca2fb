package gate

import (
	"encoding/binary"
	"math/bits"
)

// Classes of a byte in a field's name.
const (
	nameBad   = iota
	namePlain // letter, digit, "-": what every server reads alike
	nameOdd   // another character of a token
	nameColon
)

var nameClass = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = namePlain
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = namePlain, namePlain
	}
	t['-'] = namePlain
	for _, c := range "!#$%&'*+.^_`|~" {
		t[c] = nameOdd
	}
	t[':'] = nameColon
	return
}()

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// control returns the index of the first control character (below 0x20, or
// 0x7f) in b from i on, len(b) if there is none. It looks at eight bytes at once.
func control(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		low := (w - 0x20*ones) & ^w & highs
		del := w ^ 0x7f*ones
		if m := low | (del-ones)&^del&highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] < 0x20 || b[i] == 0x7f {
			return i
		}
	}
	return i
}

// lineEnd returns where the line that continues at i ends: the index of its CR.
// Tabs are passed over. incomplete says that the end is not there yet.
func lineEnd(b []byte, i int) (end int, incomplete bool, f *Fault) {
	for {
		i = control(b, i)
		if i >= len(b) {
			return i, true, nil
		}
		switch b[i] {
		case '\t':
			i++
			continue
		case '\r':
			if i+1 == len(b) {
				return i, true, nil
			}
			if b[i+1] == '\n' {
				return i, false, nil
			}
			return i, false, invalid(i, "a carriage return without a line feed")
		case '\n':
			return i, false, invalid(i, "a line ends without a carriage return")
		}
		return i, false, invalid(i, "a control character")
	}
}

// field is one field line, as offsets into the buffer.
type field struct {
	name, nameEnd   int
	value, valueEnd int
	next            int // of the next line
	odd             bool
}

// scanField reads the field line at i, which is not the empty line.
func scanField(b []byte, i int) (fl field, incomplete bool, f *Fault) {
	fl.name = i
	for ; ; i++ {
		if i >= len(b) {
			return fl, true, nil
		}
		c := nameClass[b[i]]
		if c == namePlain {
			continue
		}
		if c == nameColon {
			break
		}
		if c == nameBad {
			return fl, false, badName(b, fl.name, i)
		}
		fl.odd = true
	}
	if i == fl.name {
		return fl, false, invalid(i, "a field without a name")
	}
	fl.nameEnd = i
	i++
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	fl.value = i
	end, incomplete, f := lineEnd(b, i)
	if incomplete || f != nil {
		return fl, incomplete, f
	}
	fl.next = end + 2
	for end > fl.value && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	fl.valueEnd = end
	return fl, false, nil
}

// badName says what is wrong with a field's name at byte i.
func badName(b []byte, from, i int) *Fault {
	switch c := b[i]; {
	case i == from && (c == ' ' || c == '\t'):
		return invalid(i, "a folded line, or white space before a field's name")
	case c == ' ' || c == '\t':
		return invalid(i, "white space in a field's name")
	case c == '\r' || c == '\n':
		return invalid(i, "a field line without a colon, or with a bare line feed")
	}
	return invalid(i, "a character that is not allowed in a field's name")
}

// number reads an unsigned decimal number of 1 to 18 digits.
func number[S ~string | ~[]byte](s S) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

// CheckField checks a field that was not parsed from bytes: a name that is a
// token, a value without control characters but tabs.
func CheckField(name, value string) *Fault {
	if name == "" {
		return invalid(-1, "a field without a name")
	}
	for i := 0; i < len(name); i++ {
		if c := nameClass[name[i]]; c != namePlain && c != nameOdd {
			return invalid(-1, "a character that is not allowed in a field's name")
		}
	}
	b := bytesOf(value)
	for i := control(b, 0); i < len(b); i = control(b, i+1) {
		if b[i] != '\t' {
			return invalid(-1, "a control character in a field's value")
		}
	}
	return nil
}
