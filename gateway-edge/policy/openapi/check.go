package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a document.
const (
	// MaxBytes bounds its text.
	MaxBytes = 1 << 20
	// MaxNodes bounds its values: strings, numbers, arrays, objects.
	MaxNodes = 50_000
	// MaxOperations bounds its operations.
	MaxOperations = 1000
	// maxFindings bounds how many problems are named.
	maxFindings = 200
	// maxRefs bounds how many references may lead from one to the next.
	maxRefs = 16
)

// Bounds say how large a document may be.
type Bounds struct {
	Bytes int // of its text
	Nodes int // values: strings, numbers, arrays, objects
}

// Parse reads a document in JSON and holds it to the bounds of one that a gateway has.
func Parse(text []byte) (map[string]any, error) {
	return ParseWithin(text, Bounds{Bytes: MaxBytes, Nodes: MaxNodes})
}

// ParseWithin is Parse with other bounds.
func ParseWithin(text []byte, most Bounds) (map[string]any, error) {
	if len(text) > most.Bytes {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(text), most.Bytes)
	}
	v, err := document.ParseJSONWithin(text, max(most.Nodes, document.MaxValues))
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is no object")
	}
	if n := nodes(root); n > most.Nodes {
		return nil, fmt.Errorf("has %d values, at most %d are allowed", n, most.Nodes)
	}
	return root, nil
}

func nodes(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += nodes(e)
		}
	case map[string]any:
		for _, e := range v {
			n += nodes(e)
		}
	}
	return n
}

// Version is 30 or 31 for a document of version 3.0 or 3.1, else 0.
func Version(root map[string]any) int {
	v, _ := root["openapi"].(string)
	switch {
	case strings.HasPrefix(v, "3.0."):
		return 30
	case strings.HasPrefix(v, "3.1."):
		return 31
	}
	return 0
}

// Check returns every problem of a document, with pointers into it, maxFindings at
// most. It changes the document: schemas of version 3.0 become JSON Schemas.
func Check(root map[string]any) contract.FieldErrors { return check(root, false) }

// CheckLarge is Check for a document that is too large to be kept, so that nothing is
// validated by it: that it says what OpenAPI does, but not that JSON Schema takes its
// schemas.
func CheckLarge(root map[string]any) contract.FieldErrors { return check(root, true) }

