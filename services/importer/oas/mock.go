package oas

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
)

// maxLooks bounds how many schemas are looked into for the example of one operation.
const maxLooks = 1000

// mock answers with an example of the first good response.
func (w *walker) mock(op *operation) {
	responses := object(op.op["responses"])
	codes := slices.Sorted(maps.Keys(responses))
	slices.SortStableFunc(codes, func(a, b string) int { return rank(a) - rank(b) })
	w.looks = 0
	status, config := 200, map[string]any{}
	for i, code := range codes {
		r := edge.Deref(w.root, responses[code])
		if r == nil || strings.HasPrefix(code, "x-") || i > 0 && rank(code) > 0 {
			continue
		}
		if n, err := strconv.Atoi(code); err == nil && n >= 200 {
			status = n
		}
		media, example, ok := w.example(object(r["content"]))
		if !ok {
			continue
		}
		text, isText := example.(string)
		if isText && !strings.Contains(media, "json") {
			config["content_type"], config["body"] = media, text
		} else {
			config["json"] = example
			if media != "application/json" && strings.Contains(media, "json") {
				config["content_type"] = media
			}
		}
		break
	}
	if config["json"] == nil && config["body"] == nil && status == 200 {
		config["json"] = map[string]any{}
		w.approximated(op.at, op.title(), "no good response has an example", "it answers with an empty object: give the response an example")
	}
	if status != 200 {
		config["status"] = status
	}
	op.add("mock", config)
}

// rank puts good answers first.
func rank(code string) int {
	switch {
	case strings.HasPrefix(code, "2"):
		return 0
	case code == "default":
		return 1
	}
	return 2
}

// example finds one in the content of a response, JSON first.
func (w *walker) example(content map[string]any) (media string, v any, ok bool) {
	types := slices.Sorted(maps.Keys(content))
	slices.SortStableFunc(types, func(a, b string) int {
		return boolInt(strings.Contains(b, "json")) - boolInt(strings.Contains(a, "json"))
	})
	for _, media := range types {
		m := object(content[media])
		if v, ok := m["example"]; ok {
			return media, v, true
		}
		all := object(m["examples"])
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if v, ok := edge.Deref(w.root, all[name])["value"]; ok {
				return media, v, true
			}
		}
		schema := edge.Deref(w.root, m["schema"])
		if v, ok := schema["example"]; ok {
			return media, v, true
		}
		if l := list(schema["examples"]); len(l) > 0 {
			return media, l[0], true
		}
		if v, ok := w.exampleOf(schema, 0); ok {
			return media, v, true
		}
	}
	return "", nil, false
}

// exampleOf puts an example together of those of a schema's properties or items.
func (w *walker) exampleOf(schema map[string]any, depth int) (any, bool) {
	if w.looks++; w.looks > maxLooks || depth > 6 {
		return nil, false
	}
	if v, ok := schema["example"]; ok {
		return v, true
	}
	if v, ok := schema["default"]; ok {
		return v, true
	}
	if items := edge.Deref(w.root, schema["items"]); items != nil {
		v, ok := w.exampleOf(items, depth+1)
		return []any{v}, ok
	}
	out := map[string]any{}
	props := object(schema["properties"])
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if len(out) >= 50 {
			break
		}
		if v, ok := w.exampleOf(edge.Deref(w.root, props[name]), depth+1); ok {
			out[name] = v
		}
	}
	if b, err := json.Marshal(out); err != nil || len(b) > 60<<10 {
		return nil, false
	}
	return out, len(out) > 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
