package scan

import "unicode/utf8"

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// begins opens a string.
func (s *JSON) begins(key bool, i int) bool {
	s.st, s.key, s.length, s.high = jsonString, key, 0, 0
	if !key {
		return true
	}
	s.sum = newSum()
	top := &s.stack[len(s.stack)-1]
	if top.n++; top.n > s.l.Keys {
		return s.fail(i, "an object of the JSON has more than % keys", s.l.Keys)
	}
	return s.counts(i)
}

// text takes bytes of a string until one that is none of it.
func (s *JSON) text(p []byte, i int) (int, bool) {
	limit := s.l.StringLength
	if s.key {
		limit = s.l.KeyLength
	}
	for ; i < len(p); i++ {
		c := p[i]
		if s.utf.need > 0 || !plain[c] {
			switch {
			case s.utf.need > 0 || c >= 0x80:
				if !s.utf.put(c) {
					return i, s.fail(i, "the JSON is not valid UTF-8", 0)
				}
			case c == '"':
				return i + 1, s.stringEnds(i)
			case c == '\\':
				s.st = jsonEscape
				return i + 1, true
			default:
				return i, s.fail(i, "a string of the JSON holds a control character", 0)
			}
		}
		if s.high != 0 && !s.lone(i) {
			return i, false
		}
		if s.key {
			s.sum = s.sum.add(c)
		}
		if s.length++; s.length > limit {
			return i, s.long(i)
		}
	}
	return i, true
}

func (s *JSON) long(i int) bool {
	if s.key {
		return s.fail(i, "a key of the JSON has more than % bytes", s.l.KeyLength)
	}
	return s.fail(i, "a string of the JSON has more than % bytes", s.l.StringLength)
}

func (s *JSON) stringEnds(i int) bool {
	if s.high != 0 && !s.lone(i) {
		return false
	}
	if !s.key {
		s.ends()
		return true
	}
	s.st = jsonColon
	if !s.l.Duplicates && !s.keys.add(s.stack[len(s.stack)-1].id, s.sum.done()) {
		return s.fail(i, "an object of the JSON has two keys of one name", 0)
	}
	return true
}

// lone meets half of a surrogate pair: in a key parsers would make different
// names of it.
func (s *JSON) lone(i int) bool {
	s.high = 0
	if s.key {
		return s.fail(i, "a key of the JSON has half of a surrogate pair", 0)
	}
	return s.putRune(0xFFFD, i)
}

// escape takes a byte behind a backslash.
func (s *JSON) escape(c byte, i int) bool {
	if s.st == jsonHex {
		return s.hex(c, i)
	}
	s.st = jsonString
	if c == 'u' {
		s.st, s.unit, s.digits = jsonHex, 0, 0
		return true
	}
	if s.high != 0 && !s.lone(i) {
		return false
	}
	switch c {
	case '"', '\\', '/':
		return s.putRune(rune(c), i)
	case 'b':
		return s.putRune('\b', i)
	case 'f':
		return s.putRune('\f', i)
	case 'n':
		return s.putRune('\n', i)
	case 'r':
		return s.putRune('\r', i)
	case 't':
		return s.putRune('\t', i)
	}
	return s.fail(i, "a string of the JSON has an escape that it does not know", 0)
}

func (s *JSON) hex(c byte, i int) bool {
	d := unhex(c)
	if d < 0 {
		return s.fail(i, "a string of the JSON has an escape that it does not know", 0)
	}
	s.unit = s.unit<<4 | rune(d)
	if s.digits++; s.digits < 4 {
		return true
	}
	s.st = jsonString
	r := s.unit
	low := r >= 0xDC00 && r <= 0xDFFF
	switch {
	case low && s.high != 0:
		r = 0x10000 + (s.high-0xD800)<<10 + (r - 0xDC00)
		s.high = 0
		return s.putRune(r, i)
	case s.high != 0:
		if !s.lone(i) {
			return false
		}
	}
	if low {
		return s.lone(i)
	}
	if r >= 0xD800 && r <= 0xDBFF {
		s.high = r
		return true
	}
	return s.putRune(r, i)
}

// putRune adds an escaped character to the string as UTF-8.
func (s *JSON) putRune(r rune, i int) bool {
	var b [4]byte
	n := utf8.EncodeRune(b[:], r)
	if s.key {
		for _, c := range b[:n] {
			s.sum = s.sum.add(c)
		}
	}
	limit := s.l.StringLength
	if s.key {
		limit = s.l.KeyLength
	}
	if s.length += n; s.length > limit {
		return s.long(i)
	}
	return true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
