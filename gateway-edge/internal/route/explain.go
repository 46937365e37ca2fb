package route

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// MaxCandidates bounds an explanation.
const MaxCandidates = 100

// How near an entry came to taking a request, nearest first.
const (
	nearTakes = iota
	nearMethod
	nearCondition
	nearPath
	nearHost
)

// Explain says for every route, the winner first and then by how near it came,
// whether it takes the request and if not, why not. At most MaxCandidates are
// told. It allocates and looks at every route: it is for people, not for traffic.
func (t *Table) Explain(r *policy.Request) []contract.Candidate {
	var res Result
	t.Match(r, &res)
	type judged struct {
		near int
		e    *entry
		why  string
	}
	var all []judged
	for _, e := range t.rules {
		near, why := e.judge(r)
		all = append(all, judged{near, e, why})
	}
	slices.SortStableFunc(all, func(a, b judged) int { return cmp.Compare(a.near, b.near) })
	var out []contract.Candidate
	told := make(map[int]bool)
	for _, j := range all {
		if told[j.e.index] { // a route with two classes of hosts: its nearer one was told
			continue
		}
		if len(out) == MaxCandidates {
			break
		}
		told[j.e.index] = true
		c := contract.Candidate{Route: t.names[j.e.index], Matched: j.e.index == res.Index, Why: j.why}
		switch {
		case c.Matched:
			c.Why = "takes the request: " + j.e.rule.Path.Kind.String() + " " + j.e.rule.Path.String()
		case j.near == nearTakes && t.forks[res.Index] != nil && t.forks[res.Index] == t.forks[j.e.index]:
			c.Why = "takes the request too, if the caller's claims are its own"
		case j.near == nearTakes:
			c.Why = "takes the request too, but " + strconv.Quote(t.names[res.Index]) + " goes before it: " + before(t.rules, res.Index, j.e)
		}
		out = append(out, c)
	}
	return out
}

// judge says how near an entry comes to taking a request, and what keeps it out.
func (e *entry) judge(r *policy.Request) (near int, why string) {
	w := walk{r: r, method: match.MethodOf(policy.EngineString(r.Method))}
	w.setPath(policy.EngineString(r.Path))
	host := policy.EngineString(r.Host)
	if e.rule.Class != match.AnyHost && !slices.ContainsFunc(e.rule.Hosts, func(p string) bool { return match.HostMatches(p, host) }) {
		return nearHost, "the host is not " + strings.Join(e.rule.Hosts, " or ")
	}
	if !e.pathMatches(&w) {
		return nearPath, "the path does not match " + e.rule.Path.Kind.String() + " " + e.rule.Path.String()
	}
	switch e.slash {
	case slashMust:
		if !w.slash {
			return nearPath, "the path must end with a slash (strict_slash)"
		}
	case slashMustNot:
		if w.slash {
			return nearPath, "the path must not end with a slash (strict_slash)"
		}
	}
	for i := range e.headers {
		v, present := r.Header.Get(e.headers[i].name)
		if c := &e.headers[i].cond; !c.Holds(policy.EngineString(v), present) {
			return nearCondition, "it is not so that header " + c.String()
		}
	}
	for i := range e.query {
		if c := &e.query[i]; !queryHolds(c, policy.EngineString(r.Query)) {
			return nearCondition, "it is not so that query parameter " + c.String()
		}
	}
	if !e.methods.Take(w.method) {
		return nearMethod, "the method is not " + e.methods.String()
	}
	return nearTakes, ""
}

// pathMatches judges the path's segments one by one.
func (e *entry) pathMatches(w *walk) bool {
	p := e.rule.Path
	if p.Kind == match.Regex {
		return e.takesPath(w)
	}
	return p.Takes(w.base)
}

// before says why the entry of the winning route has precedence over e.
func before(rules []*entry, winner int, e *entry) string {
	i := slices.IndexFunc(rules, func(w *entry) bool { return w.index == winner })
	w, l := rules[i].rule, e.rule
	switch {
	case w.Priority != l.Priority:
		return "its priority is higher"
	case w.Class != l.Class:
		return "it names the host more narrowly"
	case w.Path.Kind != l.Path.Kind:
		return "its kind of path (" + w.Path.Kind.String() + ") goes before (" + l.Path.Kind.String() + ")"
	case w.Path.String() != l.Path.String():
		return "its path is narrower"
	case (w.Methods == 0) != (l.Methods == 0):
		return "it names the method"
	}
	return "its conditions are narrower"
}
