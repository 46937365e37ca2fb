package apidoc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// object is a JSON object; encoding/json writes its names in order, so that the
// same routes give the same bytes.
type object = map[string]any

// Input is what a document is generated from.
type Input struct {
	Title       string
	Description string
	URL         string // where callers reach the gateway
	Policies    []contract.Policy
	Routes      []contract.Route
	// Only are the names of the routes that are shown; nil: all.
	Only []string
}

// anyMethod are the methods that are shown of a route that takes every one.
var anyMethod = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Generate writes an OpenAPI 3.0.3 document as JSON.
func Generate(in Input) ([]byte, error) {
	g := &generator{in: &in, paths: map[string]object{}, templates: map[string]string{}, ids: map[string]bool{}}
	routes := slices.Clone(in.Routes)
	slices.SortStableFunc(routes, func(a, b contract.Route) int { return strings.Compare(a.Name, b.Name) })
	for i := range routes {
		if in.Only == nil || slices.Contains(in.Only, routes[i].Name) || routes[i].Public {
			g.route(&routes[i])
		}
	}
	description := in.Description
	if len(g.left) > 0 {
		description = strings.TrimSpace(description + "\n\nRoutes whose paths are regular expressions are not shown: " + strings.Join(g.left, ", ") + ".")
	}
	doc := object{
		"openapi": "3.0.3",
		"info":    object{"title": in.Title, "description": description, "version": "1"},
		"servers": []object{{"url": in.URL}},
		"paths":   g.paths,
		"components": object{
			"securitySchemes": securitySchemes(), "schemas": object{"Problem": problemSchema()},
			"responses": errorResponses(), "headers": headers(),
		},
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return b, nil
}

type generator struct {
	in        *Input
	paths     map[string]object
	templates map[string]string // a path without its parameters' names → the path
	ids       map[string]bool
	left      []string // routes that can't be shown
}

// route adds a route's operations. Of two routes that differ only in what OpenAPI
// can't tell apart, the first one is shown.
func (g *generator) route(r *contract.Route) {
	path, params, ok := template(r.Match.Path)
	if !ok {
		g.left = append(g.left, r.Name)
		return
	}
	if known, taken := g.templates[shape(path)]; taken {
		path = known
	} else {
		g.templates[shape(path)] = path
	}
	item := g.paths[path]
	if item == nil {
		item = object{}
		if len(params) > 0 {
			item["parameters"] = params
		}
		g.paths[path] = item
	}
	methods := r.Match.Methods
	if len(methods) == 0 {
		methods = anyMethod
	}
	for _, m := range methods {
		name := strings.ToLower(m)
		if _, shown := item[name]; shown || !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, name) {
			continue
		}
		item[name] = g.operation(r, m)
	}
}

func (g *generator) operation(r *contract.Route, method string) object {
	auth := authentication(g.in.Policies, r)
	op := object{
		"operationId": g.id(r.Name, method),
		"summary":     strings.ToUpper(r.Name[:1]) + strings.NewReplacer("-", " ", "_", " ", ".", " ").Replace(r.Name[1:]),
		"tags":        []string{r.Name},
		"security":    auth.requirement(),
		"responses":   responses(r, auth),
	}
	if params := conditions(r); len(params) > 0 {
		op["parameters"] = params
	}
	if slices.Contains([]string{"POST", "PUT", "PATCH"}, method) {
		op["requestBody"] = object{"description": "What the backend takes", "content": object{"*/*": object{"schema": object{}}}}
		if r.MaxBodyBytes > 0 {
			op["requestBody"].(object)["description"] = fmt.Sprintf("What the backend takes, at most %d bytes", r.MaxBodyBytes)
		}
	}
	return op
}

// id is unique in the document.
func (g *generator) id(route, method string) string {
	base := strings.ToLower(method) + "_" + strings.NewReplacer("-", "_", ".", "_").Replace(route)
	id := base
	for n := 2; g.ids[id]; n++ {
		id = fmt.Sprintf("%s_%d", base, n)
	}
	g.ids[id] = true
	return id
}