func check(root map[string]any, large bool) contract.FieldErrors {
	c := &checker{root: root, version: Version(root), ids: map[string]string{}, large: large}
	if c.version == 0 {
		return contract.FieldErrors{{Pointer: "/openapi", Detail: `is "3.0.x" or "3.1.x"`}}
	}
	c.object("document", root, "", false)
	if _, there := root["paths"]; !there && c.version == 30 {
		c.fail("/paths", "is missing")
	}
	c.securityNames()
	if len(c.errs) == 0 && !c.large {
		c.compileSchemas()
	}
	slices.SortStableFunc(c.errs, func(a, b contract.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return slices.Compact(c.errs)
}

type checker struct {
	root       map[string]any
	version    int
	errs       contract.FieldErrors
	ids        map[string]string // places of operations by operationId
	operations int
	schemas    []string // places of those that stand alone
	large      bool
}

func (c *checker) fail(at, detail string) {
	if len(c.errs) < maxFindings {
		c.errs.Add(at, detail)
	}
}

func (c *checker) failf(at, format string, args ...any) { c.fail(at, fmt.Sprintf(format, args...)) }

// value holds one value to what objects says of it. Depth is the parser's to bound.
func (c *checker) value(spec string, v any, at string) {
	spec = strings.TrimSuffix(spec, "!")
	switch {
	case spec == "a":
	case spec == "s":
		if _, ok := v.(string); !ok {
			c.fail(at, "is a string")
		}
	case spec == "b":
		if _, ok := v.(bool); !ok {
			c.fail(at, "is true or false")
		}
	case spec[0] == '[':
		list, ok := v.([]any)
		if !ok {
			c.fail(at, "is an array")
		}
		for i, e := range list {
			c.value(spec[1:], e, at+contract.Pointer(i))
		}
		if spec == "[&parameter" {
			c.parameterList(list, at)
		}
	case spec[0] == '{':
		m, ok := v.(map[string]any)
		if !ok {
			c.fail(at, "is an object")
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if spec == "{media" {
				c.mediaName(name, at+contract.Pointer(name))
			}
			c.value(spec[1:], m[name], at+contract.Pointer(name))
		}
	case spec[0] == '&':
		c.object(spec[1:], v, at, true)
	default:
		c.object(spec, v, at, false)
	}
}

// object holds v to a kind of object; a reference may stand in its place where the
// specification says so.
func (c *checker) object(kind string, v any, at string, mayRefer bool) {
	if kind == "schema" {
		c.schema(v, at)
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		c.fail(at, "is an object")
		return
	}
	if _, refers := m["$ref"]; refers && (mayRefer || kind == "path") {
		c.reference(kind, m, at)
		return
	}
	switch kind {
	case "security":
		for name, scopes := range m {
			c.value("[s", scopes, at+contract.Pointer(name))
		}
		return
	case "paths", "callback":
		c.paths(kind, m, at)
		return
	case "responses":
		c.responses(m, at)
		return
	}
	c.fields(kind, m, at)
	switch kind {
	case "operation":
		c.operation(m, at)
	case "parameter", "header":
		c.parameter(kind, m, at)
	case "scheme":
		c.scheme(m, at)
	}
}

// fields holds every field to the table.
func (c *checker) fields(kind string, m map[string]any, at string) {
	known := objects[kind]
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(name, "x-") {
			continue
		}
		spec, ok := known[name]
		switch {
		case !ok:
			c.fail(at+contract.Pointer(name), unknown(name, known))
		case c.version == 30 && onlyIn31[kind+" "+name]:
			c.fail(at+contract.Pointer(name), "is a field of version 3.1: the document says 3.0")
		default:
			c.value(spec, m[name], at+contract.Pointer(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, there := m[name]; !there && strings.HasSuffix(known[name], "!") {
			c.fail(at+contract.Pointer(name), "is missing")
		}
	}
}

func unknown(name string, known map[string]string) string {
	if near, ok := contract.Closest(name, slices.Sorted(maps.Keys(known))); ok {
		return fmt.Sprintf("is not known here: did you mean %q?", near)
	}
	return `is not known here: a field of your own begins with "x-"`
}

// homes are the components that references to a kind lead to.
var homes = map[string]string{
	"response": "responses", "parameter": "parameters", "example": "examples", "body": "requestBodies", "header": "headers",
	"scheme": "securitySchemes", "link": "links", "callback": "callbacks", "path": "pathItems", "schema": "schemas",
}

// reference checks that a reference leads to something inside the document.
func (c *checker) reference(kind string, m map[string]any, at string) {
	for range maxRefs {
		ref, ok := m["$ref"].(string)
		if !ok {
			c.fail(at+"/$ref", "is a string")
			return
		}
		place, ok := strings.CutPrefix(ref, "#")
		path, err := document.ParsePath(place)
		if !ok || err != nil {
			c.failf(at+"/$ref", "leads out of the document: only references that begin with \"#/\" are followed, such as \"#/components/%s/…\"", homes[kind])
			return
		}
		v, ok := path.Get(c.root)
		if !ok {
			c.failf(at+"/$ref", "leads to nothing: the document has no %.200q", ref)
			return
		}
		next, ok := v.(map[string]any)
		if !ok {
			c.failf(at+"/$ref", "leads to something that is no %s", kind)
			return
		}
		if len(path) == 3 && path[0] == "components" && path[1] != homes[kind] {
			c.failf(at+"/$ref", "leads to one of components/%s, must lead to one of components/%s", path[1], homes[kind])
			return
		}
		if _, more := next["$ref"]; !more {
			return
		}
		m = next
	}
	c.fail(at+"/$ref", "refers to itself")
}

// deref follows references that were found good; nil: they were not.
func (c *checker) deref(v any) map[string]any { return Deref(c.root, v) }

// Deref follows references inside a document; nil: there is nothing at their end.
func Deref(root map[string]any, v any) map[string]any {
	for range maxRefs {
		m, _ := v.(map[string]any)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		place, ok := strings.CutPrefix(ref, "#")
		path, err := document.ParsePath(place)
		if !ok || err != nil {
			return nil
		}
		if v, ok = path.Get(root); !ok {
			return nil
		}
	}
	return nil
}

// compileSchemas holds every schema to the meta-schema, its references and its
// patterns included.
func (c *checker) compileSchemas() {
	Translate(c.root, c.version, false)
	set, err := jsonschema.NewSet(c.root, jsonschema.Options{Formats: true, Places: SchemaPlaces})
	if err != nil {
		c.fail("", err.Error())
		return
	}
	for _, at := range c.schemas {
		if _, err := set.Compile(at); err != nil {
			c.fail(at, err.Error())
		}
	}
}
