package scan

import (
	"strconv"
	"unsafe"
)

// JSONLimits bound a JSON text. Each is at least 1.
type JSONLimits struct {
	Depth        int // of objects and arrays in one another
	Keys         int // of one object
	ArrayLength  int // values of one array
	Values       int // keys and values in all
	KeyLength    int // bytes of a key, escapes undone
	StringLength int // bytes of a string, escapes undone
	NumberLength int // characters of a number
	// Duplicates lets an object have two keys of one name.
	Duplicates bool
}

// JSON scans one JSON text, or with Lines any number of them one behind the other.
type JSON struct {
	base
	l     *JSONLimits
	lines bool
	st    jsonState
	stack []jsonLevel
	keys  keySet

	values  int    // seen so far
	objects uint64 // begun so far
	texts   int    // complete ones

	key    bool // the string is a key
	length int  // of the string so far
	sum    sum  // of the key so far
	unit   rune // of the escape so far
	digits int  // of the escape so far
	high   rune // surrogate that waits for its other half; 0: none

	word  string // literal that is read
	num   []byte
	exp   bool
	digit bool // the number may end here
}

type jsonLevel struct {
	object bool
	n      int
	id     uint64
}

type jsonState uint8

const (
	jsonValue      jsonState = iota // a value must come
	jsonFirstValue                  // a value or "]"
	jsonFirstKey                    // a key or "}"
	jsonKey                         // a key must come
	jsonColon
	jsonNext // "," or what closes, or white space behind the text
	jsonString
	jsonEscape
	jsonHex
	jsonNumber
	jsonWord
)

// Reset makes the scanner ready for another text. The limits must stay as they are.
func (s *JSON) Reset(l *JSONLimits, lines bool) {
	s.reset()
	s.keys.reset()
	s.l, s.lines, s.st = l, lines, jsonValue
	s.stack, s.num = s.stack[:0], s.num[:0]
	s.values, s.objects, s.texts, s.high = 0, 0, 0, 0
}

// Feed scans a piece.
func (s *JSON) Feed(p []byte) bool {
	for i := 0; i < len(p); {
		var ok bool
		switch s.st {
		case jsonString:
			i, ok = s.text(p, i)
		case jsonEscape, jsonHex:
			ok = s.escape(p[i], i)
			i++
		case jsonNumber:
			i, ok = s.number(p, i)
		default:
			c := p[i]
			if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
				if ok = s.st != jsonWord; !ok {
					s.fail(i, "the JSON has a word that it does not know", 0)
				}
			} else {
				ok = s.step(c, i)
			}
			i++
		}
		if !ok {
			return false
		}
	}
	s.at += int64(len(p))
	return true
}

// End says that there is no more.
func (s *JSON) End() bool {
	if s.st == jsonNumber && !s.numberEnds(0) {
		return false
	}
	if s.texts == 0 && s.st == jsonValue && len(s.stack) == 0 {
		return s.fail(0, "there is no JSON in the body", 0)
	}
	if len(s.stack) > 0 || s.st != jsonNext && (s.st != jsonValue || !s.lines) {
		return s.fail(0, "the JSON ends too early", 0)
	}
	return true
}

// step takes a byte outside of strings and numbers that is no white space.
func (s *JSON) step(c byte, i int) bool {
	switch s.st {
	case jsonFirstValue:
		if c == ']' {
			return s.closes(i)
		}
		return s.value(c, i)
	case jsonValue:
		return s.value(c, i)
	case jsonFirstKey, jsonKey:
		if c == '}' && s.st == jsonFirstKey {
			return s.closes(i)
		}
		if c != '"' {
			return s.fail(i, "the JSON has something else where a key must be", 0)
		}
		return s.begins(true, i)
	case jsonColon:
		if c != ':' {
			return s.fail(i, "the JSON has no colon behind a key", 0)
		}
		s.st = jsonValue
		return true
	case jsonWord:
		if c != s.word[0] {
			return s.fail(i, "the JSON has a word that it does not know", 0)
		}
		if s.word = s.word[1:]; s.word == "" {
			s.ends()
		}
		return true
	}
	return s.next(c, i)
}

