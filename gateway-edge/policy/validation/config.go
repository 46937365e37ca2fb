package validation

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// Common is what both policies are configured with.
type Common struct {
	// Draft of inline schemas that do not say theirs.
	Draft string `json:"draft"`
	// Schemas that others may refer to, by URL.
	Schemas map[string]json.RawMessage `json:"schemas"`
	// Formats: "format" is checked.
	Formats bool `json:"formats"`
	// Mode is "refuse" or "report".
	Mode string `json:"mode"`
	// MaxBytes bounds the body that is looked at.
	MaxBytes int64 `json:"max_bytes"`
	// OpenAPI says that operations of an OpenAPI document are meant.
	OpenAPI *OpenAPI `json:"openapi"`

	others map[string]any
}

// Body says what a body must be.
type Body struct {
	Required bool `json:"required"`
	// Schema of the body, or ContentTypes with a schema each.
	Schema       json.RawMessage            `json:"schema"`
	ContentTypes map[string]json.RawMessage `json:"content_types"`
}

// Parameter is one value of path, query, header or cookie.
type Parameter struct {
	In       string `json:"in"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	// Style: how several values are written: "comma" or "repeat".
	Style  string          `json:"style"`
	Schema json.RawMessage `json:"schema"`
}

// Bounds of configurations.
const (
	DefaultMaxBytes = 1 << 20
	maxMaxBytes     = 8 << 20
	maxParameters   = 100
	maxTypes        = 20
	maxSchemas      = 50
)

// Check adds what is wrong with the common part to errs and fills in defaults.
func (c *Common) Check(errs *contract.FieldErrors) {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxBytes < 1 || c.MaxBytes > maxMaxBytes {
		errs.Add("/max_bytes", fmt.Sprintf("is between 1 and %d", maxMaxBytes))
	}
	if c.Mode != "" && c.Mode != "refuse" && c.Mode != "report" {
		errs.Add("/mode", `is "refuse" or "report"`)
	}
	if c.Draft != "" && c.Draft != jsonschema.Draft2020 && c.Draft != jsonschema.Draft07 {
		errs.Add("/draft", fmt.Sprintf("is %q or %q", jsonschema.Draft2020, jsonschema.Draft07))
		c.Draft = ""
	}
	c.readOthers(errs)
}

// readOthers reads the schemas that stand beside.
func (c *Common) readOthers(errs *contract.FieldErrors) {
	if len(c.Schemas) > maxSchemas {
		errs.Add("/schemas", fmt.Sprintf("has %d entries, at most %d are allowed", len(c.Schemas), maxSchemas))
		return
	}
	c.others = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(c.Schemas)) {
		at := contract.Pointer("schemas", name)
		u, err := url.Parse(name)
		if err != nil || !u.IsAbs() || u.Fragment != "" || len(name) > 512 {
			errs.Add(at, "is an absolute URL without a fragment")
			continue
		}
		if doc, ok := readSchema(c.Schemas[name], at, errs); ok {
			c.others[name] = doc
		}
	}
}

func (c *Common) options() jsonschema.Options {
	return jsonschema.Options{Draft: c.Draft, Formats: c.Formats, Others: c.others}
}

// Compile checks a body's description. Bad fields are added to errs at the given
// pointer.
func (b *Body) Compile(c *Common, at string, errs *contract.FieldErrors) *Content {
	out := &Content{required: b.Required}
	if len(b.Schema) > 0 && len(b.ContentTypes) > 0 {
		errs.Add(at+"/schema", "schema and content_types can't both be given")
		return out
	}
	if len(b.ContentTypes) > maxTypes {
		errs.Add(at+"/content_types", fmt.Sprintf("has %d entries, at most %d are allowed", len(b.ContentTypes), maxTypes))
		return out
	}
	if len(b.Schema) > 0 {
		out.types = []mediaType{{name: "application/json", kind: document.JSON, schema: inline(b.Schema, c, at+"/schema", errs)}}
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(b.ContentTypes)) {
		raw := b.ContentTypes[name]
		p := at + contract.Pointer("content_types", name)
		mt := mediaType{name: strings.ToLower(name), kind: document.KindOf(policy.Static(name))}
		if !openapi.ValidMedia(mt.name) {
			errs.Add(p, `is a media type such as "application/json", "image/*" or "*/*"`)
			continue
		}
		if s := strings.TrimSpace(string(raw)); s != "{}" && s != "true" {
			if mt.kind != document.JSON && mt.kind != document.Form {
				errs.Add(p, "only JSON and forms can be held to a schema; write {} for a type of which anything is taken")
				continue
			}
			mt.schema = inline(raw, c, p, errs)
		}
		out.types = append(out.types, mt)
	}
	out.sort()
	return out
}

// inline compiles a schema of the configuration.
func inline(raw json.RawMessage, c *Common, at string, errs *contract.FieldErrors) *jsonschema.Schema {
	doc, ok := readSchema(raw, at, errs)
	if !ok {
		return nil
	}
	s, err := jsonschema.Compile(doc, c.options())
	if err != nil {
		errs.Add(at, err.Error())
	}
	return s
}

func readSchema(raw json.RawMessage, at string, errs *contract.FieldErrors) (any, bool) {
	if len(raw) > jsonschema.MaxBytes {
		errs.Add(at, fmt.Sprintf("the schema is %d bytes, at most %d are allowed", len(raw), jsonschema.MaxBytes))
		return nil, false
	}
	doc, err := document.ParseJSON(raw)
	if err != nil {
		errs.Add(at, err.Error())
		return nil, false
	}
	switch doc.(type) {
	case map[string]any, bool:
		return doc, true
	}
	errs.Add(at, "is a JSON Schema: an object, true or false")
	return nil, false
}

// CompileParameters checks parameters. Bad fields are added to errs below
// /parameters. Params are the route's path parameters, nil where none is meant.
func CompileParameters(list []Parameter, c *Common, params []string, errs *contract.FieldErrors) (out []*Value) {
	if len(list) > maxParameters {
		errs.Add("/parameters", fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxParameters))
		return nil
	}
	seen := map[string]bool{}
	for i := range list {
		p, at := &list[i], contract.Pointer("parameters", i)
		v := &Value{in: p.In, name: p.Name, required: p.Required, explode: p.Style != "comma"}
		if p.Style != "" && p.Style != "comma" && p.Style != "repeat" {
			errs.Add(at+"/style", `is "comma" or "repeat"`)
		}
		if len(p.Schema) > 0 {
			v.schema = inline(p.Schema, c, at+"/schema", errs)
		}
		if v.compile(at, params, errs) && seen[v.key()] {
			errs.Add(at+"/name", "this parameter is described twice")
		}
		seen[v.key()] = true
		out = append(out, v)
	}
	return out
}

// compile checks where a parameter stands.
func (v *Value) compile(at string, params []string, errs *contract.FieldErrors) bool {
	if v.name == "" || len(v.name) > 256 {
		errs.Add(at+"/name", "has 1 to 256 bytes")
		return false
	}
	switch v.in {
	case "query", "cookie":
	case "path":
		if params != nil && !slices.Contains(params, v.name) {
			errs.Add(at+"/name", fmt.Sprintf("the route's path has no parameter %q of one segment", v.name))
			return false
		}
	case "header":
		n, err := policy.HeaderName(v.name)
		if err != nil {
			errs.Add(at+"/name", err.Error())
			return false
		}
		v.field = n
	default:
		errs.Add(at+"/in", `is "path", "query", "header" or "cookie"`)
		return false
	}
	v.complete()
	return true
}
