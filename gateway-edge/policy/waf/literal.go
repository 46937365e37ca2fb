package waf

import (
	"regexp/syntax"
	"strings"
)

// alphabet is a set of characters: some below 0x80, and with wide all others.
type alphabet struct {
	ascii [128]bool
	wide  bool
}

func newAlphabet(chars string) (a alphabet) {
	for i := range len(chars) {
		a.ascii[chars[i]] = true
	}
	return a
}

func (a *alphabet) has(r rune) bool { return r >= 128 && a.wide || r >= 0 && r < 128 && a.ascii[r] }

// within reports whether every byte is of the alphabet.
func (a *alphabet) within(s string) bool {
	for i := range len(s) {
		if s[i] >= 128 || !a.ascii[s[i]] {
			return false
		}
	}
	return true
}

// need is what a regular expression asks of a text over an alphabet that it is to
// match in: the analysis that trigram indexes make of queries (Cox, "Regular
// Expression Matching with a Trigram Index", 2012), on a smaller alphabet.
type need struct {
	dead  bool     // it matches in no such text
	exact []string // all that it matches, in lower case; nil: not known
	any   []string // every match holds one of these, in lower case; nil: not known
}

const (
	maxExact = 400
	maxClass = 40
)

// needOf analyses a parsed expression.
func needOf(re *syntax.Regexp, a *alphabet) need {
	switch re.Op {
	case syntax.OpNoMatch:
		return need{dead: true}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return need{exact: []string{""}}
	case syntax.OpLiteral:
		return literalNeed(re, a)
	case syntax.OpCharClass:
		return classNeed(re, a)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return need{}
	case syntax.OpCapture:
		return needOf(re.Sub[0], a)
	case syntax.OpStar:
		return optional(needOf(re.Sub[0], a), false)
	case syntax.OpQuest:
		return optional(needOf(re.Sub[0], a), true)
	case syntax.OpPlus:
		return repeated(needOf(re.Sub[0], a))
	case syntax.OpRepeat:
		n := needOf(re.Sub[0], a)
		if re.Min == 0 {
			return optional(n, re.Max == 1)
		}
		if re.Min == 1 && re.Max == 1 {
			return n
		}
		return repeated(n)
	case syntax.OpConcat:
		return concat(re.Sub, a)
	case syntax.OpAlternate:
		return alternate(re.Sub, a)
	}
	return need{}
}

func literalNeed(re *syntax.Regexp, a *alphabet) need {
	var b strings.Builder
	for _, r := range re.Rune {
		low, up := lower(r), upper(r)
		if !a.has(low) && !a.has(up) || re.Flags&syntax.FoldCase == 0 && !a.has(r) {
			return need{dead: true}
		}
		b.WriteRune(low)
	}
	return need{exact: []string{b.String()}}
}

func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func upper(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

func classNeed(re *syntax.Regexp, a *alphabet) need {
	var seen [128]bool
	n := need{dead: true}
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1] && r < 128; r++ {
			if low := lower(r); a.has(r) && !seen[low] {
				seen[low] = true
				n.dead = false
				n.exact = append(n.exact, string(low))
			}
		}
	}
	if a.wide && len(re.Rune) > 0 && re.Rune[len(re.Rune)-1] >= 128 {
		return need{}
	}
	if len(n.exact) > maxClass {
		n.exact = nil
	}
	return n
}

// optional is what may be left out. once: it stands there at most once.
func optional(n need, once bool) need {
	switch {
	case n.dead:
		return need{exact: []string{""}}
	case once && n.exact != nil:
		return need{exact: append([]string{""}, n.exact...)}
	}
	return need{}
}

func repeated(n need) need {
	if n.dead {
		return n
	}
	return need{any: n.best()}
}

// best is the set of which every match holds one; nil: there is none.
func (n need) best() []string {
	if n.exact == nil {
		return n.any
	}
	for _, s := range n.exact {
		if s == "" {
			return nil
		}
	}
	return n.exact
}

// shortest is the length of the shortest string of a set.
func shortest(set []string) int {
	if len(set) == 0 {
		return 0
	}
	m := len(set[0])
	for _, s := range set {
		m = min(m, len(s))
	}
	return m
}

// better of two sets is the one whose shortest string is longer, and then the
// smaller one.
func better(x, y []string) []string {
	switch sx, sy := shortest(x), shortest(y); {
	case sx > sy, sx == sy && len(x) <= len(y):
		return x
	}
	return y
}

func concat(list []*syntax.Regexp, a *alphabet) need {
	out := need{exact: []string{""}}
	all := true // nothing but exact parts so far
	for _, sub := range list {
		n := needOf(sub, a)
		if n.dead {
			return n
		}
		joined := join(out.exact, n.exact)
		if joined != nil {
			out.exact = joined
			continue
		}
		all = false
		out.any = better(out.any, need{exact: out.exact}.best())
		out.any = better(out.any, n.any)
		out.exact = n.exact
		if n.exact == nil {
			out.exact = []string{""}
		}
	}
	if all {
		return out
	}
	return need{any: better(out.any, need{exact: out.exact}.best())}
}

// join is every string of x with every one of y behind it; nil: too many.
func join(x, y []string) []string {
	if x == nil || y == nil || len(x)*len(y) > maxExact {
		return nil
	}
	out := make([]string, 0, len(x)*len(y))
	for _, s := range x {
		for _, t := range y {
			out = append(out, s+t)
		}
	}
	return out
}

func alternate(list []*syntax.Regexp, a *alphabet) need {
	out := need{dead: true}
	exact, known := true, true
	var all, anyOf []string
	for _, sub := range list {
		n := needOf(sub, a)
		if n.dead {
			continue
		}
		out.dead = false
		exact = exact && n.exact != nil
		all = append(all, n.exact...)
		b := n.best()
		known = known && b != nil
		anyOf = append(anyOf, b...)
	}
	switch {
	case out.dead:
	case exact && len(all) <= maxExact:
		out.exact = all
	case known:
		out.any = anyOf
	}
	return out
}
