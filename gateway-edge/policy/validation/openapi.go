package validation

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// OpenAPI says which document and which operation of it are meant.
type OpenAPI struct {
	// Document is one of version 3.0 or 3.1 in JSON; none: the gateway's own.
	Document json.RawMessage `json:"document"`
	// Operation is an operationId, or "POST /orders"; empty: it is found by Find.
	Operation string `json:"operation"`
	// Find is "path" (method and path of the request; the default) or "route" (the
	// operationId is the route's name; a route that has none is not checked).
	Find string `json:"find"`
	// BasePath stands before the document's paths; empty: that of its first server.
	BasePath string `json:"base_path"`
	// Unknown says what becomes of requests that the document does not describe:
	// "pass" or "refuse".
	Unknown string `json:"unknown"`
}

// Operation is what a document says of one operation. It is immutable.
type Operation struct {
	Parameters []*Value
	Body       *Content            // nil: the document says nothing
	Responses  map[string]*Content // by status, class ("2XX") and "default"
}

// Operations are the operations of a document. They are immutable.
type Operations struct {
	only    *Operation // the one that the configuration names
	byRoute bool
	base    string // without a slash at its end
	all     *operations
}

// operations are what is made of a document, for all that use it.
type operations struct {
	byName map[string]*Operation // operationId, and "POST /orders"
	paths  openapi.Paths[*methods]
	base   string // of the first server
}

// methods are the operations of a path by method.
type methods struct {
	of    map[string]*Operation
	allow string
}

// Miss says why no operation was found.
type Miss uint8

// Misses.
const (
	Found Miss = iota
	NoPath
	NoMethod
	NotMeant // the route has none, which is no fault of the request
)

// Hit is the operation of a request, and the values of its path.
type Hit struct {
	Operation *Operation
	Miss      Miss
	Allow     string // with NoMethod: the methods that the path has
	names     []string
	vars      openapi.Vars
}

// param finds a value of the path: by the document's template, else by the route's.
func (h *Hit) param(x *policy.Exchange, name string) (policy.Text, bool) {
	if h != nil && h.names != nil {
		if i := slices.Index(h.names, name); i >= 0 {
			return h.vars[i], true
		}
	}
	return x.Param(name)
}

// Find finds the operation of a request as it is now: a rewrite in front of the
// policy counts.
func (o *Operations) Find(x *policy.Exchange, hit *Hit) {
	*hit = Hit{Operation: o.only}
	if o.only != nil {
		return
	}
	if o.byRoute {
		hit.Miss = NotMeant
		if r := x.Route(); r != nil {
			if op := o.all.byName[r.Name]; op != nil {
				hit.Operation, hit.Miss = op, Found
			}
		}
		return
	}
	hit.Miss = NoPath
	path := x.Request().Path
	if !path.HasPrefix(o.base) {
		return
	}
	f := o.all.paths.Find(path.Slice(len(o.base), path.Len()), &hit.vars)
	if f == nil {
		return
	}
	hit.names = f.Names
	op, ok := policy.Find(f.Value.of, x.Request().Method)
	if !ok && x.Request().Method.Is("HEAD") {
		op, ok = f.Value.of["GET"]
	}
	if !ok {
		hit.Miss, hit.Allow = NoMethod, f.Value.allow
		return
	}
	hit.Operation, hit.Miss = op, Found
}

// compiled is what is made of a document once.
type compiled struct {
	all  *operations
	errs contract.FieldErrors
}

// CompileOpenAPI reads the document. Bad fields are added to errs below /openapi.
// Answers says that the responses are wanted, not the requests; own is the
// gateway's document, nil where it has none.
func (c *Common) CompileOpenAPI(answers bool, own *policy.Document, errs *contract.FieldErrors) *Operations {
	o := c.OpenAPI
	oneOf(errs, "/openapi/find", o.Find, "path", "route")
	oneOf(errs, "/openapi/unknown", o.Unknown, "pass", "refuse")
	var got compiled
	before := len(*errs)
	switch {
	case len(o.Document) > 0:
		r := &reader{answers: answers, formats: c.Formats, at: "/openapi/document", errs: errs, only: o.Operation}
		got.all = r.read(o.Document)
	case own == nil:
		errs.Add("/openapi", "the gateway has no OpenAPI document: upload it first, or give one here as document")
	default:
		got = own.Once(fmt.Sprintf("validation %t %t", answers, c.Formats), func(text []byte) any {
			var out compiled
			r := &reader{answers: answers, formats: c.Formats, errs: &out.errs}
			out.all = r.read(text)
			return out
		}).(compiled)
		for _, e := range got.errs {
			errs.Add("/openapi", "the gateway's document at "+e.Pointer+": "+e.Detail)
		}
	}
	if got.all == nil || len(*errs) > before {
		return nil
	}
	out := &Operations{all: got.all, byRoute: o.Find == "route", base: got.all.base}
	if o.Operation != "" {
		if out.only = got.all.byName[o.Operation]; out.only == nil {
			errs.Add("/openapi/operation", fmt.Sprintf("the document has no operation %.100q; it has %s", o.Operation, got.all.names()))
		}
	}
	if o.BasePath != "" {
		base, err := match.PathString(o.BasePath)
		if err != nil || strings.ContainsAny(o.BasePath, "{}") {
			errs.Add("/openapi/base_path", `is a path such as "/v1"`)
		}
		out.base = strings.TrimSuffix(base, "/")
	}
	return out
}

