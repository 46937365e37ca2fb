package openapi

// Translate makes JSON Schema 2020-12 of the schemas of a document, in place. Of
// version 3.0, what stands beside $ref does not count, nullable is a type, and
// exclusive bounds are numbers. Of both, it takes from "required" what only the other
// side's messages hold; answers says that responses are meant.
func Translate(root map[string]any, version int, answers bool) {
	t := &translator{root: root, answers: answers}
	if version == 30 {
		t.translate(root)
	} else {
		t.strip(root)
	}
}

type translator struct {
	root    map[string]any
	answers bool
}

func (t *translator) translate(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			t.translate(e)
		}
	case map[string]any:
		if _, ref := v["$ref"].(string); ref {
			for k := range v {
				if k != "$ref" {
					delete(v, k)
				}
			}
			return
		}
		nullable(v)
		exclusive(v, "minimum", "exclusiveMinimum")
		exclusive(v, "maximum", "exclusiveMaximum")
		t.unrequire(v)
		for _, e := range v {
			t.translate(e)
		}
	}
}

func nullable(v map[string]any) {
	if v["nullable"] != true {
		return
	}
	if t, ok := v["type"].(string); ok {
		v["type"] = []any{t, "null"}
		if e, ok := v["enum"].([]any); ok {
			v["enum"] = append(e, nil)
		}
	}
	delete(v, "nullable")
}

func exclusive(v map[string]any, bound, name string) {
	is, ok := v[name].(bool)
	if !ok {
		return
	}
	delete(v, name)
	if limit, there := v[bound]; is && there {
		v[name] = limit
		delete(v, bound)
	}
}

// strip is translate for version 3.1, whose schemas are JSON Schemas.
func (t *translator) strip(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			t.strip(e)
		}
	case map[string]any:
		t.unrequire(v)
		for _, e := range v {
			t.strip(e)
		}
	}
}

// unrequire takes from "required" the properties that only the other side sends:
// readOnly ones of a request, writeOnly ones of a response.
func (t *translator) unrequire(v map[string]any) {
	required, ok := v["required"].([]any)
	props, ok2 := v["properties"].(map[string]any)
	if !ok || !ok2 {
		return
	}
	mark := "readOnly"
	if t.answers {
		mark = "writeOnly"
	}
	kept := make([]any, 0, len(required))
	for _, name := range required {
		s, _ := name.(string)
		own, _ := props[s].(map[string]any)
		if p := Deref(t.root, props[s]); own[mark] != true && p[mark] != true {
			kept = append(kept, name)
		}
	}
	v["required"] = kept
}
