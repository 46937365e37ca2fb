package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// ErrTooLarge is a document that would become longer than its bound.
var ErrTooLarge = errors.New("the body would become larger than allowed")

// AppendJSON appends v, the names of objects in order of their bytes. It takes
// what ParseJSON gives, and int, float64 and *big.Int beside. ErrTooLarge when
// the result would be longer than max bytes; numbers that JSON does not have
// become null, as in jq.
func AppendJSON(b []byte, v any, limit int) ([]byte, error) {
	return appendJSON(b, v, len(b)+limit, 0)
}

func appendJSON(b []byte, v any, limit, depth int) (_ []byte, err error) {
	if depth > 4*MaxDepth {
		return b, errors.New("the body would become too deep")
	}
	switch v := v.(type) {
	case nil:
		b = append(b, "null"...)
	case bool:
		b = strconv.AppendBool(b, v)
	case string:
		b = appendString(b, v)
	case json.Number:
		b = append(b, v...)
	case int:
		b = strconv.AppendInt(b, int64(v), 10)
	case float64:
		b = appendFloat(b, v)
	case *big.Int:
		b = v.Append(b, 10)
	case []any:
		return appendArray(b, v, limit, depth)
	case map[string]any:
		return appendObject(b, v, limit, depth)
	default:
		return b, fmt.Errorf("a value of type %T has no form in JSON", v)
	}
	if len(b) > limit {
		return b, ErrTooLarge
	}
	return b, nil
}

func appendArray(b []byte, v []any, limit, depth int) (_ []byte, err error) {
	b = append(b, '[')
	for i, e := range v {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, e, limit, depth+1); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, v map[string]any, limit, depth int) (_ []byte, err error) {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		if b, err = appendJSON(b, v[name], limit, depth+1); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendFloat writes a number as ECMAScript does (RFC 8785 3.2.2.3).
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "null"...)
	case math.IsInf(f, 0):
		f = math.Copysign(math.MaxFloat64, f)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
