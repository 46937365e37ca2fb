package jsonschema

import (
	"errors"

	js "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
)

// Bounds of the work of one check, in evaluations of a schema against a value.
const (
	maxPerValue = 20_000
	maxWork     = 4 << 20
	plenty      = maxPerValue + 1 // where counting stops
)

// maxSteps bounds the work of counting for all schemas of a set: about a second.
const maxSteps = 40_000_000

// errTangled is about a set whose schemas lead to one another in more ways than can be
// counted.
var errTangled = errors.New("the schemas of the document lead to one another in too many ways to say what a check costs: split the document, or leave schemas out that nothing uses")

// costs makes the lists of a schema cheap and computes how many evaluations one value at each depth of a document takes
// at most. It ends before the first depth that takes more than maxPerValue.
//
// A value at depth d is evaluated once for each way in which schemas lead to it:
// in place (allOf, anyOf, $ref …) or to a child (properties, items …). Of several
// named properties only one is the value's, so the largest counts.
func (w *walker) costs(root *js.Schema) ([]int, error) {
	anchors := w.anchored
	w.collect(root)
	if w.dynamic && w.anchored > anchors { // what was counted did not know of them
		clear(w.ways)
	}
	var out []int
	for d := range 4 * document.MaxDepth {
		n := w.count(root, d)
		if w.steps > w.most {
			return nil, errTangled
		}
		if n > maxPerValue {
			break
		}
		out = append(out, int(n))
		if n == 0 {
			break // nothing below is looked at
		}
	}
	return out, nil
}

// walker counts for the schemas of one set, and remembers: each of hundreds of
// operations leads to most of a document's schemas.
type walker struct {
	ways     map[*js.Schema][]int32 // by depth; unknown where it was not counted
	seen     map[*js.Schema]bool
	anchors  map[string][]*js.Schema // by dynamic anchor
	anchored int                     // how many there are
	dynamic  bool                    // a schema refers to a dynamic anchor
	steps    int
	most     int // of them
}

const unknown = -1

func newWalker() *walker {
	return &walker{ways: map[*js.Schema][]int32{}, anchors: map[string][]*js.Schema{}, seen: map[*js.Schema]bool{}, most: maxSteps}
}

// collect finds every schema that can be reached, for their dynamic anchors.
func (w *walker) collect(s *js.Schema) {
	if s == nil || w.seen[s] {
		return
	}
	w.seen[s] = true
	lookUp(s)
	if s.DynamicAnchor != "" {
		w.anchored++
		w.anchors[s.DynamicAnchor] = append(w.anchors[s.DynamicAnchor], s)
	}
	for _, c := range inPlace(s) {
		w.collect(c)
	}
	if s.DynamicRef != nil {
		w.dynamic = true
		w.collect(s.DynamicRef.Ref)
	}
	named, all := children(s)
	for _, c := range append(named, all...) {
		w.collect(c)
	}
}

// count is how often a value at a depth below s's own is evaluated.
func (w *walker) count(s *js.Schema, depth int) (n int32) {
	if s == nil || w.steps > w.most {
		return 0
	}
	known := w.ways[s]
	for len(known) <= depth {
		known = append(known, unknown)
	}
	if known[depth] != unknown {
		return known[depth]
	}
	known[depth] = 0 // a schema that leads to itself in place is refused by the library
	w.ways[s] = known
	if depth == 0 {
		n = 1
		for _, x := range s.Extensions {
			if c, ok := x.(*choice); ok {
				n = min(n+int32(min(c.weight, plenty)), plenty)
			}
		}
	}
	beside := inPlace(s)
	w.steps += 1 + len(beside)
	for _, c := range beside {
		n = min(n+w.count(c, depth), plenty)
	}
	if r := s.DynamicRef; r != nil {
		most := w.count(r.Ref, depth)
		w.steps += len(w.anchors[r.Anchor])
		for _, c := range w.anchors[r.Anchor] {
			most = max(most, w.count(c, depth))
		}
		n = min(n+most, plenty)
	}
	if depth > 0 {
		n = min(n+w.below(s, depth), plenty)
	}
	w.ways[s][depth] = n
	return n
}

func (w *walker) below(s *js.Schema, depth int) (n int32) {
	named, all := children(s)
	w.steps += len(named) + len(all)
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
