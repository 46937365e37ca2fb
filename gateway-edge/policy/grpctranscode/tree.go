package grpctranscode

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tree finds the rule for a method and a path: a literal segment before "*",
// before "**".
type tree struct{ root node }

type node struct {
	literal map[string]*node
	one     *node
	many    *node
	ends    map[string]map[string]*binding // verb → method ("*": any) → rule
}

// add puts a rule in. Two rules for the same requests are an error.
func (t *tree) add(b *binding) error {
	n := &t.root
	for _, g := range b.template.segments {
		switch g.kind {
		case literal:
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			if n.literal[g.text] == nil {
				n.literal[g.text] = &node{}
			}
			n = n.literal[g.text]
		case one:
			if n.one == nil {
				n.one = &node{}
			}
			n = n.one
		case many:
			if n.many == nil {
				n.many = &node{}
			}
			n = n.many
		}
	}
	if n.ends == nil {
		n.ends = map[string]map[string]*binding{}
	}
	verb := b.template.verb
	if n.ends[verb] == nil {
		n.ends[verb] = map[string]*binding{}
	}
	if other := n.ends[verb][b.httpMethod]; other != nil {
		return fmt.Errorf("%s and %s take the same requests: %s", other.call.desc.FullName(), b.call.desc.FullName(), b.httpMethod)
	}
	n.ends[verb][b.httpMethod] = b
	return nil
}

// find returns the rule, and the segments of the path that its variables are cut
// from. Without one, allow lists the methods that the path has.
func (t *tree) find(method, path string) (b *binding, segments []string, allow string) {
	if len(path) == 0 || path[0] != '/' || strings.Count(path, "/") > maxSegments {
		return nil, nil, ""
	}
	segments = strings.Split(path[1:], "/")
	last := len(segments) - 1
	methods := map[string]bool{}
	whole := segments[last]
	if i := strings.LastIndexByte(whole, ':'); i > 0 {
		segments[last] = whole[:i]
		if b = t.root.find(segments, whole[i+1:], method, methods); b != nil {
			return b, segments, ""
		}
		segments[last] = whole
	}
	if b = t.root.find(segments, "", method, methods); b != nil {
		return b, segments, ""
	}
	return nil, nil, strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
}

// find walks each node of the tree at most once.
func (n *node) find(segments []string, verb, method string, seen map[string]bool) *binding {
	if len(segments) == 0 {
		if b := n.end(verb, method, seen); b != nil {
			return b
		}
	} else {
		if next := n.literal[segments[0]]; next != nil {
			if b := next.find(segments[1:], verb, method, seen); b != nil {
				return b
			}
		}
		if n.one != nil && segments[0] != "" {
			if b := n.one.find(segments[1:], verb, method, seen); b != nil {
				return b
			}
		}
	}
	if n.many != nil {
		return n.many.end(verb, method, seen)
	}
	return nil
}

func (n *node) end(verb, method string, seen map[string]bool) *binding {
	byMethod := n.ends[verb]
	if b := byMethod[method]; b != nil {
		return b
	}
	if b := byMethod["*"]; b != nil {
		return b
	}
	for m := range byMethod {
		seen[m] = true
	}
	return nil
}
