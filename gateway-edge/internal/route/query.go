package route

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// queryHolds judges a condition on the first parameter of its name in a raw
// query. Names and values are decoded as forms are: escapes, and "+" for a space.
func queryHolds(c *match.Cond, query string) bool {
	for query != "" {
		part := query
		if i := strings.IndexByte(query, '&'); i >= 0 {
			part, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		name, value, _ := strings.Cut(part, "=")
		if !decodedIs(name, c.Name) {
			continue
		}
		if c.Kind == match.IsExact {
			return decodedIs(value, c.Value)
		}
		return c.Holds(decode(value), true)
	}
	return c.Kind == match.IsAbsent
}

// decodedIs reports whether raw decodes to want, without decoding it to memory.
func decodedIs(raw, want string) bool {
	j := 0
	for i := 0; i < len(raw); j++ {
		c, n := decodeByte(raw, i)
		if j == len(want) || want[j] != c {
			return false
		}
		i += n
	}
	return j == len(want)
}

// decodeByte decodes the byte at raw[i]; a malformed escape stands for itself.
func decodeByte(raw string, i int) (c byte, n int) {
	switch c = raw[i]; {
	case c == '+':
		return ' ', 1
	case c == '%' && i+2 < len(raw):
		hi, lo := hex(raw[i+1]), hex(raw[i+2])
		if hi < 16 && lo < 16 {
			return hi<<4 | lo, 3
		}
	}
	return c, 1
}

// decode returns raw decoded: itself when there is nothing to decode.
func decode(raw string) string {
	if strings.IndexByte(raw, '%') < 0 && strings.IndexByte(raw, '+') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c, n := decodeByte(raw, i)
		out = append(out, c)
		i += n
	}
	return string(out)
}

// hex is a hexadecimal digit's value, 16 for anything else.
func hex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
