package oas

import (
	"slices"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// fromSwagger turns a document of version 2 into one of version 3.0, and notes where
// what was moved stands in the text.
func (d *document) fromSwagger() {
	old := d.root
	s := &swagger{document: d, old: old, consumes: strs(old["consumes"]), produces: strs(old["produces"])}
	out := map[string]any{"openapi": "3.0.3"}
	for name, v := range old {
		switch name {
		case "swagger", "host", "basePath", "schemes", "consumes", "produces", "paths", "definitions", "parameters", "responses", "securityDefinitions":
		default:
			out[name] = v // the check refuses what version 3 does not know
		}
	}
	if servers := s.servers(); servers != nil {
		out["servers"] = servers
		d.moved["/servers"] = "/host"
	}
	out["components"] = s.components()
	paths := map[string]any{}
	for path, v := range object(old["paths"]) {
		paths[path] = s.item(v, contract.Pointer("paths", path))
	}
	if old["paths"] != nil {
		out["paths"] = orAsItIs(old["paths"], paths)
	}
	d.root = out
}

type swagger struct {
	*document
	old                map[string]any
	consumes, produces []string
}

func (s *swagger) servers() []any {
	host, base := str(s.old["host"]), str(s.old["basePath"])
	switch {
	case host == "" && (base == "" || base == "/"):
		return nil
	case host == "":
		return []any{map[string]any{"url": base}}
	}
	schemes := strs(s.old["schemes"])
	if len(schemes) == 0 {
		schemes = []string{"https"}
	}
	slices.SortStableFunc(schemes, func(a, b string) int { return strings.Compare(b, a) }) // https first
	var out []any
	for _, scheme := range schemes {
		if scheme == "http" || scheme == "https" {
			out = append(out, map[string]any{"url": scheme + "://" + host + strings.TrimSuffix(base, "/")})
		}
	}
	return out
}

func (s *swagger) components() map[string]any {
	out := map[string]any{}
	put := func(home, from string, all map[string]any) {
		was := s.old[from]
		switch {
		case was != nil && object(was) == nil:
			out[home] = was // the check says what is wrong
			s.moved["/components/"+home] = "/" + from
		case len(all) > 0:
			out[home] = all
			s.moved["/components/"+home] = "/" + from
		}
	}
	schemas := map[string]any{}
	for name, v := range object(s.old["definitions"]) {
		schemas[name] = s.schema(v)
	}
	put("schemas", "definitions", schemas)
	params := map[string]any{}
	for name, v := range object(s.old["parameters"]) {
		if p := object(v); str(p["in"]) != "body" && str(p["in"]) != "formData" {
			params[name] = s.parameter(p, contract.Pointer("parameters", name))
		}
	}
	put("parameters", "parameters", params)
	responses := map[string]any{}
	for name, v := range object(s.old["responses"]) {
		responses[name] = s.response(v, s.produces)
	}
	put("responses", "responses", responses)
	schemes := map[string]any{}
	for name, v := range object(s.old["securityDefinitions"]) {
		schemes[name] = s.scheme(v)
	}
	put("securitySchemes", "securityDefinitions", schemes)
	return out
}

func (s *swagger) item(v any, at string) any {
	item, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	var shared []any // of every operation: bodies have no place of their own
	for name, v := range item {
		switch {
		case name == "parameters" && list(v) != nil:
			shared = list(v)
		case slices.Contains(edge.Methods(), name) || name == anyMethod:
		default:
			out[name] = v
		}
	}
	params, bodies, _ := s.parameters(shared, at+"/parameters")
	if len(params) > 0 {
		out["parameters"] = params
	}
	for name, v := range item {
		if slices.Contains(edge.Methods(), name) || name == anyMethod {
			out[name] = s.operation(v, bodies, at+contract.Pointer(name))
		}
	}
	return out
}

// body is a parameter of version 2 that is (a part of) the body, and its place.
type body struct {
	param map[string]any
	at    string
}

// parameters splits a list into those that stay parameters and those that are of
// the body. fromRefs are the places of those that stood behind references.
func (s *swagger) parameters(all []any, at string) (params []any, bodies []body, kept []int) {
	for i, v := range all {
		p := edge.Deref(s.old, v)
		place := at + contract.Pointer(i)
		switch in := str(p["in"]); {
		case in == "body" || in == "formData":
			bodies = append(bodies, body{p, place})
		case object(v)["$ref"] != nil:
			params, kept = append(params, map[string]any{"$ref": newRef(str(object(v)["$ref"]))}), append(kept, i)
		case p == nil:
			params, kept = append(params, v), append(kept, i)
		default:
			params, kept = append(params, s.parameter(p, place)), append(kept, i)
		}
	}
	return params, bodies, kept
}

func (s *swagger) operation(v any, shared []body, at string) any {
	op, ok := v.(map[string]any)
	if !ok {
		return v
	}
	consumes, produces := s.consumes, s.produces
	if op["consumes"] != nil {
		consumes = strs(op["consumes"])
	}
	if op["produces"] != nil {
		produces = strs(op["produces"])
	}
	out := map[string]any{}
	for name, v := range op {
		switch name {
		case "consumes", "produces", "schemes":
		default:
			out[name] = v
		}
	}
	if list(op["parameters"]) != nil {
		delete(out, "parameters")
	}
	params, bodies, kept := s.parameters(list(op["parameters"]), at+"/parameters")
	if len(params) > 0 {
		out["parameters"] = params
		for i, n := range kept {
			s.moved[at+contract.Pointer("parameters", i)] = at + contract.Pointer("parameters", n)
		}
	}
	if len(bodies) == 0 {
		bodies = shared
	}
	if len(bodies) > 0 {
		out["requestBody"] = s.body(bodies, consumes)
		s.moved[at+"/requestBody"] = bodies[0].at
	}
	if op["responses"] != nil {
		responses := map[string]any{}
		for code, v := range object(op["responses"]) {
			responses[code] = s.response(v, produces)
		}
		out["responses"] = orAsItIs(op["responses"], responses)
	}
	return out
}

// orAsItIs is what was made of an object; what is none stays, and the check says so.
func orAsItIs(was any, made map[string]any) any {
	if object(was) == nil {
		return was
	}
	return made
}

// newRef is where a reference of version 2 leads to in version 3.
func newRef(ref string) string {
	for from, to := range map[string]string{
		"#/definitions/": "#/components/schemas/", "#/parameters/": "#/components/parameters/", "#/responses/": "#/components/responses/",
	} {
		if rest, ok := strings.CutPrefix(ref, from); ok {
			return to + rest
		}
	}
	return ref
}

// schemaFields are the fields of a parameter of version 2 that are its schema's.
var schemaFields = []string{
	"type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
	"maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
)

func (s *swagger) scheme(v any) any {
	m := object(v)
	out := map[string]any{}
	for name, v := range m {
		switch name {
		case "flow", "authorizationUrl", "tokenUrl", "scopes":
		default:
			out[name] = v
		}
	}
	switch str(m["type"]) {
	case "basic":
		out["type"], out["scheme"] = "http", "basic"
	case "oauth2":
		flow := map[string]any{"scopes": map[string]any{}}
		for _, name := range []string{"authorizationUrl", "tokenUrl", "scopes"} {
			if v, there := m[name]; there {
				flow[name] = v
			}
		}
		names := map[string]string{"application": "clientCredentials", "accessCode": "authorizationCode"}
		kind := str(m["flow"])
		if name, there := names[kind]; there {
			kind = name
		}
		out["flows"] = map[string]any{kind: flow}
	}
	return out
}
