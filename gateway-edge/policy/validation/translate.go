package validation

// translate makes JSON Schema 2020-12 of the schemas of an OpenAPI 3.0 document:
// what stands beside $ref does not count, nullable is a type, exclusive bounds are
// numbers. It also strips what the other side's messages hold.
func translate(v any, answers bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			translate(e, answers)
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
		unrequire(v, answers)
		for _, e := range v {
			translate(e, answers)
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
func strip(v any, answers bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			strip(e, answers)
		}
	case map[string]any:
		unrequire(v, answers)
		for _, e := range v {
			strip(e, answers)
		}
	}
}

// unrequire takes from "required" the properties that only the other side sends:
// readOnly ones of a request, writeOnly ones of a response.
func unrequire(v map[string]any, answers bool) {
	required, ok := v["required"].([]any)
	props, ok2 := v["properties"].(map[string]any)
	if !ok || !ok2 {
		return
	}
	mark := "readOnly"
	if answers {
		mark = "writeOnly"
	}
	kept := make([]any, 0, len(required))
	for _, name := range required {
		s, _ := name.(string)
		p, _ := props[s].(map[string]any)
		if p[mark] != true {
			kept = append(kept, name)
		}
	}
	v["required"] = kept
}
