package validation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/services/contract"
)

// OpenAPI is a document of version 3.0 or 3.1 in JSON, and the operation that is
// meant: its operationId, or "POST /orders". Empty: the one whose operationId is
// the route's name; a route that has none is not checked.
type OpenAPI struct {
	Document  json.RawMessage `json:"document"`
	Operation string          `json:"operation"`
}

const (
	maxOpenAPI    = 1 << 20
	maxOperations = 1000
)

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Operation is what a document says of one operation. It is immutable.
type Operation struct {
	Parameters []*Value
	Body       *Content            // nil: the document says nothing
	Responses  map[string]*Content // by status, class ("2XX") and "default"
}

// Operations are the operations of a document by operationId and by method and
// path.
type Operations struct {
	only *Operation // the one that the configuration names
	all  map[string]*Operation
}

// For is the operation of a route; nil: none.
func (o *Operations) For(r *policy.Route) *Operation {
	if o.only != nil {
		return o.only
	}
	if r == nil {
		return nil
	}
	return o.all[r.Name]
}

// Compile reads the document. Bad fields are added to errs below /openapi. Answers
// says that the responses are wanted, not the requests.
func (c *Common) CompileOpenAPI(answers bool, errs *contract.FieldErrors) *Operations {
	const at = "/openapi/document"
	if len(c.OpenAPI.Document) > maxOpenAPI {
		errs.Add(at, fmt.Sprintf("is %d bytes, at most %d are allowed", len(c.OpenAPI.Document), maxOpenAPI))
		return nil
	}
	doc, err := document.ParseJSON(c.OpenAPI.Document)
	if err != nil {
		errs.Add(at, err.Error())
		return nil
	}
	r := &reader{answers: answers, out: &Operations{all: map[string]*Operation{}}, at: at, errs: errs, only: c.OpenAPI.Operation}
	root, _ := doc.(map[string]any)
	version, _ := root["openapi"].(string)
	switch {
	case strings.HasPrefix(version, "3.0."):
		translate(root, answers)
	case strings.HasPrefix(version, "3.1."):
		strip(root, answers)
	default:
		errs.Add(at+"/openapi", `is "3.0.x" or "3.1.x"`)
		return nil
	}
	r.root = root
	if r.set, err = jsonschema.NewSet(root, jsonschema.Options{Formats: c.Formats}); err != nil {
		errs.Add(at, err.Error())
		return nil
	}
	before := len(*errs)
	r.paths()
	if r.only != "" && r.out.only == nil && len(*errs) == before {
		errs.Add("/openapi/operation", fmt.Sprintf("the document has no operation %.100q; it has %s", r.only, r.names()))
	}
	return r.out
}

// reader walks through a document. An error stands at the place in it.
type reader struct {
	root    map[string]any
	set     *jsonschema.Set
	out     *Operations
	answers bool
	only    string
	at      string
	errs    *contract.FieldErrors
	count   int
}

func (r *reader) names() string {
	names := slices.Sorted(maps.Keys(r.out.all))
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return strings.Join(names, ", ")
}

func (r *reader) fail(pointer, detail string) {
	if len(*r.errs) < jsonschema.MaxErrors {
		r.errs.Add(r.at+pointer, detail)
	}
}

// deref follows references inside the document. It returns the object and the
// pointer to it.
func (r *reader) deref(v any, pointer string) (map[string]any, string) {
	for range 16 {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, pointer
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, pointer
		}
		at, ok := strings.CutPrefix(ref, "#")
		p, err := document.ParsePath(at)
		if !ok || err != nil {
			r.fail(pointer+"/$ref", "leads out of the document, or nowhere")
			return nil, pointer
		}
		if v, ok = p.Get(r.root); !ok {
			r.fail(pointer+"/$ref", "leads to nothing")
			return nil, pointer
		}
		pointer = at
	}
	r.fail(pointer, "refers to itself")
	return nil, pointer
}

