package cors

import (
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// origins is the compiled list. Origins are compared byte for byte: browsers
// write them in one form (RFC 6454 6.1).
type origins struct {
	any   bool
	exact map[string]string // to itself, so that the value found is the list's own
	below []below
}

// below is "https://*.example.com": scheme "https://", rest ".example.com".
type below struct{ scheme, rest string }

func compileOrigins(list []string, errs *contract.FieldErrors) (o origins) {
	switch {
	case len(list) == 0:
		errs.Add("/allow_origins", `needs an entry: an origin such as "https://app.example.com", or "*"`)
	case len(list) > maxList:
		errs.Add("/allow_origins", fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
		return o
	}
	o.exact = map[string]string{}
	for i, s := range list {
		at := contract.Pointer("allow_origins", i)
		if s == "*" {
			if o.any = true; len(list) > 1 {
				errs.Add(at, `"*" stands alone`)
			}
			continue
		}
		scheme, host, err := match.ParseOrigin(s)
		if err != nil {
			errs.Add(at, err.Error())
			continue
		}
		if rest, ok := strings.CutPrefix(host, "*."); ok {
			o.below = append(o.below, below{scheme, "." + rest})
		} else {
			o.exact[s] = s
		}
	}
	return o
}

// found says how an origin is allowed; it is kept in a Slot's number.
const (
	notAllowed = iota
	byWildcard
	byList
)

// find reports whether an origin is allowed; value is the list's own string
// where it has one.
func (o *origins) find(t policy.Text) (how uint64) {
	if o.any {
		return byWildcard
	}
	if _, ok := policy.Find(o.exact, t); ok {
		return byList
	}
	for _, b := range o.below {
		if t.HasPrefix(b.scheme) && t.HasSuffix(b.rest) && t.Len() > len(b.scheme)+len(b.rest) &&
			hostLabels(t.Slice(len(b.scheme), t.Len()-len(b.rest))) {
			return byList
		}
	}
	return notAllowed
}

// hostLabels reports whether t can stand before a domain: only characters of
// host names, so that nothing else is smuggled in front of the suffix.
func hostLabels(t policy.Text) bool {
	for i := range t.Len() {
		c := t.At(i)
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0 && t.At(i-1) != '.') {
			return false
		}
	}
	return true
}
