package cache

import (
	"bytes"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// negotiation are fields whose members have no order and no case: what they choose
// does not change with either (RFC 9110 12.5).
var negotiation = [...]policy.Name{policy.Accept, policy.AcceptEncoding, policy.AcceptLanguage, policy.FixedName("Accept-Charset")}

// normal appends the values of a field in the form that requests are compared by
// (RFC 9111 4.1): without the white space around members of a list; for content
// negotiation in lower case, without any, and in order.
func normal(b []byte, h policy.Headers, n policy.Name) (_ []byte, given bool) {
	from, free := len(b), false
	for _, m := range negotiation {
		free = free || m == n
	}
	for v := range h.All(n) {
		for more := true; more; {
			var m policy.Text
			m, v, more = v.Cut(',')
			if given {
				b = append(b, ',')
			}
			given = true
			b = member(b, m.Trim(), free)
		}
	}
	if free {
		order(b[from:])
	}
	return b, given
}

func member(b []byte, m policy.Text, free bool) []byte {
	if !free {
		return m.AppendTo(b)
	}
	for i := range m.Len() {
		switch c := m.At(i); {
		case c == ' ' || c == '\t':
		case c >= 'A' && c <= 'Z':
			b = append(b, c|0x20)
		default:
			b = append(b, c)
		}
	}
	return b
}

// Bounds of a list that is put in order: its members, and its bytes, which are
// moved about for each pair of them.
const (
	maxOrdered      = 16
	maxOrderedBytes = 1 << 10
)

// order sorts the members of a list in place. A longer list stays as it is.
func order(list []byte) {
	if len(list) > maxOrderedBytes {
		return
	}
	if n := bytes.Count(list, []byte{','}); n == 0 || n >= maxOrdered {
		return
	}
	for sorted := false; !sorted; {
		sorted = true
		for i := 0; ; {
			j := bytes.IndexByte(list[i:], ',')
			if j < 0 {
				break
			}
			j += i
			k := len(list)
			if n := bytes.IndexByte(list[j+1:], ','); n >= 0 {
				k = j + 1 + n
			}
			if bytes.Compare(list[i:j], list[j+1:k]) <= 0 {
				i = j + 1
				continue
			}
			size := k - j - 1
			swap(list[i:k], j-i)
			i, sorted = i+size+1, false
		}
	}
}

// swap turns "a,b" into "b,a"; at is where the comma stands.
func swap(p []byte, at int) {
	reverse(p)
	at = len(p) - 1 - at
	reverse(p[:at])
	reverse(p[at+1:])
}

func reverse(p []byte) {
	for i, j := 0, len(p)-1; i < j; i, j = i+1, j-1 {
		p[i], p[j] = p[j], p[i]
	}
}
