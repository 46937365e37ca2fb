package route

import (
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Fork is what the claims of callers choose among: routes that are alike but for
// them. It is immutable.
type Fork struct {
	// Routes are the indexes of the routes, best first.
	Routes []int
	claims [][]claimCond // of each
}

// claimCond is a condition on a claim of the caller.
type claimCond struct {
	cond match.Cond
	path []string // more than one step: a claim inside others
}

// Fork is what Match's route is one branch of; nil: nothing.
func (t *Table) Fork(index int) *Fork { return t.forks[index] }

// forks compiles what claims choose among, by route.
func forks(rules []*match.Rule, routes int) map[int]*Fork {
	all := match.Forks(rules)
	if len(all) == 0 {
		return nil
	}
	byRoute := make(map[int]*match.Rule, routes)
	for _, r := range rules {
		byRoute[r.Index] = r
	}
	out := make(map[int]*Fork)
	for _, list := range all {
		f := &Fork{Routes: list}
		for _, i := range list {
			var conds []claimCond
			for _, c := range byRoute[i].Claims {
				conds = append(conds, claimCond{c, steps(c.Name)})
			}
			f.claims = append(f.claims, conds)
			out[i] = f
		}
	}
	return out
}

// steps are those of a JSON pointer (RFC 6901), or the name of a claim itself.
func steps(name string) []string {
	if !strings.HasPrefix(name, "/") {
		return []string{name}
	}
	out := strings.Split(name[1:], "/")
	for i := range out {
		out[i] = strings.ReplaceAll(strings.ReplaceAll(out[i], "~1", "/"), "~0", "~")
	}
	return out
}

// Choose returns the index of the first route whose claims the caller has, -1 when
// there is none, and when the regular expressions would cost too much. P may be nil.
// It does not allocate.
func (f *Fork) Choose(p *policy.Principal) int {
	spent := 0
	for n, i := range f.Routes {
		switch {
		case f.lacks(n, p, &spent) < 0:
			return i
		case spent > maxSteps:
			return -1
		}
	}
	return -1
}

// Why says which condition of a route keeps a caller out; "": none.
func (f *Fork) Why(index int, p *policy.Principal) string {
	spent := 0
	for n, i := range f.Routes {
		if i != index {
			continue
		}
		if c := f.lacks(n, p, &spent); c >= 0 {
			return "it is not so that claim " + f.claims[n][c].cond.String()
		}
	}
	return ""
}

// lacks is the position of the first condition of route n that does not hold, -1
// when all do. Spent adds up what regular expressions cost, see maxSteps.
func (f *Fork) lacks(n int, p *policy.Principal, spent *int) int {
	conds := f.claims[n]
	for i := range conds {
		var claims map[string]any
		if p != nil {
			claims = p.Claims
		}
		if !conds[i].holds(claims, spent) {
			return i
		}
	}
	return -1
}

// holds looks a claim up, by its whole name before it is taken for a pointer.
func (c *claimCond) holds(claims map[string]any, spent *int) bool {
	v, there := claims[c.cond.Name]
	if !there && len(c.path) > 0 && c.path[0] != c.cond.Name {
		v, there = inside(claims, c.path)
	}
	if there = there && v != nil; !there || c.cond.Kind <= match.IsPresent {
		return c.cond.Holds("", there)
	}
	if list, ok := v.([]any); ok {
		for _, one := range list {
			if c.fits(one, spent) {
				return true
			}
		}
		return false
	}
	return c.fits(v, spent)
}

func inside(v any, path []string) (any, bool) {
	for _, step := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step]; !ok {
			return nil, false
		}
	}
	return v, true
}

// maxClaim bounds a claim that is matched: what a regular expression may cost was
// judged by it.
const maxClaim = 1 << 10

// fits judges one value: a string, a number as it is written without an exponent, or
// true and false. Anything else fits nothing.
func (c *claimCond) fits(v any, spent *int) bool {
	switch v := v.(type) {
	case string:
		*spent += c.cond.Steps * len(v)
		return len(v) <= maxClaim && *spent <= maxSteps && c.cond.Holds(v, true)
	case bool:
		return c.cond.Holds(strconv.FormatBool(v), true)
	case float64:
		return c.number(v)
	}
	return false
}

// number judges a number as it is written; a regular expression needs memory for it.
func (c *claimCond) number(v float64) bool {
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], v, 'f', -1, 64)
	switch c.cond.Kind {
	case match.IsExact:
		return string(text) == c.cond.Value
	case match.IsPrefix:
		return len(text) >= len(c.cond.Value) && string(text[:len(c.cond.Value)]) == c.cond.Value
	}
	return c.cond.Holds(string(text), true)
}
