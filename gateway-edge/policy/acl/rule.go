package acl

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/expression"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/iprange"
	"github.com/tollgate/tollgate/services/contract"
)

// rule is a compiled Rule.
type rule struct {
	name                        string // for traces
	scopes, anyScope, consumers []string
	claims                      []wantedClaim
	plans                       []uint64
	methods                     []string
	ips                         iprange.Ranges
	countries                   []string
	times                       []window
	expression                  *expression.Expression
}

type wantedClaim struct {
	name   string
	values []string
}

func compileRules(rules []Rule, field string, d policy.Deps, errs *contract.FieldErrors) []rule {
	if len(rules) > maxRules {
		errs.Add("/"+field, fmt.Sprintf("has %d rules, at most %d are allowed", len(rules), maxRules))
		return nil
	}
	out := make([]rule, len(rules))
	for i := range rules {
		at := contract.Pointer(field, i)
		out[i] = rules[i].compile(at, d, errs)
		if out[i].name == "" {
			out[i].name = fmt.Sprintf("%s[%d]", field, i)
		}
	}
	return out
}

func (r *Rule) empty() bool {
	return len(r.Scopes)+len(r.AnyScope)+len(r.Claims)+len(r.Consumers)+len(r.UsagePlans)+len(r.Methods)+
		len(r.IPs)+len(r.Countries)+len(r.Times) == 0 && r.Expression == ""
}

func (r *Rule) compile(at string, d policy.Deps, errs *contract.FieldErrors) rule {
	if r.empty() {
		errs.Add(at, "needs a condition: a rule without one would fit every request")
	}
	if len(r.Name) > maxText || !fieldedit.Legal(r.Name) {
		errs.Add(at+"/name", fmt.Sprintf("has at most %d bytes and no control characters", maxText))
	}
	texts(r.Scopes, at+"/scopes", errs)
	texts(r.AnyScope, at+"/any_scope", errs)
	texts(r.Consumers, at+"/consumers", errs)
	out := rule{
		name: r.Name, scopes: r.Scopes, anyScope: r.AnyScope, consumers: r.Consumers, methods: r.Methods, countries: r.Countries,
		claims: compileClaims(r.Claims, at+"/claims", errs),
		plans:  compilePlans(r.UsagePlans, at+"/usage_plans", d, errs),
		ips:    iprange.Compile(r.IPs, at+"/ips", errs),
		times:  compileWindows(r.Times, at+"/times", errs),
	}
	for i, m := range r.Methods {
		if _, err := policy.HeaderName(m); err != nil || upper(m) != m {
			errs.Add(at+"/methods"+contract.Pointer(i), fmt.Sprintf("%.40q is not a method in upper case", m))
		}
	}
	for i, c := range r.Countries {
		if len(c) != 2 || !letter(c[0]) || !letter(c[1]) {
			errs.Add(at+"/countries"+contract.Pointer(i), fmt.Sprintf("%.40q is not a country's code of two upper-case letters (ISO 3166-1), such as \"DE\"", c))
		}
	}
	bounded(len(r.Methods), at+"/methods", errs)
	bounded(len(r.Countries), at+"/countries", errs)
	if r.Expression != "" {
		var err error
		if out.expression, err = expression.Compile(r.Expression); err != nil {
			errs.Add(at+"/expression", err.Error())
		}
	}
	return out
}

func letter(c byte) bool { return 'A' <= c && c <= 'Z' }

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - ('a' - 'A')
		}
	}
	return string(b)
}

func bounded(n int, at string, errs *contract.FieldErrors) {
	if n > maxList*3 {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", n, maxList*3))
	}
}

func texts(list []string, at string, errs *contract.FieldErrors) {
	if len(list) > maxList {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
	}
	for i, s := range list {
		if s == "" || len(s) > maxText || !fieldedit.Legal(s) {
			errs.Add(at+contract.Pointer(i), fmt.Sprintf("has 1 to %d bytes and no control characters", maxText))
		}
	}
}

func compileClaims(m map[string]claim.Values, at string, errs *contract.FieldErrors) (out []wantedClaim) {
	if len(m) > maxList {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", len(m), maxList))
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		texts([]string{name}, at, errs)
		if len(m[name]) == 0 {
			errs.Add(at+contract.Pointer(name), "needs a value")
		}
		texts(m[name], at+contract.Pointer(name), errs)
		out = append(out, wantedClaim{name, m[name]})
	}
	return out
}

// compilePlans finds usage plans by their names.
func compilePlans(list []string, at string, d policy.Deps, errs *contract.FieldErrors) (out []uint64) {
	for i, name := range list {
		num, ok := d.UsagePlans[name]
		if !ok {
			errs.Add(at+contract.Pointer(i), fmt.Sprintf("the gateway has no usage plan %.140q", name))
			continue
		}
		out = append(out, num)
	}
	return out
}