// next takes what stands behind a value.
func (s *JSON) next(c byte, i int) bool {
	if len(s.stack) == 0 {
		if s.lines {
			return s.value(c, i)
		}
		return s.fail(i, "something stands behind the end of the JSON", 0)
	}
	top := &s.stack[len(s.stack)-1]
	switch {
	case c == ',' && top.object:
		s.st = jsonKey
	case c == ',':
		s.st = jsonValue
	case c == '}' && top.object, c == ']' && !top.object:
		return s.closes(i)
	default:
		return s.fail(i, "the JSON lacks a comma, or what closes does not fit what opened", 0)
	}
	return true
}

// value takes the first byte of a value.
func (s *JSON) value(c byte, i int) bool {
	if !s.counts(i) {
		return false
	}
	switch {
	case c == '{' || c == '[':
		return s.opens(c == '{', i)
	case c == '"':
		return s.begins(false, i)
	case c == 't':
		s.st, s.word = jsonWord, "rue"
	case c == 'f':
		s.st, s.word = jsonWord, "alse"
	case c == 'n':
		s.st, s.word = jsonWord, "ull"
	case c == '-' || c >= '0' && c <= '9':
		s.st, s.num, s.exp, s.digit = jsonNumber, append(s.num[:0], c), false, c != '-'
	default:
		return s.fail(i, "the JSON has something else where a value must be", 0)
	}
	return true
}

// counts counts a value, in all and in its array.
func (s *JSON) counts(i int) bool {
	if s.values++; s.values > s.l.Values {
		return s.fail(i, "the JSON has more than % keys and values", s.l.Values)
	}
	if len(s.stack) == 0 {
		return true
	}
	if top := &s.stack[len(s.stack)-1]; !top.object {
		if top.n++; top.n > s.l.ArrayLength {
			return s.fail(i, "an array of the JSON has more than % values", s.l.ArrayLength)
		}
	}
	return true
}

func (s *JSON) opens(object bool, i int) bool {
	if len(s.stack) >= s.l.Depth {
		return s.fail(i, "the JSON is nested deeper than % levels", s.l.Depth)
	}
	s.objects++
	s.stack = append(s.stack, jsonLevel{object: object, id: s.objects})
	s.st = jsonFirstValue
	if object {
		s.st = jsonFirstKey
	}
	return true
}

func (s *JSON) closes(int) bool {
	s.stack = s.stack[:len(s.stack)-1]
	s.ends()
	return true
}

// ends says that a value is complete.
func (s *JSON) ends() {
	s.st = jsonNext
	if len(s.stack) == 0 {
		s.texts++
	}
}

// number takes bytes of a number until one that is none of it, which it leaves.
func (s *JSON) number(p []byte, i int) (int, bool) {
	for ; i < len(p); i++ {
		c := p[i]
		n := len(s.num)
		last := s.num[n-1]
		isDigit := c >= '0' && c <= '9'
		switch {
		case isDigit:
			if last == '0' && (n == 1 || n == 2 && s.num[0] == '-') {
				return i, s.fail(i, "a number of the JSON begins with 0", 0)
			}
			s.digit = true
		case c == '.' && s.digit && !s.exp && !hasDot(s.num):
			s.digit = false
		case (c == 'e' || c == 'E') && s.digit && !s.exp:
			s.exp, s.digit = true, false
		case (c == '+' || c == '-') && (last == 'e' || last == 'E'):
		default:
			return i, s.numberEnds(i)
		}
		if n >= s.l.NumberLength {
			return i, s.fail(i, "a number of the JSON has more than % characters", s.l.NumberLength)
		}
		s.num = append(s.num, c)
	}
	return i, true
}

func hasDot(b []byte) bool {
	for _, c := range b {
		if c == '.' {
			return true
		}
	}
	return false
}

// numberEnds refuses half a number and one that no double holds: parsers make
// different things of it.
func (s *JSON) numberEnds(i int) bool {
	if !s.digit {
		return s.fail(i, "a number of the JSON is not complete", 0)
	}
	if s.exp || len(s.num) > 300 {
		if _, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(s.num), len(s.num)), 64); err != nil {
			return s.fail(i, "a number of the JSON is larger than a double holds", 0)
		}
	}
	s.ends()
	return true
}
