package oas

import (
	"maps"
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

func (s *swagger) plainSchema(p map[string]any) map[string]any {
	out := map[string]any{}
	for _, name := range schemaFields {
		if v, there := p[name]; there {
			out[name] = v
		}
	}
	if out["type"] == "file" {
		out["type"], out["format"] = "string", "binary"
	}
	if items := object(out["items"]); items != nil {
		out["items"] = s.plainSchema(items)
	}
	return out
}

func (s *swagger) parameter(p map[string]any, at string) map[string]any {
	out := map[string]any{"schema": s.plainSchema(p)}
	for name, v := range p {
		if !slices.Contains(schemaFields, name) && name != "collectionFormat" {
			out[name] = v
		}
	}
	if p["type"] != "array" {
		return out
	}
	in := str(p["in"])
	switch format := str(p["collectionFormat"]); {
	case format == "multi":
		out["explode"] = true
	case in != "query":
		out["explode"] = false
	case format == "ssv":
		out["style"], out["explode"] = "spaceDelimited", false
	case format == "pipes":
		out["style"], out["explode"] = "pipeDelimited", false
	case format == "tsv":
		out["schema"] = map[string]any{"type": "string"}
		s.approximated(at+"/collectionFormat", "the parameter "+str(p["name"]), "version 3 has no lists between tabs", "it is held to be a text")
	default:
		out["style"], out["explode"] = "form", false
	}
	return out
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
)

func (s *swagger) body(bodies []body, consumes []string) map[string]any {
	first := bodies[0].param
	if str(first["in"]) == "body" {
		if len(consumes) == 0 {
			consumes = []string{"application/json"}
		}
		content := map[string]any{}
		for _, media := range consumes {
			content[media] = map[string]any{"schema": s.schema(first["schema"])}
		}
		out := map[string]any{"content": content}
		for _, name := range []string{"description", "required"} {
			if v, there := first[name]; there {
				out[name] = v
			}
		}
		return out
	}
	props, media := map[string]any{}, urlencoded
	var required []any
	for _, b := range bodies {
		name := str(b.param["name"])
		schema := s.plainSchema(b.param)
		if d := b.param["description"]; d != nil {
			schema["description"] = d
		}
		props[name] = schema
		if b.param["required"] == true {
			required = append(required, name)
		}
		if b.param["type"] == "file" {
			media = multipart
		}
	}
	schema := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		schema["required"] = required
	}
	content := map[string]any{}
	for _, m := range consumes {
		if m == multipart || m == urlencoded && media == urlencoded {
			content[m] = map[string]any{"schema": schema}
		}
	}
	if len(content) == 0 {
		content[media] = map[string]any{"schema": schema}
	}
	return map[string]any{"content": content, "required": len(required) > 0}
}

func (s *swagger) response(v any, produces []string) any {
	r, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if ref, ok := r["$ref"].(string); ok {
		return map[string]any{"$ref": newRef(ref)}
	}
	out := map[string]any{}
	for name, v := range r {
		switch name {
		case "schema", "examples", "headers":
		default:
			out[name] = v
		}
	}
	content := map[string]any{}
	examples := object(r["examples"])
	if r["schema"] != nil {
		if len(produces) == 0 && len(examples) == 0 {
			produces = []string{"application/json"}
		}
		for _, media := range append(slices.Clone(produces), slices.Sorted(maps.Keys(examples))...) {
			content[media] = map[string]any{"schema": s.schema(r["schema"])}
		}
	}
	for media, v := range examples {
		if content[media] == nil {
			content[media] = map[string]any{}
		}
		object(content[media])["example"] = v
	}
	if len(content) > 0 {
		out["content"] = content
	}
	headers := map[string]any{}
	for name, v := range object(r["headers"]) {
		h := map[string]any{"schema": s.plainSchema(object(v))}
		if d := object(v)["description"]; d != nil {
			h["description"] = d
		}
		headers[name] = h
	}
	if len(headers) > 0 {
		out["headers"] = headers
	}
	return out
}

// schema rewrites what version 3 says in other words.
func (s *swagger) schema(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.schema(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			ref, isText := e.(string)
			switch {
			case name == "$ref" && isText:
				out[name] = newRef(ref)
			case name == "discriminator" && isText:
				out[name] = map[string]any{"propertyName": ref}
			case name == "x-nullable" && e == true:
				out["nullable"] = true
			case name == "example" || name == "default" || name == "enum":
				out[name] = e
			case name == "properties": // names are data there
				props := map[string]any{}
				for k, p := range object(e) {
					props[k] = s.schema(p)
				}
				out[name] = props
			default:
				out[name] = s.schema(e)
			}
		}
		if out["type"] == "file" {
			out["type"], out["format"] = "string", "binary"
		}
		return out
	}
	return v
}

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