func oneOf(errs *contract.FieldErrors, at, v, a, b string) {
	if v != "" && v != a && v != b {
		errs.Add(at, fmt.Sprintf("is %q or %q", a, b))
	}
}

func (o *operations) names() string {
	names := slices.Sorted(maps.Keys(o.byName))
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return strings.Join(names, ", ")
}

// reader walks through a document. An error stands at the place in it.
type reader struct {
	root    map[string]any
	set     *jsonschema.Set
	out     *operations
	answers bool
	formats bool
	only    string // nothing but this operation is compiled
	at      string
	errs    *contract.FieldErrors
	count   int
}

func (r *reader) read(text []byte) *operations {
	root, err := openapi.Parse(text)
	if err != nil {
		r.errs.Add(r.at, err.Error())
		return nil
	}
	version := openapi.Version(root)
	if version == 0 {
		r.errs.Add(r.at+"/openapi", `is "3.0.x" or "3.1.x"`)
		return nil
	}
	openapi.Translate(root, version, r.answers)
	r.root, r.out = root, &operations{byName: map[string]*Operation{}, base: basePath(root)}
	if r.set, err = jsonschema.NewSet(root, jsonschema.Options{Formats: r.formats, Places: openapi.SchemaPlaces}); err != nil {
		r.errs.Add(r.at, err.Error())
		return nil
	}
	r.paths()
	return r.out
}

// basePath is the path of the first server's address, without a slash at its end.
// Variables have their defaults.
func basePath(root map[string]any) string {
	servers, _ := root["servers"].([]any)
	if len(servers) == 0 {
		return ""
	}
	s, _ := servers[0].(map[string]any)
	text, _ := s["url"].(string)
	variables, _ := s["variables"].(map[string]any)
	for name, v := range variables {
		m, _ := v.(map[string]any)
		value, _ := m["default"].(string)
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	path, err := match.PathString(u.EscapedPath())
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, "/")
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
		if strings.HasPrefix(path, "x-") {
			continue
		}
		at := contract.Pointer("paths", path)
		t, err := openapi.ParseTemplate(path)
		if err != nil {
			r.fail(at, err.Error())
			continue
		}
		item, at := r.deref(paths[path], at)
		found := r.out.paths.At(t)
		found.Value = &methods{of: map[string]*Operation{}}
		r.operations(item, at, path, found.Value)
		found.Value.allow = strings.Join(slices.Sorted(maps.Keys(found.Value.of)), ", ")
	}
}

// operations reads those of one path.
func (r *reader) operations(item map[string]any, at, path string, to *methods) {
	shared, _ := item["parameters"].([]any)
	for _, m := range openapi.Methods() {
		op, ok := item[m].(map[string]any)
		if !ok {
			continue
		}
		id, _ := op["operationId"].(string)
		line := strings.ToUpper(m) + " " + path
		if r.only != "" && r.only != id && r.only != line {
			continue
		}
		if r.count++; r.count > openapi.MaxOperations {
			r.fail("/paths", fmt.Sprintf("has more than %d operations", openapi.MaxOperations))
			return
		}
		o := r.operation(op, at+"/"+m, shared, at)
		if id != "" {
			r.out.byName[id] = o
		}
		r.out.byName[line], to.of[strings.ToUpper(m)] = o, o
	}
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
	v.empty, _ = m["allowEmptyValue"].(bool)
	v.style, _ = m["style"].(string)
	if v.in == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(v.name)) {
		return // OpenAPI 3.1 4.8.12.1: such parameters are ignored
	}
	explode, said := m["explode"].(bool)
	v.explode = explode || !said && (v.style == "" && (v.in == "query" || v.in == "cookie") || v.style == "form")
	switch content, _ := m["content"].(map[string]any); {
	case m["schema"] != nil:
		v.schema = r.schema(at + "/schema")
	case len(content) == 1:
		r.typed(v, content, at)
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

// typed is a parameter whose text is of a media type of its own: JSON is read, of
// others nothing but their being there is checked.
func (r *reader) typed(v *Value, content map[string]any, at string) {
	for name, media := range content {
		m, _ := media.(map[string]any)
		if v.json = document.KindOf(policy.Static(name)) == document.JSON; v.json && m["schema"] != nil {
			v.schema = r.schema(at + contract.Pointer("content", name, "schema"))
		}
	}
}

func (r *reader) schema(at string) *jsonschema.Schema {
	s, err := r.set.Compile(at)
	if err != nil {
		r.fail(at, err.Error())
	}
	return s
}
