package jsonschema

import (
	js "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
)

// Bounds of the work of one check, in evaluations of a schema against a value.
const (
	maxPerValue = 20_000
	maxWork     = 4 << 20
	plenty      = 1 << 40 // where counting stops
)

// costs makes the lists of a schema cheap and computes how many evaluations one value at each depth of a document takes
// at most. It ends before the first depth that takes more than maxPerValue.
//
// A value at depth d is evaluated once for each way in which schemas lead to it:
// in place (allOf, anyOf, $ref …) or to a child (properties, items …). Of several
// named properties only one is the value's, so the largest counts.
func costs(root *js.Schema) []int {
	w := &walker{ways: map[step]int{}, anchors: map[string][]*js.Schema{}, seen: map[*js.Schema]bool{}}
	w.collect(root)
	for s := range w.seen {
		lookUp(s)
	}
	var out []int
	for d := range 4 * document.MaxDepth {
		n := w.count(root, d)
		if n > maxPerValue {
			break
		}
		out = append(out, n)
		if n == 0 {
			break // nothing below is looked at
		}
	}
	return out
}

type step struct {
	s     *js.Schema
	depth int
}

type walker struct {
	ways    map[step]int
	seen    map[*js.Schema]bool
	anchors map[string][]*js.Schema // by dynamic anchor
}

// collect finds every schema that can be reached, for their dynamic anchors.
func (w *walker) collect(s *js.Schema) {
	if s == nil || w.seen[s] {
		return
	}
	w.seen[s] = true
	if s.DynamicAnchor != "" {
		w.anchors[s.DynamicAnchor] = append(w.anchors[s.DynamicAnchor], s)
	}
	for _, c := range inPlace(s) {
		w.collect(c)
	}
	if s.DynamicRef != nil {
		w.collect(s.DynamicRef.Ref)
	}
	named, all := children(s)
	for _, c := range append(named, all...) {
		w.collect(c)
	}
}

// count is how often a value at a depth below s's own is evaluated.
func (w *walker) count(s *js.Schema, depth int) (n int) {
	if s == nil {
		return 0
	}
	at := step{s, depth}
	if n, ok := w.ways[at]; ok {
		return n
	}
	w.ways[at] = 0 // a schema that leads to itself in place is refused by the library
	if depth == 0 {
		n = 1
		for _, x := range s.Extensions {
			if c, ok := x.(*choice); ok {
				n = min(n+c.weight, plenty)
			}
		}
	}
	for _, c := range inPlace(s) {
		n = min(n+w.count(c, depth), plenty)
	}
	if r := s.DynamicRef; r != nil {
		most := w.count(r.Ref, depth)
		for _, c := range w.anchors[r.Anchor] {
			most = max(most, w.count(c, depth))
		}
		n = min(n+most, plenty)
	}
	if depth > 0 {
		n = min(n+w.below(s, depth), plenty)
	}
	w.ways[at] = n
	return n
}

func (w *walker) below(s *js.Schema, depth int) (n int) {
	named, all := children(s)
	for _, c := range named {
		n = max(n, w.count(c, depth-1))
	}
	for _, c := range all {
		n = min(n+w.count(c, depth-1), plenty)
	}
	return n
}

// inPlace are the schemas that a value is held to beside s.
func inPlace(s *js.Schema) []*js.Schema {
	out := []*js.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}
	out = append(append(append(out, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, c := range s.DependentSchemas {
		out = append(out, c)
	}
	for _, d := range s.Dependencies {
		if c, ok := d.(*js.Schema); ok {
			out = append(out, c)
		}
	}
	return out
}

// children are the schemas that a value's parts are held to: named of which one
// fits a part, and those that may fit any part.
func children(s *js.Schema) (named, all []*js.Schema) {
	for _, c := range s.Properties {
		named = append(named, c)
	}
	named = append(named, s.PrefixItems...)
	for _, c := range s.PatternProperties {
		all = append(all, c)
	}
	all = append(all, s.UnevaluatedProperties, s.Contains, s.UnevaluatedItems, s.Items2020, s.PropertyNames)
	for _, x := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch x := x.(type) {
		case *js.Schema:
			all = append(all, x)
		case []*js.Schema:
			named = append(named, x...)
		}
	}
	return named, all
}

// affordable reports whether a check of v is within the bounds.
func (s *Schema) affordable(v any) bool {
	work := 0
	var walk func(v any, depth int) bool
	walk = func(v any, depth int) bool {
		if depth < len(s.cost) {
			work += s.cost[depth]
		} else if len(s.cost) == 0 || s.cost[len(s.cost)-1] > 0 {
			return false // beyond the last depth that can be paid for
		}
		if work > maxWork {
			return false
		}
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				if !walk(e, depth+1) {
					return false
				}
			}
		case map[string]any:
			for _, e := range v {
				if !walk(e, depth+1) {
					return false
				}
			}
		}
		return true
	}
	return walk(v, 0)
}
