package oas

import (
	"maps"
	"slices"
)

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
