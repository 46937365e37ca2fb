package route

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Table routes the requests of one gateway. It is immutable.
type Table struct {
	// Hosts with routes of their own: by name, and by what follows "*.".
	exact, wild map[string]*tree
	any         *tree         // routes for every host; nil if there are none
	rules       []*entry      // best first; an entry's rank is its position
	names       []string      // of the routes, by index
	forks       map[int]*Fork // by route
	// allow has the Allow value of every set of methods that one path has.
	allow map[match.Methods]string
}

// Result is what Match found. Reuse one per connection; Match sets every field
// but the Params from N on.
type Result struct {
	// Index is the route's position in what Build was given, -1 when none takes
	// the request.
	Index int
	// Allow is set when Index is -1 only because of the method: the value of the
	// Allow field of a 405.
	Allow string
	// TooLong is set when Index is -1 because the regular expressions that had to
	// be looked at would take too long for so long a request: to be refused with
	// 414. It must not go to a route of lower precedence.
	TooLong bool
	// Params are the path parameters, N of them; their values lie in the
	// request's path.
	Params [match.MaxPathParams]policy.Param
	N      int
}

// Build compiles the table. hosts are the gateway's own host names; a route's
// hosts must be among them, or lie under one of their wildcards. The error is a
// contract.FieldErrors with every conflict and mistake, pointers beginning at the
// list of routes.
func Build(routes []contract.Route, hosts []string) (*Table, error) {
	rules, errs := match.Compile(routes, hosts)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	t := &Table{exact: map[string]*tree{}, wild: map[string]*tree{}, allow: map[match.Methods]string{}, names: make([]string, len(routes))}
	for i := range routes {
		t.names[i] = routes[i].Name
	}
	t.forks = forks(rules, len(routes))
	for rank, r := range rules {
		e, err := newEntry(r, rank)
		if err != nil {
			return nil, err
		}
		t.rules = append(t.rules, e)
		for _, tr := range t.trees(r) {
			tr.add(e)
		}
	}
	for _, tr := range t.all() {
		tr.finish(t.allow)
	}
	return t, nil
}

// trees returns the trees that a rule belongs to, making new ones.
func (t *Table) trees(r *match.Rule) (out []*tree) {
	if r.Class == match.AnyHost {
		if t.any == nil {
			t.any = newTree()
		}
		return []*tree{t.any}
	}
	for _, h := range r.Hosts {
		m, key := t.exact, h
		if r.Class == match.WildcardHosts {
			m, key = t.wild, h[2:]
		}
		if m[key] == nil {
			m[key] = newTree()
		}
		out = append(out, m[key])
	}
	return out
}

func (t *Table) all() (out []*tree) {
	for _, tr := range t.exact {
		out = append(out, tr)
	}
	for _, tr := range t.wild {
		out = append(out, tr)
	}
	if t.any != nil {
		out = append(out, t.any)
	}
	return out
}

// Match finds the request's route. It reads Method, Host, Path, Query and
// Header, all canonical, and allocates nothing but for a 405 over several paths
// and for conditions on encoded query values.
func (t *Table) Match(r *policy.Request, out *Result) {
	w := walk{r: r, method: match.MethodOf(policy.EngineString(r.Method)), best: len(t.rules)}
	w.setPath(policy.EngineString(r.Path))
	host := policy.EngineString(r.Host)
	if len(t.exact) > 0 {
		if tr := t.exact[host]; tr != nil {
			tr.find(&w)
		}
	}
	if len(t.wild) > 0 {
		if i := strings.IndexByte(host, '.'); i >= 0 {
			if tr := t.wild[host[i+1:]]; tr != nil {
				tr.find(&w)
			}
		}
	}
	if t.any != nil {
		t.any.find(&w)
	}
	out.Index, out.N, out.Allow, out.TooLong = -1, 0, "", w.spent > maxSteps
	switch {
	case out.TooLong:
	case w.best < len(t.rules):
		e := t.rules[w.best]
		out.Index = e.index
		e.params(&w, out)
	case w.allow != 0:
		out.Allow = t.allowOf(w.allow)
	}
}

func (t *Table) allowOf(s match.Methods) string {
	if a, ok := t.allow[s]; ok {
		return a
	}
	return s.String()
}
