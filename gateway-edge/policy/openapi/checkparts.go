package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// schema notes a schema; the JSON Schema library judges it when all else is well.
func (c *checker) schema(v any, at string) {
	switch v.(type) {
	case map[string]any:
	case bool:
		if c.version == 30 {
			c.fail(at, "is an object: true and false are schemas of version 3.1")
			return
		}
	default:
		c.fail(at, "is a schema: an object")
		return
	}
	c.schemas = append(c.schemas, at)
}

// paths checks the paths of a document, or those of a callback, which are
// expressions.
func (c *checker) paths(kind string, m map[string]any, at string) {
	shapes := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(name, "x-") {
			continue
		}
		place := at + contract.Pointer(name)
		c.object("path", m[name], place, true)
		if kind == "callback" {
			continue
		}
		t, err := ParseTemplate(name)
		if err != nil {
			c.fail(place, err.Error())
			continue
		}
		if other, twice := shapes[t.shape()]; twice {
			c.failf(place, "takes the same paths as %s: only names of parameters differ", other)
		}
		shapes[t.shape()] = name
		c.pathParameters(t, m[name], place)
	}
}

// pathParameters holds the parameters of a path's operations to its template.
func (c *checker) pathParameters(t *Template, v any, at string) {
	item := c.deref(v)
	shared := c.inPath(item["parameters"])
	for _, m := range methods {
		op, ok := item[m].(map[string]any)
		if !ok {
			continue
		}
		has := c.inPath(op["parameters"])
		maps.Copy(has, shared)
		for _, name := range t.Names {
			if !has[name] {
				c.failf(at+contract.Pointer(m), "does not describe the path's parameter %.100q", name)
			}
			delete(has, name)
		}
		for _, name := range slices.Sorted(maps.Keys(has)) {
			c.failf(at+contract.Pointer(m), "describes a path parameter %.100q that the path does not have", name)
		}
	}
}

func (c *checker) inPath(v any) map[string]bool {
	out := map[string]bool{}
	list, _ := v.([]any)
	for _, e := range list {
		p := c.deref(e)
		if name, _ := p["name"].(string); p["in"] == "path" {
			out[name] = true
		}
	}
	return out
}

func (c *checker) responses(m map[string]any, at string) {
	for _, code := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(code, "x-") {
			continue
		}
		if !statusKey(code) {
			c.fail(at+contract.Pointer(code), `is a status such as "200", a class such as "2XX", or "default"`)
		}
		c.object("response", m[code], at+contract.Pointer(code), true)
	}
}

func statusKey(s string) bool {
	if s == "default" {
		return true
	}
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return false
	}
	return strings.EqualFold(s[1:], "XX") || s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

func (c *checker) operation(m map[string]any, at string) {
	if c.operations++; c.operations == MaxOperations+1 {
		c.failf("/paths", "has more than %d operations", MaxOperations)
	}
	if _, there := m["responses"]; !there && c.version == 30 {
		c.fail(at+"/responses", "is missing")
	}
	id, ok := m["operationId"].(string)
	if !ok {
		return
	}
	if other, twice := c.ids[id]; twice {
		c.failf(at+"/operationId", "%.100q is the operation's at %s already", id, other)
	}
	c.ids[id] = at
}

// parameterList finds parameters that are described twice.
func (c *checker) parameterList(list []any, at string) {
	seen := map[string]bool{}
	for i, e := range list {
		p := c.deref(e)
		name, _ := p["name"].(string)
		in, _ := p["in"].(string)
		if in == "header" {
			name = strings.ToLower(name)
		}
		if p != nil && seen[in+" "+name] {
			c.failf(at+contract.Pointer(i), "the %s parameter %.100q is described twice", in, name)
		}
		seen[in+" "+name] = true
	}
}

// stylesOf are the styles of the places where parameters stand (OpenAPI 3.1
// 4.8.12.2), the first one the default.
var stylesOf = map[string][]string{
	"path": {"simple", "label", "matrix"}, "query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"}, "header": {"simple"}, "cookie": {"form"},
}

func (c *checker) parameter(kind string, m map[string]any, at string) {
	in := "header"
	if kind == "parameter" {
		in, _ = m["in"].(string)
		if stylesOf[in] == nil {
			c.fail(at+"/in", `is "path", "query", "header" or "cookie"`)
			return
		}
	}
	if in == "path" && m["required"] != true {
		c.fail(at+"/required", "must be true for a parameter of the path")
	}
	style, said := m["style"].(string)
	switch {
	case said && !slices.Contains(stylesOf[in], style):
		c.failf(at+"/style", "is one of %s in a %s", strings.Join(stylesOf[in], ", "), in)
	case style == "matrix":
		c.fail(at+"/style", `matrix can't be served: the gateway refuses ";" in paths, which servers read differently`)
	}
	_, schema := m["schema"]
	content, typed := m["content"].(map[string]any)
	switch {
	case schema == typed:
		c.fail(at, "has either schema or content")
	case typed && len(content) != 1:
		c.fail(at+"/content", "has one media type")
	}
}

func (c *checker) mediaName(name, at string) {
	if media, _, _ := strings.Cut(name, ";"); !ValidMedia(strings.ToLower(strings.TrimSpace(media))) {
		c.fail(at, `is a media type such as "application/json" or "image/*"`)
	}
}

// ValidMedia reports whether s is a media type or a range of them, in lower case
// and without parameters.
func ValidMedia(s string) bool {
	typ, sub, ok := strings.Cut(s, "/")
	if !ok || len(s) > 256 || sub == "*" && typ == "*" {
		return ok && len(s) <= 256
	}
	if sub == "*" {
		sub = "x"
	}
	for _, part := range []string{typ, sub} {
		if _, err := policy.HeaderName(part); err != nil || strings.Contains(part, "*") {
			return false
		}
	}
	return true
}

// schemeNeeds are what each type of security scheme must say.
var schemeNeeds = map[string][]string{
	"apiKey": {"name", "in"}, "http": {"scheme"}, "oauth2": {"flows"}, "openIdConnect": {"openIdConnectUrl"}, "mutualTLS": nil,
}

func (c *checker) scheme(m map[string]any, at string) {
	typ, _ := m["type"].(string)
	needs, ok := schemeNeeds[typ]
	if !ok {
		c.fail(at+"/type", "is one of "+strings.Join(slices.Sorted(maps.Keys(schemeNeeds)), ", "))
	}
	for _, name := range needs {
		if _, there := m[name]; !there {
			c.failf(at+contract.Pointer(name), "is missing: type %s needs it", typ)
		}
	}
}

// securityNames checks that every security requirement names a scheme.
func (c *checker) securityNames() {
	components, _ := c.root["components"].(map[string]any)
	schemes, _ := components["securitySchemes"].(map[string]any)
	look := func(v any, at string) {
		list, _ := v.([]any)
		for i, e := range list {
			m, _ := e.(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if _, there := schemes[name]; !there {
					c.failf(at+contract.Pointer("security", i, name), "is none of components/securitySchemes")
				}
			}
		}
	}
	look(c.root["security"], "")
	paths, _ := c.root["paths"].(map[string]any)
	for path, item := range paths {
		m, _ := item.(map[string]any)
		for _, method := range methods {
			if op, ok := m[method].(map[string]any); ok {
				look(op["security"], contract.Pointer("paths", path, method))
			}
		}
	}
}
