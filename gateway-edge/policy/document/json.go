package document

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of what a document may hold.
const (
	// MaxDepth is how deep arrays, objects and elements may be nested.
	MaxDepth = 64
	// MaxValues is how many values and names there may be.
	MaxValues = 200_000
	// MaxNumber is how many characters a number may have.
	MaxNumber = 400
	// maxExponent bounds exponents of either sign: exact arithmetic would make
	// numbers of that many digits of them.
	maxExponent = 400
)

// SyntaxError says where a document can't be read, and why.
type SyntaxError struct {
	Offset int // in bytes, from 0
	Reason string
}

// Error gives the reason and the place, counted from 1. It quotes nothing of the
// document.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset+1) }

// ParseJSON reads one JSON text (RFC 8259) that fills b. Its error is a
// *SyntaxError.
func ParseJSON(b []byte) (any, error) { return ParseJSONWithin(b, MaxValues) }

// ParseJSONWithin is ParseJSON for a text of at most so many values.
func ParseJSONWithin(b []byte, values int) (any, error) {
	p := jsonParser{b: b, most: values}
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		return nil, p.fail("a byte order mark is not allowed")
	}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(b) {
		return nil, p.fail("there is more behind the JSON text")
	}
	return v, nil
}

type jsonParser struct {
	b      []byte
	i      int
	values int
	most   int
}

func (p *jsonParser) fail(reason string) error { return &SyntaxError{p.i, reason} }

func (p *jsonParser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

// peek is the next byte; 0 at the end, which no JSON text holds either.
func (p *jsonParser) peek() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

func (p *jsonParser) value(depth int) (any, error) {
	if p.values++; p.values > p.most {
		return nil, p.fail(fmt.Sprintf("there are more than %d values", p.most))
	}
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			return nil, p.fail(fmt.Sprintf("arrays and objects are nested deeper than %d", MaxDepth))
		}
		p.i++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return true, p.word("true")
	case c == 'f':
		return false, p.word("false")
	case c == 'n':
		return nil, p.word("null")
	case p.i >= len(p.b):
		return nil, p.fail("the JSON text ends early")
	}
	return nil, p.fail("no JSON value begins like this")
}

func (p *jsonParser) word(w string) error {
	if len(p.b)-p.i < len(w) || string(p.b[p.i:p.i+len(w)]) != w {
		return p.fail("no JSON value begins like this")
	}
	p.i += len(w)
	return nil
}

func (p *jsonParser) array(depth int) (any, error) {
	out := []any{}
	if p.space(); p.peek() == ']' {
		p.i++
		return out, nil
	}
	for {
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		p.space()
		switch p.peek() {
		case ',':
			p.i++
			p.space()
		case ']':
			p.i++
			return out, nil
		default:
			return nil, p.fail(`"," or "]" must stand here`)
		}
	}
}

func (p *jsonParser) object(depth int) (any, error) {
	out := map[string]any{}
	if p.space(); p.peek() == '}' {
		p.i++
		return out, nil
	}
	for {
		if p.peek() != '"' {
			return nil, p.fail("a name in quotes must stand here")
		}
		at := p.i
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		if _, twice := out[name]; twice {
			p.i = at
			return nil, p.fail("a name stands twice in one object")
		}
		if p.space(); p.peek() != ':' {
			return nil, p.fail(`":" must stand here`)
		}
		p.i++
		p.space()
		if out[name], err = p.value(depth); err != nil {
			return nil, err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
			p.space()
		case '}':
			p.i++
			return out, nil
		default:
			return nil, p.fail(`"," or "}" must stand here`)
		}
	}
}

// number reads a number and keeps it as it is written.
func (p *jsonParser) number() (any, error) {
	from := p.i
	if p.peek() == '-' {
		p.i++
	}
	if p.peek() == '0' {
		p.i++
	} else if !p.digits() {
		return nil, p.fail("a digit must stand here")
	}
	plain := true
	if p.peek() == '.' {
		p.i++
		if plain = false; !p.digits() {
			return nil, p.fail("a digit must stand here")
		}
	}
	exponent := 0
	if c := p.peek(); c == 'e' || c == 'E' {
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		at := p.i
		if plain = false; !p.digits() {
			return nil, p.fail("a digit must stand here")
		}
		exponent, _ = strconv.Atoi(string(p.b[at:p.i])) // the largest number when there are too many digits
	}
	n := p.b[from:p.i]
	if len(n) > MaxNumber {
		p.i = from
		return nil, p.fail(fmt.Sprintf("a number has more than %d characters", MaxNumber))
	}
	if !plain || len(n) > 300 {
		if _, err := strconv.ParseFloat(string(n), 64); err != nil || exponent > maxExponent {
			p.i = from
			return nil, p.fail("a number is out of range")
		}
	}
	return json.Number(n), nil
}

func (p *jsonParser) digits() bool {
	from := p.i
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.i++
	}
	return p.i > from
}

// str reads a string, the quote being next.
func (p *jsonParser) str() (string, error) {
	p.i++
	from := p.i
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '"':
			s := string(p.b[from:p.i])
			p.i++
			return s, nil
		case c == '\\' || c >= utf8.RuneSelf:
			return p.longString(append([]byte(nil), p.b[from:p.i]...))
		case c < ' ':
			return "", p.fail("a control character stands in a string")
		}
		p.i++
	}
	return "", p.fail("a string is not closed")
}

// longString goes on with a string that holds escapes, or more than ASCII.
func (p *jsonParser) longString(s []byte) (string, error) {
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '"':
			p.i++
			return string(s), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, r)
		case c < ' ':
			return "", p.fail("a control character stands in a string")
		case c < utf8.RuneSelf:
			s = append(s, c)
			p.i++
		default:
			r, n := utf8.DecodeRune(p.b[p.i:])
			if r == utf8.RuneError && n <= 1 {
				return "", p.fail("a string is not UTF-8")
			}
			s = append(s, p.b[p.i:p.i+n]...)
			p.i += n
		}
	}
	return "", p.fail("a string is not closed")
}

var plainEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *jsonParser) escape() (rune, error) {
	p.i++
	c := p.peek()
	if r, ok := plainEscapes[c]; ok {
		p.i++
		return r, nil
	}
	if c != 'u' {
		return 0, p.fail("there is no such escape")
	}
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if p.peek() == '\\' && p.i+1 < len(p.b) && p.b[p.i+1] == 'u' {
		p.i++
		low, err := p.hex4()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, p.fail("half of a surrogate pair stands alone")
}

// hex4 reads "u" and four digits.
func (p *jsonParser) hex4() (rune, error) {
	if len(p.b)-p.i < 5 {
		return 0, p.fail("a string is not closed")
	}
	n, err := strconv.ParseUint(string(p.b[p.i+1:p.i+5]), 16, 16)
	if err != nil {
		return 0, p.fail("an escape has four hexadecimal digits")
	}
	p.i += 5
	return rune(n), nil
}
