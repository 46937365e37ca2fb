package openapi

import (
	"net/url"
	"strings"
)

// Trim cuts a document down to what validation reads: paths, parameters, bodies,
// the content of responses, the first server's address, and of the components what
// those refer to. Descriptions, examples, tags, security and extensions are left
// out: they would only cost every edge memory. The result shares parts with root.
func Trim(root map[string]any) map[string]any {
	t := &trimmer{root: root, seen: map[string]bool{}, out: map[string]any{"openapi": root["openapi"]}}
	if servers, _ := root["servers"].([]any); len(servers) > 0 {
		if s, ok := servers[0].(map[string]any); ok {
			t.out["servers"] = []any{map[string]any{"url": s["url"], "variables": s["variables"]}}
		}
	}
	paths, _ := root["paths"].(map[string]any)
	kept := make(map[string]any, len(paths))
	for path, item := range paths {
		if strings.HasPrefix(path, "/") {
			kept[path] = t.object("path", item)
		}
	}
	t.out["paths"] = kept
	if t.anchored {
		t.everySchema()
	}
	return t.out
}

// wanted are the fields of the kinds of objects that are kept, and what they hold,
// in the notation of objects.
var wanted = map[string]map[string]string{
	"path": {
		"parameters": "[parameter", "get": "operation", "put": "operation", "post": "operation", "delete": "operation", "options": "operation",
		"head": "operation", "patch": "operation", "trace": "operation",
	},
	"operation": {"operationId": "a", "parameters": "[parameter", "requestBody": "body", "responses": "{response"},
	"parameter": {
		"name": "a", "in": "a", "required": "a", "style": "a", "explode": "a", "allowEmptyValue": "a", "schema": "schema", "content": "{media",
	},
	"body":     {"required": "a", "content": "{media"},
	"response": {"content": "{media"},
	"media":    {"schema": "schema", "encoding": "{encoding"},
	"encoding": {"contentType": "a", "style": "a", "explode": "a"},
}

type trimmer struct {
	root, out map[string]any
	seen      map[string]bool // references that were followed
	anchored  bool            // a schema is referred to by a name, not by its place
}

func (t *trimmer) value(spec string, v any) any {
	switch {
	case spec == "a":
		return v
	case spec == "schema":
		return t.schema(v)
	case spec[0] == '[':
		list, _ := v.([]any)
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = t.object(spec[1:], e)
		}
		return out
	case spec[0] == '{':
		m, _ := v.(map[string]any)
		out := make(map[string]any, len(m))
		for name, e := range m {
			if !strings.HasPrefix(name, "x-") {
				out[name] = t.object(spec[1:], e)
			}
		}
		return out
	}
	return t.object(spec, v)
}

func (t *trimmer) object(kind string, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if ref, ok := m["$ref"].(string); ok {
		t.follow(kind, ref)
		return map[string]any{"$ref": ref}
	}
	out := map[string]any{}
	for name, spec := range wanted[kind] {
		if e, there := m[name]; there {
			out[name] = t.value(spec, e)
		}
	}
	return out
}

// follow keeps what a reference leads to: a component, or a part of one. What stands
// in paths is kept anyway.
func (t *trimmer) follow(kind, ref string) {
	parts := strings.SplitN(strings.TrimPrefix(ref, "#/"), "/", 4)
	if !strings.HasPrefix(ref, "#/components/") || len(parts) < 3 {
		t.anchored = t.anchored || kind == "schema" && !strings.HasPrefix(ref, "#/")
		return
	}
	if len(parts) > 3 {
		kind = kindOf[parts[1]] // of the component, whatever stands inside
	}
	place := parts[1] + "/" + parts[2]
	if t.seen[place] || kind == "" {
		return
	}
	t.seen[place] = true
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(unescape(parts[2]))
	all, _ := t.root["components"].(map[string]any)
	some, _ := all[parts[1]].(map[string]any)
	if v, there := some[name]; there {
		t.keep(parts[1], name, t.value(kind, v))
	}
}

// unescape undoes what a URI's fragment must escape; a reference that is malformed
// stands for itself and is an error elsewhere.
func unescape(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// kindOf are the kinds of the components that are kept.
var kindOf = map[string]string{
	"schemas": "schema", "parameters": "parameter", "requestBodies": "body", "responses": "response", "pathItems": "path",
}

func (t *trimmer) keep(home, name string, v any) {
	components, _ := t.out["components"].(map[string]any)
	if components == nil {
		components = map[string]any{}
		t.out["components"] = components
	}
	some, _ := components[home].(map[string]any)
	if some == nil {
		some = map[string]any{}
		components[home] = some
	}
	some[name] = v
}

// everySchema keeps all of them: one that is named by $id or $anchor can be
// anywhere.
func (t *trimmer) everySchema() {
	all, _ := t.root["components"].(map[string]any)
	some, _ := all["schemas"].(map[string]any)
	for name := range some {
		t.follow("schema", "#/components/schemas/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
}

// notes are the fields of a schema that no value is held to.
var notes = map[string]bool{
	"title": true, "description": true, "default": true, "example": true, "examples": true, "externalDocs": true, "xml": true, "deprecated": true,
	"discriminator": true, "$comment": true,
}

// Fields of a schema that hold schemas, by how: one, a list, or a map of them.
var (
	oneSchema = map[string]bool{
		"items": true, "additionalItems": true, "additionalProperties": true, "not": true, "if": true, "then": true, "else": true, "contains": true,
		"propertyNames": true, "unevaluatedItems": true, "unevaluatedProperties": true, "contentSchema": true,
	}
	listOfSchemas = map[string]bool{"allOf": true, "anyOf": true, "oneOf": true, "prefixItems": true, "items": true}
	mapOfSchemas  = map[string]bool{"properties": true, "patternProperties": true, "$defs": true, "definitions": true, "dependentSchemas": true, "dependencies": true}
)

func (t *trimmer) schema(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(m))
	for name, e := range m {
		if notes[name] || strings.HasPrefix(name, "x-") {
			continue
		}
		list, isList := e.([]any)
		inner, isMap := e.(map[string]any)
		switch {
		case name == "$ref" || name == "$dynamicRef" || name == "$recursiveRef":
			ref, _ := e.(string)
			t.follow("schema", ref)
			out[name] = e
		case isList && listOfSchemas[name]:
			kept := make([]any, len(list))
			for i := range list {
				kept[i] = t.schema(list[i])
			}
			out[name] = kept
		case isMap && mapOfSchemas[name]:
			kept := make(map[string]any, len(inner))
			for k := range inner {
				kept[k] = t.schema(inner[k])
			}
			out[name] = kept
		case isMap && oneSchema[name]:
			out[name] = t.schema(e)
		default:
			out[name] = e
		}
	}
	return out
}
