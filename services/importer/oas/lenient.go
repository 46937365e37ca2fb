package oas

import (
	"maps"
	"slices"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// version fills in the last number of a version, which many documents leave out.
func (d *document) version() {
	switch v := text(d.root["openapi"]); v {
	case "3", "3.0":
		d.root["openapi"] = "3.0.3"
	case "3.1":
		d.root["openapi"] = "3.1.0"
	default:
		d.root["openapi"] = v
	}
}

// fillIn adds what a document must have and what does no harm where it is missing.
func (d *document) fillIn() {
	info, ok := d.root["info"].(map[string]any)
	if !ok && d.root["info"] == nil {
		info = map[string]any{}
		d.root["info"] = info
	}
	if info != nil {
		for name, v := range map[string]string{"title": "API", "version": "1"} {
			switch {
			case info[name] == nil:
				info[name] = v
				d.approximated("/info", "info."+name, "it is missing", "it became "+strings.ToUpper(v[:1])+v[1:])
			case text(info[name]) != "":
				info[name] = text(info[name]) // version: 1.0 is a number in YAML
			}
		}
	}
	if d.root["paths"] == nil {
		d.root["paths"] = map[string]any{}
	}
	for name, v := range object(object(d.root["components"])["securitySchemes"]) {
		if s := object(v); str(s["type"]) == "oauth2" && s["flows"] == nil {
			s["flows"] = map[string]any{}
			d.approximated(contract.Pointer("components", "securitySchemes", name), "the security scheme "+name, "its flows are missing", "they became {}")
		}
	}
	d.greedy()
	d.eachOperation(func(path, _, at string, item, op map[string]any) {
		if op["responses"] == nil {
			op["responses"] = map[string]any{"default": map[string]any{"description": ""}}
		}
		describe(object(op["responses"]))
		d.pathParameters(path, at, item, op)
	})
	describe(object(object(d.root["components"])["responses"]))
	for _, p := range object(object(d.root["components"])["parameters"]) {
		require(object(p))
	}
}

// describe gives responses the description that they must have.
func describe(responses map[string]any) {
	for code, v := range responses {
		if r, ok := v.(map[string]any); ok && !strings.HasPrefix(code, "x-") && r["$ref"] == nil && r["description"] == nil {
			r["description"] = ""
		}
	}
}

func require(p map[string]any) {
	if str(p["in"]) == "path" && p["required"] == nil {
		p["required"] = true
	}
}

// pathParameters describes those parameters of a path that nobody described.
func (d *document) pathParameters(path, at string, item, op map[string]any) {
	t, err := edge.ParseTemplate(path)
	if err != nil {
		return
	}
	has := map[string]bool{}
	for _, all := range [][]any{list(item["parameters"]), list(op["parameters"])} {
		for _, v := range all {
			require(object(v))
			p := edge.Deref(d.root, v)
			has[str(p["in"])+" "+str(p["name"])] = true
		}
	}
	for _, name := range t.Names {
		if has["path "+name] {
			continue
		}
		if op["parameters"] != nil && list(op["parameters"]) == nil {
			return // the check says what is wrong
		}
		op["parameters"] = append(list(op["parameters"]), map[string]any{
			"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"},
		})
		d.approximated(at, "the path's parameter "+name, "it is not described", "any text is taken: describe it under parameters")
	}
}

// greedy takes paths out of the document that OpenAPI has no form for, those of
// Amazon API Gateway that end with {name+}; the walk has them from greedyPaths.
func (d *document) greedy() {
	paths := object(d.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if strings.HasSuffix(path, "+}") {
			if d.open == nil {
				d.open = map[string]any{}
			}
			d.open[path] = paths[path]
			delete(paths, path)
			d.approximated(contract.Pointer("paths", path), "the path "+path, "OpenAPI has no form for a parameter of several segments, so the gateway's document can't have it",
				"its route is made; nothing is validated")
		}
	}
}
