package jsonschema

import (
	"encoding/json"
	"slices"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// Shape is what a schema says of types: how texts, which parameters and forms are
// made of, are to be read.
type Shape struct {
	// Kinds are the types that are allowed; none: the schema does not say.
	Kinds []string
	// Items is the shape of an array's items, Props that of named properties, More
	// that of all others; nil: nothing is said.
	Items *Shape
	Props map[string]*Shape
	More  *Shape
}

// Is reports whether a type is allowed by name.
func (s *Shape) Is(kind string) bool { return s != nil && slices.Contains(s.Kinds, kind) }

// shapeDepth bounds how deep values in parameters and forms are nested.
const shapeDepth = 3

// shape gathers what a schema and those that hold beside it say.
func shape(s *js.Schema) *Shape {
	out := &Shape{}
	gather(s, out, shapeDepth, 0)
	return out
}

func gather(s *js.Schema, out *Shape, depth, refs int) {
	if s == nil || refs > 16 {
		return
	}
	if s.Types != nil {
		for _, k := range s.Types.ToStrings() {
			out.allow(k)
		}
	} else {
		implied(s, out)
	}
	if depth > 0 {
		parts(s, out, depth-1)
	}
	gather(s.Ref, out, depth, refs+1)
	for _, list := range [][]*js.Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, e := range list {
			gather(e, out, depth, refs+1)
		}
	}
}

// implied are the types of a schema that names none but speaks of values that only
// some types have.
func implied(s *js.Schema, out *Shape) {
	if s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
		out.allow("number")
	}
	if s.Properties != nil || s.Required != nil {
		out.allow("object")
	}
	if s.Items2020 != nil || s.Items != nil || s.PrefixItems != nil {
		out.allow("array")
	}
	var values []any
	if s.Enum != nil {
		values = s.Enum.Values
	}
	if s.Const != nil {
		values = append(slices.Clone(values), *s.Const)
	}
	for _, v := range values {
		out.allow(kindOf(v))
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func (s *Shape) allow(kind string) {
	if !slices.Contains(s.Kinds, kind) {
		s.Kinds = append(s.Kinds, kind)
	}
}

// parts gathers the shapes of items and properties.
func parts(s *js.Schema, out *Shape, depth int) {
	items := s.Items2020
	if one, ok := s.Items.(*js.Schema); ok {
		items = one
	}
	if items != nil {
		if out.Items == nil {
			out.Items = &Shape{}
		}
		gather(items, out.Items, depth, 0)
	}
	for name, p := range s.Properties {
		if out.Props == nil {
			out.Props = map[string]*Shape{}
		}
		if out.Props[name] == nil {
			out.Props[name] = &Shape{}
		}
		gather(p, out.Props[name], depth, 0)
	}
	if more, ok := s.AdditionalProperties.(*js.Schema); ok {
		if out.More == nil {
			out.More = &Shape{}
		}
		gather(more, out.More, depth, 0)
	}
}
