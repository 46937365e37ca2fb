package acl

import (
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/expression"
	"github.com/tollgate/tollgate/services/contract"
)

// fit is whether a rule fits: unknown when one of its conditions can't be judged
// and none of the others fails.
type fit uint8

const (
	no fit = iota
	yes
	unknown
)

// OnRequest refuses what a denying rule fits, and what no allowing rule fits where
// there are some.
func (l *list) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	for i := range l.deny {
		if r := &l.deny[i]; l.fits(r, x, true) != no {
			return l.refuse(x, "denied by the rule ", r.name)
		}
	}
	if len(l.allow) == 0 {
		return x.Next()
	}
	for i := range l.allow {
		if r := &l.allow[i]; l.fits(r, x, false) == yes {
			if x.Tracing() {
				x.TraceDetail("allowed by the rule " + r.name)
			}
			return x.Next()
		}
	}
	return l.refuse(x, "no allowing rule fits", "")
}

func (l *list) refuse(x *policy.Exchange, why, name string) policy.Action {
	if x.Tracing() {
		x.TraceDetail(why + name)
	}
	return x.RejectDetail(contract.CodeForbidden, 0, l.detail)
}

// fits judges cheap conditions first. Of a denying rule a name is enough.
func (l *list) fits(r *rule, x *policy.Exchange, denies bool) fit {
	if len(r.methods) > 0 && !oneOf(r.methods, x.Request().Method) || !r.fitsCaller(x.Principal(), denies) {
		return no
	}
	if len(r.ips) > 0 && !r.ips.Contains(x.Client()) {
		return no
	}
	if len(r.times) > 0 && !r.inTime(l) {
		return no
	}
	out := l.fitsCountry(r, x)
	if out == no || r.expression == nil {
		return out
	}
	switch ok, err := r.expression.True(x, l.facts(x)); {
	case err != nil:
		if x.Tracing() {
			x.TraceDetail("the expression of the rule " + r.name + ": " + err.Error())
		}
		return unknown
	case !ok:
		return no
	}
	return out
}

func oneOf(methods []string, m policy.Text) bool {
	for _, want := range methods {
		if m.Is(want) {
			return true
		}
	}
	return false
}

// fitsCaller judges who calls. Nobody has no scope, claim, name or plan. Whoever
// makes tokens may call their holders like one of the gateway's consumers: only who
// is a consumer is allowed by its name, and everybody of the name is denied.
func (r *rule) fitsCaller(who *policy.Principal, denies bool) bool {
	if who == nil {
		return len(r.scopes)+len(r.anyScope)+len(r.claims)+len(r.consumers)+len(r.plans) == 0
	}
	for _, s := range r.scopes {
		if !who.HasScope(s) {
			return false
		}
	}
	if len(r.anyScope) > 0 && !slices.ContainsFunc(r.anyScope, who.HasScope) {
		return false
	}
	if len(r.consumers) > 0 && (who.ConsumerName == "" || !denies && caller.Unmatched(who) || !slices.Contains(r.consumers, who.ConsumerName)) {
		return false
	}
	if len(r.plans) > 0 && (who.UsagePlan == 0 || !slices.Contains(r.plans, who.UsagePlan)) {
		return false
	}
	for i := range r.claims {
		if c := &r.claims[i]; !claim.Has(claim.Lookup(who.Claims, c.name), c.values) {
			return false
		}
	}
	return true
}

func (r *rule) inTime(l *list) bool {
	now := l.wall()
	for i := range r.times {
		if r.times[i].holds(now) {
			return true
		}
	}
	return false
}

// fitsCountry is unknown where nobody can tell the client's country.
func (l *list) fitsCountry(r *rule, x *policy.Exchange) fit {
	if len(r.countries) == 0 {
		return yes
	}
	if l.country == nil {
		return unknown
	}
	if slices.Contains(r.countries, l.country(x.Client())) {
		return yes
	}
	return no
}

// facts are put together for expressions only.
func (l *list) facts(x *policy.Exchange) expression.Facts {
	f := expression.Facts{Now: l.wall()}
	if l.country != nil {
		f.Country = l.country(x.Client())
	}
	if who := x.Principal(); who != nil {
		f.UsagePlan = l.plans[who.UsagePlan]
	}
	return f
}