// template turns a route's path (gateway-edge/match.ParsePath) into one of
// OpenAPI; ok is false for a regular expression.
func template(path string) (out string, params []object, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return "", nil, false
	}
	steps := strings.Split(path[1:], "/")
	for i, step := range steps {
		name, description := "", ""
		switch {
		case step == "*":
			name, description = "path", "Everything below"
		case strings.HasPrefix(step, "{") && strings.HasSuffix(step, "+}"):
			name, description = step[1:len(step)-2], "One or more segments"
		case strings.HasPrefix(step, "{") && strings.HasSuffix(step, "}"):
			name = step[1 : len(step)-1]
		default:
			continue
		}
		steps[i] = "{" + name + "}"
		p := object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}}
		if description != "" {
			p["description"] = description
		}
		params = append(params, p)
	}
	return "/" + strings.Join(steps, "/"), params, true
}

// shape is a path without its parameters' names: OpenAPI takes two that differ
// only in them for one.
func shape(path string) string {
	var b strings.Builder
	inside := false
	for _, c := range path {
		switch {
		case c == '{':
			inside = true
			b.WriteString("{}")
		case c == '}':
			inside = false
		case !inside:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// conditions are the header fields and query parameters that a route asks for.
func conditions(r *contract.Route) (out []object) {
	add := func(in string, m *contract.FieldMatch) {
		if m.Present != nil && !*m.Present {
			return
		}
		schema := object{"type": "string"}
		if m.Exact != "" {
			schema["enum"] = []string{m.Exact}
		}
		p := object{"name": m.Name, "in": in, "required": true, "schema": schema}
		if m.Prefix != "" {
			p["description"] = "Begins with " + m.Prefix
		}
		// OpenAPI ignores these three as parameters (3.0.3, "Fixed Fields").
		if in == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(m.Name)) {
			return
		}
		out = append(out, p)
	}
	seen := map[string]bool{}
	for i := range r.Match.Headers {
		if k := "h " + strings.ToLower(r.Match.Headers[i].Name); !seen[k] {
			seen[k] = true
			add("header", &r.Match.Headers[i])
		}
	}
	for i := range r.Match.Query {
		if k := "q " + r.Match.Query[i].Name; !seen[k] {
			seen[k] = true
			add("query", &r.Match.Query[i])
		}
	}
	return out
}

// credentials are what a route asks of its callers.
type credentials struct{ key, token bool }

// authentication follows the edge's rule: a route's policies stand beside or in
// place of the gateway's; a public route has none.
func authentication(gateway []contract.Policy, r *contract.Route) (c credentials) {
	if r.Public {
		return c
	}
	for _, p := range slices.Concat(gateway, r.Policies) {
		c.key = c.key || p.Type == "api_key"
		c.token = c.token || p.Type == "jwt"
	}
	return c
}

func (c credentials) requirement() []object {
	switch {
	case c.key && c.token:
		return []object{{"api_key": []string{}, "token": []string{}}}
	case c.key:
		return []object{{"api_key": []string{}}}
	case c.token:
		return []object{{"token": []string{}}}
	}
	return []object{}
}

// responses are the route's own answer and the errors that the edge can make.
func responses(r *contract.Route, auth credentials) object {
	out := object{"default": object{"description": "What the backend answers"}}
	for _, p := range r.Policies {
		var c struct {
			Status int `json:"status"`
		}
		if p.Type != "mock" && p.Type != "redirect" {
			continue
		}
		if json.Unmarshal(p.Config, &c) != nil || c.Status == 0 {
			c.Status = map[string]int{"mock": 200, "redirect": 308}[p.Type]
		}
		out = object{fmt.Sprint(c.Status): object{"description": "The gateway's own answer"}}
	}
	names := []string{"BadRequest", "TooMany", "BodyTooLarge", "BadGateway", "Unavailable", "GatewayTimeout"}
	if auth.key || auth.token {
		names = append(names, "Unauthorized", "Forbidden")
	}
	for _, name := range names {
		status := fmt.Sprint(errorGroups[name].status)
		if _, taken := out[status]; !taken {
			out[status] = object{"$ref": "#/components/responses/" + name}
		}
	}
	return out
}
