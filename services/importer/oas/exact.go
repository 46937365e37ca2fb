package oas

import (
	"encoding/json"
	"slices"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
)

// Extensions that exports have and imports take.
const (
	extGateway  = "x-tollgate-gateway"  // of the document: all that no operation has
	extRoute    = "x-tollgate-route"    // of an operation: its whole route
	extSecurity = "x-tollgate-security" // of an operation: what the gateway's document says, and its route does not ask for
)

// What an export was made of.
const (
	documentKept      = "kept"      // the gateway's own document
	documentGenerated = "generated" // its routes; the gateway has none
)

// exported is what stands in x-tollgate-gateway.
type exported struct {
	Document   string               `json:"document"`
	Settings   json.RawMessage      `json:"settings,omitempty"`
	Policies   []contract.Policy    `json:"policies"`
	Upstreams  []contract.Upstream  `json:"upstreams,omitempty"`
	Routes     []contract.Route     `json:"routes,omitempty"`
	UsagePlans []contract.UsagePlan `json:"usage_plans,omitempty"`
	Streams    []contract.Stream    `json:"streams,omitempty"`
}

// own takes Tollgate's extensions out of the document.
func (w *walker) own() {
	w.routes = map[string]contract.Route{}
	if v, there := w.root[extGateway]; there {
		e, err := recode[exported](v)
		at := contract.Pointer(extGateway)
		switch {
		case err != nil:
			w.refused(at, extGateway, "it can't be read: "+err.Error(), "")
		case e.Document != documentKept && e.Document != documentGenerated:
			w.refused(at+"/document", extGateway, `document is "kept" or "generated"`, "")
		default:
			w.takeGateway(&e, at)
		}
		delete(w.root, extGateway)
	}
	w.eachOperation(func(_, _, at string, _, op map[string]any) {
		v, there := op[extRoute]
		if !there {
			return
		}
		delete(op, extRoute)
		r, err := recode[contract.Route](v)
		if err != nil {
			w.refused(at+contract.Pointer(extRoute), extRoute, "it can't be read: "+err.Error(), "")
			return
		}
		w.routes[at] = r
		w.guarded(at, op, &r)
		if said, there := op[extSecurity]; there {
			op["security"] = said
			delete(op, extSecurity)
			if said == nil {
				delete(op, "security")
			}
		}
	})
}

// guarded refuses a route that asks for less than its operation's security.
func (w *walker) guarded(at string, op map[string]any, r *contract.Route) {
	v, said := w.root["security"]
	if own, there := op["security"]; there {
		v, said = own, true
	}
	asks := list(v)
	if !said || requirements(v) && (len(asks) == 0 || slices.ContainsFunc(asks, func(e any) bool { return len(object(e)) == 0 })) {
		return
	}
	if !r.Public && (asksWho(r.Policies) || w.parts.Policies != nil && asksWho(*w.parts.Policies)) {
		return
	}
	w.refused(at+contract.Pointer(extRoute), "route "+r.Name, "its operation asks for security, and the route for none: it would be less protected than the document says",
		"give the route a policy that authenticates, or say security: []")
}

func asksWho(policies []contract.Policy) bool {
	return slices.ContainsFunc(policies, func(p contract.Policy) bool {
		return slices.Contains(authenticates, p.Type) || p.Type == "ext_auth"
	})
}

func (w *walker) takeGateway(e *exported, at string) {
	w.exact = e
	p := &w.parts
	p.Settings, p.Policies, p.Upstreams, p.UsagePlans, p.Streams = e.Settings, &e.Policies, e.Upstreams, e.UsagePlans, e.Streams
	for i := range e.Upstreams {
		place := at + contract.Pointer("upstreams", i)
		p.UpstreamAt[e.Upstreams[i].Name] = importer.At{Pointer: w.origin(place), Line: w.line(place)}
		w.taken(place, "upstream "+e.Upstreams[i].Name)
	}
	for i := range e.Routes {
		place := at + contract.Pointer("routes", i)
		p.Routes = append(p.Routes, e.Routes[i])
		p.RouteAt[e.Routes[i].Name] = importer.At{Pointer: w.origin(place), Line: w.line(place)}
		w.names[e.Routes[i].Name] = true
		w.taken(place, "route "+e.Routes[i].Name)
	}
}

// exactRoute reports whether an operation brought its route along, or is of an export
// in which it has none.
func (w *walker) exactRoute(op *operation) bool {
	r, there := w.routes[op.at]
	if there {
		op.route = r
		if strings.HasPrefix(r.Match.Path, "/") {
			op.segments = segmentsOf(r.Match.Path)
		}
		return true
	}
	if w.exact != nil {
		op.skip = true
		w.approximated(op.at, op.title(), "the gateway that was exported had no route of its own for it", "it stays in the gateway's document")
		return true
	}
	return false
}

// Source is a gateway as it is exported. Its items have neither id nor num.
type Source struct {
	Title, Hostname string
	Settings        json.RawMessage
	Policies        []contract.Policy
	Upstreams       []contract.Upstream
	Routes          []contract.Route
	UsagePlans      []contract.UsagePlan
	Streams         []contract.Stream
	OpenAPI         json.RawMessage
}

