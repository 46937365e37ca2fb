package match

import (
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// Conflicts checks every route's match and returns all that is wrong with the
// set (at most 100 findings), with pointers from the root of the list
// ("/3/match/path"): what can't be parsed, and each pair of routes that could
// take the same request with equal precedence, told at both. hosts are the
// gateway's own; with none given, a route may name any.
//
// Precedence, from the most important: the higher priority; an exact host before
// a wildcard before none; exact path, parameters, tail, prefix, regular
// expression, with literal segments before parameters from the left, then the
// longer path; given methods before none; more header conditions, then more query
// conditions, then narrower ones. The order of declaration means nothing. Routes
// whose matches are alike but for claims are no conflict where these tell them
// apart: more claims go first, then narrower ones (Forks).
func Conflicts(routes []contract.Route, hosts []string) contract.FieldErrors {
	_, errs := Compile(routes, hosts)
	return errs
}

// conflicts finds pairs of rules that could take one request with equal
// precedence. Rules are put in groups that share a host and a path, since only
// such can; within a group every pair is looked at.
func conflicts(rules []*Rule, errs *contract.FieldErrors) {
	groups := make(map[string][]*Rule, len(rules))
	order := make([]string, 0, len(rules))
	for _, r := range rules {
		hosts := r.Hosts
		if r.Class == AnyHost {
			hosts = []string{""}
		}
		path := r.Path.group()
		for _, h := range hosts {
			k := h + "\x00" + path
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], r)
		}
	}
	told := make(map[[2]int]bool)
	for _, k := range order {
		group := groups[k]
		if len(group) > maxSharedPath {
			errs.Add(contract.Pointer(group[maxSharedPath].Index, "match"), "more than 1000 routes have this path and host")
			continue
		}
		for i, r := range group {
			for _, s := range group[i+1:] {
				if r.compare(s) != 0 {
					break // rules are sorted: all others are lower still
				}
				pair := [2]int{min(r.Index, s.Index), max(r.Index, s.Index)}
				if told[pair] || !r.meets(s) {
					continue
				}
				why := r.quarrel(s)
				if why == "" {
					continue
				}
				told[pair] = true
				tell(errs, r, s, why)
				if len(*errs) >= maxErrors {
					return
				}
			}
		}
	}
}

// group is the same for paths that could take one request with equal precedence.
func (p *Path) group() string {
	if p.Kind == Regex {
		return "~" + strconv.Itoa(len(p.text))
	}
	var b strings.Builder
	b.WriteByte('0' + byte(p.Kind))
	for _, s := range p.Segments {
		b.WriteByte('/')
		if s.Param != "" {
			b.WriteByte('{') // no literal has one
		}
		b.WriteString(s.Literal)
	}
	return b.String()
}

// meets reports whether a request could be taken by both, which are of one group.
func (r *Rule) meets(s *Rule) bool {
	if r.Index == s.Index {
		return false
	}
	if r.Methods != 0 && s.Methods != 0 && r.Methods&s.Methods == 0 {
		return false
	}
	p, q := r.Path, s.Path
	switch p.Kind {
	case Exact, Params:
		if r.Strict && s.Strict && p.Slash != q.Slash {
			return false
		}
	case Regex:
		if !strings.HasPrefix(p.Literal, q.Literal) && !strings.HasPrefix(q.Literal, p.Literal) {
			return false
		}
	}
	return !exclusive(r.Headers, s.Headers) && !exclusive(r.Query, s.Query)
}

// quarrel says why two rules that meet can't stand beside one another; "": their
// claims tell them apart.
func (r *Rule) quarrel(s *Rule) string {
	switch {
	case len(r.Claims)+len(s.Claims) > 0 && !r.same(s):
		return "takes some of the same requests as route %s, and claims can't choose between them: routes that differ in claims have everything else of their match alike; or give one of them a higher priority"
	case len(r.Claims)+len(s.Claims) > 0 && (r.compareClaims(s) != 0 || exclusive(r.Claims, s.Claims)):
		return ""
	}
	return "takes the same requests as route %s with the same precedence; give one of them a higher priority or a narrower match"
}

func tell(errs *contract.FieldErrors, r, s *Rule, why string) {
	for _, p := range [2][2]*Rule{{r, s}, {s, r}} {
		errs.Add(contract.Pointer(p[0].Index, "match"), strings.Replace(why, "%s", strconv.Quote(p[1].Name), 1))
	}
}
