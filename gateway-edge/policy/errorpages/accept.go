package errorpages

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/quality"
)

// form is a way to write an error.
type form uint8

const (
	formProblem form = iota
	formJSON
	formHTML
	numForms
)

var media = [numForms]struct{ typ, sub string }{{"application", "problem+json"}, {"application", "json"}, {"text", "html"}}

// choose finds the form that the caller likes best (RFC 9110 12.5.1): of equal
// ones the default, then the first. A caller who takes none gets the default.
func (p *pages) choose(h policy.Headers) form {
	best, most := p.def, 0
	for i := range numForms {
		as := (p.def + i) % numForms
		if !p.has(as) {
			continue
		}
		if q := liking(h, as); q > most {
			best, most = as, q
		}
	}
	return best
}

// liking is how much a caller likes a form, in thousandths: that of the most
// exact range that fits. Without Accept everything is as good.
func liking(h policy.Headers, as form) (q int) {
	exact := -1
	said := false
	for list := range h.All(policy.Accept) {
		for more := true; more; {
			said = true
			var one policy.Text
			one, list, more = list.Cut(',')
			rng, params, _ := one.Cut(';')
			if e := fits(rng.Trim(), as); e > exact {
				exact, q = e, quality.Weight(params)
			}
		}
	}
	if !said {
		return quality.Most
	}
	return q
}

// fits says how exactly a range names a form: 0 "*/*", 1 its type, 2 itself; -1
// not at all.
func fits(rng policy.Text, as form) int {
	typ, sub, _ := rng.Cut('/')
	switch {
	case typ.Is("*") && sub.Is("*"):
		return 0
	case !typ.Fold(media[as].typ):
	case sub.Is("*"):
		return 1
	case sub.Fold(media[as].sub):
		return 2
	}
	return -1
}
