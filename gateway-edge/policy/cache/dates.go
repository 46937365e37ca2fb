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

// ageField reads Age, in seconds. One that is not one number leaves open how old
// the response is: it is taken for as old as can be, so that nothing is fresh for
// being misread (RFC 9111 4.2.1).
func ageField(h policy.Headers) int64 {
	out := int64(0)
	n := 0
	for v := range h.All(policy.Age) {
		age, ok := digits(v.Trim())
		if n++; !ok || n > 1 {
			return forever
		}
		out = age
	}
	return out
}