func (r *reader) paths() {
	paths, _ := r.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, at := r.deref(paths[path], contract.Pointer("paths", path))
		shared, _ := item["parameters"].([]any)
		for _, m := range methods {
			op, ok := item[m].(map[string]any)
			if !ok {
				continue
			}
			id, _ := op["operationId"].(string)
			line := strings.ToUpper(m) + " " + path
			if r.only != "" && r.only != id && r.only != line {
				r.note(id, line, nil)
				continue
			}
			if r.count++; r.count > maxOperations {
				r.fail("/paths", fmt.Sprintf("has more than %d operations", maxOperations))
				return
			}
			o := r.operation(op, at+"/"+m, shared, at)
			r.note(id, line, o)
			if r.only != "" {
				r.out.only = o
			}
		}
	}
}

func (r *reader) note(id, line string, o *Operation) {
	if id != "" {
		r.out.all[id] = o
	}
	r.out.all[line] = o
}

func (r *reader) operation(op map[string]any, at string, shared []any, sharedAt string) *Operation {
	o := &Operation{}
	if r.answers {
		o.Responses = r.responses(op, at)
		return o
	}
	own, _ := op["parameters"].([]any)
	seen := map[string]bool{}
	for i, p := range own {
		r.parameter(p, at+contract.Pointer("parameters", i), seen, o)
	}
	for i, p := range shared {
		r.parameter(p, sharedAt+contract.Pointer("parameters", i), seen, o)
	}
	if b, there := op["requestBody"]; there {
		m, p := r.deref(b, at+"/requestBody")
		o.Body = r.content(m, p)
		if o.Body != nil {
			o.Body.required, _ = m["required"].(bool)
		}
	}
	return o
}

func (r *reader) parameter(p any, at string, seen map[string]bool, o *Operation) {
	m, at := r.deref(p, at)
	if m == nil {
		return
	}
	v := &Value{}
	v.in, _ = m["in"].(string)
	v.name, _ = m["name"].(string)
	v.required, _ = m["required"].(bool)
	if v.in == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(v.name)) {
		return // OpenAPI 3.1 4.8.12.1: such parameters are ignored
	}
	explode, said := m["explode"].(bool)
	v.commas = said && !explode
	if _, there := m["schema"]; there {
		v.schema = r.schema(at + "/schema")
	}
	var found contract.FieldErrors
	if v.compile("", nil, &found) && !seen[v.key()] {
		seen[v.key()] = true
		o.Parameters = append(o.Parameters, v)
	}
	for _, e := range found {
		r.fail(at+e.Pointer, e.Detail)
	}
}

func (r *reader) schema(at string) *jsonschema.Schema {
	s, err := r.set.Compile(at)
	if err != nil {
		r.fail(at, err.Error())
	}
	return s
}

// content reads "content"; nil: there is none.
func (r *reader) content(m map[string]any, at string) *Content {
	list, ok := m["content"].(map[string]any)
	if !ok {
		return nil
	}
	c := &Content{}
	for name, v := range list {
		media, _, _ := strings.Cut(name, ";")
		t := mediaType{name: strings.ToLower(strings.TrimSpace(media))}
		t.kind = document.KindOf(policy.Static(t.name))
		p := at + contract.Pointer("content", name)
		if !validMedia(t.name) {
			r.fail(p, "is no media type")
			continue
		}
		one, _ := v.(map[string]any)
		if _, there := one["schema"]; there && t.kind == document.JSON {
			t.schema = r.schema(p + "/schema")
		}
		c.types = append(c.types, t)
	}
	c.sort()
	return c
}

func (r *reader) responses(op map[string]any, at string) map[string]*Content {
	out := map[string]*Content{}
	list, _ := op["responses"].(map[string]any)
	for code, v := range list {
		key := strings.ToUpper(code)
		if key == "DEFAULT" {
			key = "default"
		}
		m, p := r.deref(v, at+contract.Pointer("responses", code))
		if m == nil {
			continue
		}
		c := r.content(m, p)
		if c == nil {
			c = &Content{}
		}
		out[key] = c
	}
	return out
}

// Response is what the document says of answers with a status; nil: nothing.
func (o *Operation) Response(status int) *Content {
	if status < 100 || status > 599 {
		return nil
	}
	b := [3]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)}
	if c, ok := o.Responses[string(b[:])]; ok {
		return c
	}
	b[1], b[2] = 'X', 'X'
	if c, ok := o.Responses[string(b[:])]; ok {
		return c
	}
	return o.Responses["default"]
}
