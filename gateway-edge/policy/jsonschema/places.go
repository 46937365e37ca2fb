package jsonschema

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	js "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
)

// The library finds the schemas of a document that is a schema itself in one go. Those
// of another document it takes note of one by one, and copies all that it knew each
// time: the square of their number. Told of the places where such a document has
// schemas, it finds these in one go too, and does not look whether they are schemas,
// which is done here.

// places is what the library calls a vocabulary: keywords that have schemas below them.
func places(list []string) *js.Vocabulary {
	v := &js.Vocabulary{
		URL:     root + "places",
		Compile: func(*js.CompilerContext, map[string]any) (js.SchemaExt, error) { return nil, nil },
	}
	for _, place := range list {
		var path js.SchemaPath
		for part := range strings.SplitSeq(place, "/") {
			switch part {
			case "*":
				path = append(path, js.AllProp{})
			case "[]":
				path = append(path, js.AllItem{})
			default:
				path = append(path, js.Prop(part))
			}
		}
		v.Subschemas = append(v.Subschemas, path)
	}
	return v
}

// metaSchema is what every schema of the default draft must fit.
const metaSchema = "https://json-schema.org/draft/2020-12/schema"

// errSlow is about what only the library's own way is known to be right for.
var errSlow = errors.New("is looked at by itself")

// checked are the schemas of a set that are known to be some.
type checked struct {
	doc  any
	meta *js.Schema
	at   map[string]bool // by pointer
}

func newChecked(doc any) (*checked, error) {
	c := js.NewCompiler()
	c.UseRegexpEngine(re2)
	c.AssertFormat()
	meta, err := c.Compile(metaSchema)
	if err != nil {
		return nil, err
	}
	return &checked{doc: doc, meta: meta, at: map[string]bool{}}, nil
}

// check holds the schema at a pointer to the meta-schema, and those that it leads to.
func (c *checked) check(pointer string) error {
	for next := []string{pointer}; len(next) > 0; {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		if c.at[at] {
			continue
		}
		path, err := document.ParsePath(at)
		if err != nil {
			return err
		}
		v, ok := path.Get(c.doc)
		if !ok {
			return errSlow
		}
		if err := c.meta.Validate(v); err != nil {
			return err
		}
		if next, err = targets(v, next); err != nil {
			return err
		}
		c.at[at] = true
	}
	return nil
}

// named reports whether a document gives schemas names of their own: what these lead to
// depends on more than the place.
func named(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, named)
	case map[string]any:
		for name, e := range v {
			switch name {
			case "$id", "$schema", "$anchor", "$dynamicAnchor":
				if _, ok := e.(string); ok {
					return true
				}
			case "$recursiveAnchor":
				return true
			}
			if named(e) {
				return true
			}
		}
	}
	return false
}

// targets appends the pointers that references below v lead to.
func targets(v any, out []string) ([]string, error) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			var err error
			if out, err = targets(e, out); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name, e := range v {
			text, isText := e.(string)
			switch {
			case isText && (name == "$ref" || name == "$dynamicRef" || name == "$recursiveRef"):
				pointer, err := url.PathUnescape(strings.TrimPrefix(text, "#"))
				if err != nil || !strings.HasPrefix(text, "#/") {
					return nil, errSlow
				}
				out = append(out, pointer)
			case name == "enum" || name == "const" || name == "default" || name == "example" || name == "examples":
			default:
				var err error
				if out, err = targets(e, out); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}
