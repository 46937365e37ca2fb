package route

import (
	"regexp"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// entry is one rule ready to be matched.
type entry struct {
	rank, index int
	rule        *match.Rule
	methods     match.Methods
	slash       slashRule
	headers     []headerCond
	query       []match.Cond
	// segments are the positions of the parameters among the segments.
	segments []int8
	regex    *regexp.Regexp
	literal  string
}

type headerCond struct {
	name policy.Name
	cond match.Cond
}

// slashRule says what a trailing slash of the request means to an entry.
type slashRule uint8

const (
	slashFree slashRule = iota // either way
	slashMust
	slashMustNot
)

func newEntry(r *match.Rule, rank int) (*entry, error) {
	e := &entry{rank: rank, index: r.Index, rule: r, methods: r.Methods, query: r.Query, regex: r.Path.Regex, literal: r.Path.Literal}
	if r.Strict && (r.Path.Kind == match.Exact || r.Path.Kind == match.Params) && len(r.Path.Segments) > 0 {
		e.slash = slashMustNot
		if r.Path.Slash {
			e.slash = slashMust
		}
	}
	for _, c := range r.Headers {
		n, err := policy.HeaderName(c.Name)
		if err != nil {
			return nil, err
		}
		e.headers = append(e.headers, headerCond{n, c})
	}
	for i, s := range r.Path.Segments {
		if s.Param != "" {
			e.segments = append(e.segments, int8(i))
		}
	}
	return e, nil
}

// takes judges everything but the path's segments; method is false when only
// the method is wrong.
func (e *entry) takes(w *walk) (ok, method bool) {
	if e.slash == slashMust && !w.slash || e.slash == slashMustNot && w.slash {
		return false, true
	}
	for i := range e.headers {
		v, present := w.r.Header.Get(e.headers[i].name)
		if c := &e.headers[i].cond; !w.afford(c.Steps, v.Len()) || !c.Holds(policy.EngineString(v), present) {
			return false, true
		}
	}
	for i := range e.query {
		if c := &e.query[i]; !w.afford(c.Steps, w.r.Query.Len()) || !queryHolds(c, policy.EngineString(w.r.Query)) {
			return false, true
		}
	}
	if !e.methods.Take(w.method) {
		return false, false
	}
	return true, true
}

// takesPath judges a regular expression's path.
func (e *entry) takesPath(w *walk) bool {
	return strings.HasPrefix(w.path, e.literal) && w.afford(e.rule.Path.Steps, len(w.path)) && e.regex.MatchString(w.path)
}

// params fills in the values of the matched entry's parameters.
func (e *entry) params(w *walk, out *Result) {
	path := e.rule.Path
	if len(e.segments) == 0 && path.Tail == "" {
		return
	}
	rest, seg := w.path[1:], 0
	next := 0
	for next < len(e.segments) {
		part := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		if seg == int(e.segments[next]) {
			out.add(path.Segments[seg].Param, part)
			next++
		}
		seg++
	}
	if path.Tail == "" {
		return
	}
	for ; seg < len(path.Segments); seg++ {
		_, rest, _ = strings.Cut(rest, "/")
	}
	out.add(path.Tail, rest)
}

func (r *Result) add(name, value string) {
	r.Params[r.N] = policy.Param{Name: name, Value: policy.Static(value)}
	r.N++
}
