package policy

import (
	"strconv"
	"time"
)

// LimitField writes one limit's items of the RateLimit and RateLimit-Policy
// fields, as draft-ietf-httpapi-ratelimit-headers-10 has them:
//
//	RateLimit-Policy: "default";q=100;w=60
//	RateLimit: "default";r=50;t=30
//
// Several limits are several field lines of one list.
type LimitField struct {
	name string // a quoted string of RFC 9651
	unit string // of q, when it is not requests
}

// NewLimitField makes the field of a limit. The name holds letters, digits, "_",
// "-" and "." only; other characters become "_".
func NewLimitField(name string, kind CounterKind) LimitField {
	b := []byte{'"'}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			c = '_'
		}
		b = append(b, c)
	}
	f := LimitField{name: string(append(b, '"'))}
	if kind == CountConcurrency {
		f.unit = `;qu="concurrent-requests"`
	}
	return f
}

// maxIntText is the length of the longest int64.
const maxIntText = 20

// Add adds both fields to h. It does not allocate.
func (f *LimitField) Add(h Headers, s CellState) {
	var buf [128 + 2*maxIntText]byte
	b := append(buf[:0], f.name...)
	b = append(b, ";q="...)
	b = strconv.AppendInt(b, s.Limit, 10)
	b = append(b, f.unit...)
	if s.Window > 0 {
		b = append(b, ";w="...)
		b = strconv.AppendInt(b, seconds(s.Window), 10)
	}
	h.AddBytes(RateLimitPolicy, b)
	b = append(buf[:0], f.name...)
	b = append(b, ";r="...)
	b = strconv.AppendInt(b, max(0, s.Left), 10)
	if s.Reset > 0 {
		b = append(b, ";t="...)
		b = strconv.AppendInt(b, seconds(s.Reset), 10)
	}
	h.AddBytes(RateLimit, b)
}

// seconds rounds up: a client that waits that long does not come too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