// Export writes a gateway as an OpenAPI document: its own one, else one that is made
// of its routes, with all else in extensions. Import makes the same gateway of it.
func Export(s *Source) (json.RawMessage, error) {
	e := &exported{
		Document: documentKept, Settings: s.Settings, Policies: s.Policies, Upstreams: s.Upstreams, UsagePlans: s.UsagePlans, Streams: s.Streams,
	}
	if e.Policies == nil {
		e.Policies = []contract.Policy{}
	}
	x := &exporter{Source: s, left: slices.Clone(s.Routes), shapes: map[string]bool{}}
	if len(s.OpenAPI) > 0 {
		root, err := edge.Parse(s.OpenAPI)
		if err != nil {
			return nil, err
		}
		x.root = root
		x.annotate()
	} else {
		e.Document = documentGenerated
		x.generate()
	}
	e.Routes = x.left
	x.root[extGateway] = e
	return json.Marshal(x.root)
}

type exporter struct {
	*Source
	root map[string]any
	left []contract.Route // that no operation has

	shapes map[string]bool // of the paths that were written: two may not differ in names of parameters only
	count  int             // operations
}

// take takes the route of an operation out of those that are left.
func (x *exporter) take(method, path string) (r contract.Route, ok bool) {
	want, plain := routePath("", path)
	i := slices.IndexFunc(x.left, func(r contract.Route) bool {
		return len(r.Match.Methods) == 1 && r.Match.Methods[0] == method && strings.HasSuffix(r.Match.Path, strings.TrimPrefix(want, "~")) &&
			plain == !strings.HasPrefix(r.Match.Path, "~")
	})
	if i < 0 {
		return r, false
	}
	r = x.left[i]
	x.left = slices.Delete(x.left, i, i+1)
	return r, true
}

// annotate puts routes into the operations of the gateway's document.
func (x *exporter) annotate() {
	d := &document{root: x.root}
	d.eachOperation(func(path, method, _ string, _, op map[string]any) {
		if object(object(x.root["paths"])[path])["$ref"] != nil {
			return // several paths may share it
		}
		r, ok := x.take(strings.ToUpper(method), path)
		if !ok {
			return
		}
		op[extRoute] = r
		asks, there := op["security"]
		if !there {
			asks = x.root["security"]
		}
		if len(list(asks)) > 0 && (r.Public || !asksWho(r.Policies) && !asksWho(x.Policies)) {
			op[extSecurity], op["security"] = op["security"], []any{}
		}
	})
}

// generate makes a document of routes that have one method and a path that OpenAPI
// has a form for.
func (x *exporter) generate() {
	paths, schemes := map[string]any{}, map[string]any{}
	x.root = map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": x.Title, "version": "1"}, "paths": paths,
		"servers": []any{map[string]any{"url": "https://" + x.Hostname}},
	}
	var left []contract.Route
	for _, r := range x.left {
		if !x.describe(&r, paths, schemes) {
			left = append(left, r)
		}
	}
	x.left = left
	if len(schemes) > 0 {
		x.root["components"] = map[string]any{"securitySchemes": schemes}
	}
}

func (x *exporter) describe(r *contract.Route, paths, schemes map[string]any) bool {
	path := r.Match.Path
	if len(r.Match.Methods) != 1 || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "*+") {
		return false
	}
	method := strings.ToLower(r.Match.Methods[0])
	t, err := edge.ParseTemplate(path)
	item := object(paths[path])
	if err != nil || !slices.Contains(edge.Methods(), method) || item[method] != nil || item == nil && x.shapes[pathExpression(path)] || x.count >= edge.MaxOperations {
		return false
	}
	x.shapes[pathExpression(path)] = true
	x.count++
	op := map[string]any{
		"operationId": r.Name, "responses": map[string]any{"default": map[string]any{"description": ""}}, extRoute: r, "security": x.asks(r, schemes),
	}
	var params []any
	for _, name := range t.Names {
		params = append(params, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	if params != nil {
		op["parameters"] = params
	}
	if item == nil {
		item = map[string]any{}
		paths[path] = item
	}
	item[method] = op
	return true
}

// schemesOf are the security schemes of policies that authenticate.
var schemesOf = map[string]map[string]any{
	"api_key":       {"type": "apiKey", "in": "header", "name": "X-API-Key"},
	"jwt":           {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
	"introspection": {"type": "http", "scheme": "bearer"},
	"basic":         {"type": "http", "scheme": "basic"},
	"mtls":          {"type": "mutualTLS"},
	"oidc_login":    {"type": "apiKey", "in": "cookie", "name": "session"},
}

// asks is what a route asks callers for, in OpenAPI's words.
func (x *exporter) asks(r *contract.Route, schemes map[string]any) []any {
	out := []any{}
	if r.Public {
		return out
	}
	all := r.Policies
	if !asksWho(all) {
		all = x.Policies
	}
	for _, p := range all {
		if s := schemesOf[p.Type]; s != nil {
			schemes[p.Type] = s
			out = append(out, map[string]any{p.Type: []any{}})
		}
	}
	return out
}
