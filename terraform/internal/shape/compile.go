package shape

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Schema is a JSON Schema as it was read.
type Schema = map[string]any

// Compiler makes types of schemas. Refs resolves a "$ref"; Named, where it is set,
// is asked first and may answer with a type of its own.
type Compiler struct {
	Refs  func(ref string) (Schema, bool)
	Named func(ref string) *Type
	depth int
}

// maxDepth ends schemas that contain themselves: below it a value is JSON.
const maxDepth = 12

// Compile makes the type of s. at says where s stands, for errors.
func (c *Compiler) Compile(s Schema, at string) (*Type, error) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return &Type{Kind: JSON, Schema: s}, nil
	}
	if ref, ok := s["$ref"].(string); ok {
		return c.follow(s, ref, at)
	}
	t := &Type{Doc: doc(s), Limits: limits(s), Schema: s}
	if of, ok := s["oneOf"].([]any); ok && s["type"] == nil {
		return c.choice(t, of, at)
	}
	var err error
	switch kind, _ := s["type"].(string); kind {
	case "string":
		t.Kind = stringKind(s)
	case "integer":
		t.Kind = Int
	case "number":
		t.Kind = Float
	case "boolean":
		t.Kind = Bool
	case "array":
		items, _ := s["items"].(Schema)
		t.Kind = List
		t.Elem, err = c.Compile(items, at+"[]")
	case "object":
		err = c.object(t, at)
	default:
		t.Kind = JSON
		if words(s) {
			t.Kind = String
		}
	}
	return t, err
}

// words says that a schema without a type takes some strings.
func words(s Schema) bool {
	of, _ := s["enum"].([]any)
	for _, v := range of {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return len(of) > 0
}

func (c *Compiler) follow(s Schema, ref, at string) (*Type, error) {
	if c.Named != nil {
		if t := c.Named(ref); t != nil {
			return t, nil
		}
	}
	to, ok := c.Refs(ref)
	if !ok {
		return nil, fmt.Errorf("%s: %q leads nowhere", at, ref)
	}
	if d := doc(s); d != "" || s["default"] != nil || s["title"] != nil {
		to = maps.Clone(to)
		for k, v := range s {
			if k != "$ref" {
				to[k] = v
			}
		}
	}
	return c.Compile(to, at)
}

func (c *Compiler) object(t *Type, at string) error {
	s := t.Schema
	props, _ := s["properties"].(Schema)
	if len(props) == 0 {
		if of, ok := s["additionalProperties"].(Schema); ok {
			t.Kind = Map
			var err error
			t.Elem, err = c.Compile(of, at+"{}")
			return err
		}
		t.Kind = JSON
		if s["additionalProperties"] == false {
			t.Kind = Object // nothing to say: {}
		}
		return nil
	}
	t.Kind = Object
	if s["x-go-type"] != nil {
		t.Kind = JSON
		return nil
	}
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(props)) {
		p, _ := props[name].(Schema)
		if p["readOnly"] == true { // how it stands, not what is wanted
			continue
		}
		f, err := c.field(name, p, at+"."+name)
		if err != nil {
			return err
		}
		f.Required = slices.Contains(required, any(name))
		t.Fields = append(t.Fields, f)
	}
	return nil
}

func (c *Compiler) field(name string, s Schema, at string) (*Field, error) {
	t, err := c.Compile(s, at)
	if err != nil {
		return nil, err
	}
	f := &Field{Name: name, Type: t, Doc: t.Doc}
	f.Absent = zero(t)
	// An x-default is one that the web portal's types need not know of.
	for _, d := range []any{t.Schema["x-default"], t.Schema["default"], s["default"]} {
		if d != nil {
			f.Absent = d
		}
	}
	if of, ok := f.Absent.(Schema); ok && t.Kind == Object { // a default may spell defaults out
		less := Schema{}
		for k, v := range of {
			if in := t.Field(k); in == nil || !in.absent(v, true) {
				less[k] = v
			}
		}
		f.Absent = less
	}
	f.NoAbsent, _ = s["x-zero-differs"].(bool)
	return f, nil
}

// zero is what the API leaves out of its answers.
func zero(t *Type) any {
	switch t.Kind {
	case String, Duration:
		return ""
	case Int, Float:
		return 0.0
	case Bool:
		return false
	case List, OneOrMany:
		return []any{}
	case Map:
		return Schema{}
	case JSON:
		if t.Schema["type"] == "object" {
			return Schema{}
		}
	}
	return nil
}

// choice reads the few forms of oneOf that schemas here use.
func (c *Compiler) choice(t *Type, of []any, at string) (*Type, error) {
	if len(of) == 1 {
		s, _ := of[0].(Schema)
		return c.Compile(s, at)
	}
	var text, object, array bool
	for _, o := range of {
		s, _ := o.(Schema)
		props, _ := s["properties"].(Schema)
		switch {
		case s["type"] == "string":
			text = true
		case s["type"] == "array":
			array = true
		case s["type"] == "object" && len(props) == 1 && props[secretName] != nil:
			object = true
		}
	}
	switch {
	case text && object && len(of) == 2:
		t.Kind = ValueOrSecret
	case text && array && len(of) == 2:
		t.Kind = OneOrMany
	default:
		t.Kind = JSON
	}
	return t, nil
}

func stringKind(s Schema) Kind {
	pattern, _ := s["pattern"].(string)
	switch {
	case s["format"] == "date-time":
		return Time
	case s["format"] == "duration", s["x-widget"] == "duration", strings.Contains(pattern, "(ns|us|"):
		return Duration
	}
	return String
}
