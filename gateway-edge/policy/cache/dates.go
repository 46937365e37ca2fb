package cache

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// dateLayouts are the three forms of RFC 9110 5.6.7.
var dateLayouts = [...]string{
	"Mon, 02 Jan 2006 15:04:05 GMT",
	"Monday, 02-Jan-06 15:04:05 GMT",
	"Mon Jan _2 15:04:05 2006",
}

// date reads an HTTP date; ok is false for anything else.
func date(s policy.Text) (t time.Time, ok bool) {
	if s = s.Trim(); s.Len() > 40 {
		return t, false
	}
	text := s.Clone()
	for _, l := range dateLayouts {
		if t, err := time.Parse(l, text); err == nil {
			return t, true
		}
	}
	return t, false
}

// dateField reads the one date of a field. given says that the field is there,
// ok that it is one date.
func dateField(h policy.Headers, name policy.Name) (t time.Time, given, ok bool) {
	n := 0
	for v := range h.All(name) {
		if n++; n == 1 {
			t, ok = date(v)
		}
	}
	return t, n > 0, ok && n == 1
}

// ageField reads Age: the first of several counts, and one that is no number of
// seconds is as none (RFC 9111 5.1).
func ageField(h policy.Headers) int64 {
	v, ok := h.Get(policy.Age)
	if !ok {
		return 0
	}
	first, _, _ := v.Cut(',')
	n, _ := digits(first.Trim())
	return n
}
