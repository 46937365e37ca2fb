package match

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// HostClass says how narrowly a rule names its hosts, best first.
type HostClass uint8

// Classes of hosts.
const (
	ExactHosts HostClass = iota
	WildcardHosts
	AnyHost
)

// Bounds of a gateway's routes.
const (
	MaxRouteHosts  = 1000
	MaxRegexRoutes = 100  // they are tried one after the other
	maxSharedPath  = 1000 // routes that differ in conditions only
	maxErrors      = 100
)

// Rule is a route's compiled match for one class of its hosts: a route that names
// exact hosts and wildcards becomes two rules.
type Rule struct {
	Index    int // of the route
	Name     string
	Priority int
	Class    HostClass
	Hosts    []string // canonical, of this class; nil for AnyHost
	Methods  Methods
	Path     *Path
	Strict   bool // a trailing slash makes another path
	Headers  []Cond
	Query    []Cond
	// Claims are looked at when it is known who calls: they choose among the rules
	// that are the same otherwise (Forks).
	Claims []Cond
}

// Compile parses every route's match. The rules are in order of precedence, best
// first, whatever the order of the routes; errs is as Conflicts describes, and
// rules is nil when it is not empty.
func Compile(routes []contract.Route, hosts []string) (rules []*Rule, errs contract.FieldErrors) {
	regexes := 0
	for i := range routes {
		r, err := compileRoute(&routes[i], hosts)
		if err != nil {
			errs.AddAt(contract.Pointer(i), err)
			continue
		}
		if r[0].Path.Kind == Regex {
			if regexes++; regexes > MaxRegexRoutes {
				errs.Add(contract.Pointer(i, "match", "path"), "there are more than 100 regular expressions in this gateway")
			}
		}
		for _, rule := range r {
			rule.Index = i
		}
		rules = append(rules, r...)
	}
	slices.SortStableFunc(rules, func(a, b *Rule) int {
		// A HEAD that is named goes before one that GET implies.
		head := cmp.Compare(b.Methods&methodHEAD, a.Methods&methodHEAD)
		return cmp.Or(a.compare(b), head, a.compareClaims(b), strings.Compare(a.Name, b.Name), a.Index-b.Index)
	})
	conflicts(rules, &errs)
	if len(errs) > 0 {
		return nil, errs
	}
	return rules, nil
}

func compileRoute(r *contract.Route, gateway []string) (rules []*Rule, err error) {
	var errs contract.FieldErrors
	base := Rule{Name: r.Name, Priority: r.Priority, Strict: r.StrictSlash}
	if base.Path, err = ParsePath(r.Match.Path); err != nil {
		errs.Add("/match/path", reason(err))
	}
	if len(r.Match.Methods) > len(methodNames) {
		errs.Add("/match/methods", "there are more methods than there are")
	} else {
		base.Methods = parseMethods(r.Match.Methods, &errs)
	}
	base.Headers = parseConds(r.Match.Headers, true, "/match/headers", &errs)
	base.Query = parseConds(r.Match.Query, false, "/match/query", &errs)
	base.Claims = parseConds(r.Match.Claims, false, "/match/claims", &errs)
	exact, wild := parseHosts(r.Match.Hosts, gateway, &errs)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	for _, c := range []struct {
		class HostClass
		hosts []string
	}{{ExactHosts, exact}, {WildcardHosts, wild}} {
		if len(c.hosts) > 0 {
			rule := base
			rule.Class, rule.Hosts = c.class, c.hosts
			rules = append(rules, &rule)
		}
	}
	if len(rules) == 0 {
		base.Class = AnyHost
		rules = append(rules, &base)
	}
	return rules, nil
}

// reason drops the "path: " of an *Error that stands behind a pointer to it.
func reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return "byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
	}
	return err.Error()
}

func parseMethods(in []string, errs *contract.FieldErrors) (set Methods) {
	for i, name := range in {
		m := MethodOf(name)
		switch {
		case m == 0:
			detail := strconv.Quote(name) + " is not a method that can be routed"
			if near, ok := contract.Closest(strings.ToUpper(name), methodNames[:]); ok {
				detail += "; did you mean " + near + "?"
			}
			errs.Add(contract.Pointer("match", "methods", i), detail)
		case set&m != 0:
			errs.Add(contract.Pointer("match", "methods", i), name+" stands here twice")
		}
		set |= m
	}
	return set
}

func parseHosts(in, gateway []string, errs *contract.FieldErrors) (exact, wild []string) {
	if len(in) > MaxRouteHosts {
		errs.Add("/match/hosts", "there are more than 1000 hosts")
		return nil, nil
	}
	seen := make(map[string]bool, len(in))
	for i, h := range in {
		at := contract.Pointer("match", "hosts", i)
		p, err := HostPattern(h)
		switch {
		case err != nil:
			errs.Add(at, reason(err))
		case seen[p]:
			errs.Add(at, p+" stands here twice")
		case len(gateway) > 0 && !slices.ContainsFunc(gateway, func(g string) bool { return g == p || p[0] != '*' && HostMatches(g, p) }):
			errs.Add(at, p+" is not a host of this gateway")
		case p[0] == '*':
			wild = append(wild, p)
		default:
			exact = append(exact, p)
		}
		seen[p] = true
	}
	slices.Sort(exact)
	slices.Sort(wild)
	return exact, wild
}

// compareClaims orders rules that are the same otherwise.
func (r *Rule) compareClaims(s *Rule) int {
	return cmp.Or(cmp.Compare(len(s.Claims), len(r.Claims)), cmp.Compare(narrow(s.Claims), narrow(r.Claims)))
}

// compare orders rules by precedence, whatever claims they want; 0 means that
// neither goes before the other for a request that both take.
func (r *Rule) compare(s *Rule) int {
	return cmp.Or(
		cmp.Compare(s.Priority, r.Priority),
		cmp.Compare(r.Class, s.Class),
		r.Path.compare(s.Path),
		cmp.Compare(anyMethod(r), anyMethod(s)),
		cmp.Compare(len(s.Headers), len(r.Headers)),
		cmp.Compare(len(s.Query), len(r.Query)),
		cmp.Compare(narrow(s.Headers)+narrow(s.Query), narrow(r.Headers)+narrow(r.Query)),
	)
}

func anyMethod(r *Rule) int {
	if r.Methods == 0 {
		return 1
	}
	return 0
}

// narrow sums how narrow conditions are.
func narrow(conds []Cond) (n int) {
	for i := range conds {
		n += int(conds[i].Kind)
	}
	return n
}

// compare orders paths by precedence.
func (p *Path) compare(q *Path) int {
	if c := cmp.Compare(p.Kind, q.Kind); c != 0 || p.Kind == Exact {
		return c
	}
	if p.Kind == Regex {
		return cmp.Compare(len(q.text), len(p.text))
	}
	for i := range min(len(p.Segments), len(q.Segments)) {
		a, b := p.Segments[i].Param != "", q.Segments[i].Param != ""
		if a != b {
			if b {
				return -1
			}
			return 1
		}
	}
	return cmp.Compare(len(q.Segments), len(p.Segments))
}
