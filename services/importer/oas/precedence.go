package oas

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// segment is one of a path's, as a document means it.
type segment struct {
	class segmentClass
	text  string         // literal: canonical; partial: its expression
	fixed int            // partial: how many bytes of it are no parameter
	fits  *regexp.Regexp // partial
}

// segmentClass says how narrow a segment is, the narrowest first.
type segmentClass uint8

const (
	literalSegment segmentClass = iota
	partialSegment              // text beside a parameter
	paramSegment
	tailSegment // {name+}, one segment or more
	endSegment  // *, everything
)

func segmentsOf(path string) []segment {
	var out []segment
	for s := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		name, opens := strings.CutPrefix(s, "{")
		name, closes := strings.CutSuffix(name, "}")
		switch {
		case s == "*":
			out = append(out, segment{class: endSegment})
		case !strings.ContainsAny(s, "{}"):
			out = append(out, segment{text: canonical(s)})
		case opens && closes && strings.HasSuffix(name, "+"):
			out = append(out, segment{class: tailSegment})
		case opens && closes && !strings.ContainsAny(name, "{}"):
			out = append(out, segment{class: paramSegment})
		default:
			expr := pathExpression(s)
			fits, err := regexp.Compile(`\A(?:` + expr + `)\z`)
			if err != nil {
				fits = nil // texts are quoted, so one is no UTF-8: nothing is known of it
			}
			out = append(out, segment{class: partialSegment, text: expr, fixed: len(strings.ReplaceAll(expr, "[^/]+", "")), fits: fits})
		}
	}
	return out
}

// expression reports whether the route's path is a regular expression.
func (op *operation) expression() bool { return strings.HasPrefix(op.route.Match.Path, "~") }

func (op *operation) methods() match.Methods { return match.MethodOf(strings.ToUpper(op.method)) }

// meets reports whether a request could be of both operations.
func (op *operation) meets(other *operation) bool {
	a, b := op.methods(), other.methods()
	if a != 0 && b != 0 && !a.Take(b) && !b.Take(a) {
		return false
	}
	for i := range max(len(op.segments), len(other.segments)) {
		if i >= len(op.segments) || i >= len(other.segments) {
			longer := op.segments
			if i >= len(longer) {
				longer = other.segments
			}
			return longer[i].class == endSegment
		}
		s, t := &op.segments[i], &other.segments[i]
		if s.class > t.class {
			s, t = t, s
		}
		switch {
		case t.class >= tailSegment:
			return true
		case s.class == literalSegment && t.class == literalSegment && s.text != t.text:
			return false
		case s.class == literalSegment && t.class == partialSegment && t.fits != nil && !t.fits.MatchString(s.text):
			return false
		}
	}
	return true
}

// narrower orders operations that meet as documents mean it, the one that answers
// first: where their paths part, text goes before text with a parameter, and that
// before a parameter.
func (op *operation) narrower(other *operation) int {
	for i := range min(len(op.segments), len(other.segments)) {
		s, t := &op.segments[i], &other.segments[i]
		if c := cmp.Or(cmp.Compare(s.class, t.class), cmp.Compare(t.fixed, s.fixed)); c != 0 {
			return c
		}
		if c := strings.Compare(s.text, t.text); c != 0 && s.class == partialSegment {
			return c
		}
	}
	whole := func(op *operation) int {
		if op.method == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(len(op.segments), len(other.segments)), cmp.Compare(whole(op), whole(other)))
}

// precedence gives priorities to routes whose path is a regular expression, which go
// after all others in the gateway, where one that is meant to answer after them would
// take their requests; and to those that are meant to go before them in turn.
func (w *walker) precedence() {
	var expressions []*operation
	for _, op := range w.placed {
		if op.expression() && op.segments != nil {
			expressions = append(expressions, op)
		}
	}
	if w.exact != nil || len(expressions) == 0 || len(expressions) > match.MaxRegexRoutes { // which the gateway refuses
		return
	}
	raised := map[*operation]bool{}
	var next, ordered []*operation
	for _, e := range expressions {
		if slices.ContainsFunc(w.placed, func(op *operation) bool {
			return op != e && op.segments != nil && (op.expression() || e.narrower(op) < 0) && e.meets(op)
		}) {
			raised[e] = true
			next, ordered = append(next, e), append(ordered, e)
		}
	}
	for len(next) > 0 {
		low := next[0]
		next = next[1:]
		for _, op := range w.placed {
			if raised[op] || op.segments == nil || op.narrower(low) >= 0 || !op.meets(low) {
				continue
			}
			raised[op] = true
			if op.expression() {
				ordered = append(ordered, op)
			}
			if slices.ContainsFunc(op.segments, func(s segment) bool { return s.class != literalSegment }) {
				next = append(next, op) // nothing goes before a path without parameters
			}
		}
	}
	slices.SortStableFunc(ordered, func(a, b *operation) int { return b.narrower(a) })
	for op := range raised {
		priority := 0
		for i, e := range ordered {
			if op == e {
				priority = 2 * (i + 1)
			} else if op.narrower(e) < 0 && !op.expression() {
				priority = 2*(i+1) + 1
			}
		}
		w.parts.Routes[op.index].Priority = max(priority, op.route.Priority)
	}
}
