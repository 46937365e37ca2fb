package validation

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
)

// How the texts of a parameter become a value: styles of OpenAPI 3.1 4.8.12.3. An
// escape is undone behind the splitting, so that "%2C" is no separator.

func unescapeQuery(s string) (string, bool) {
	out, err := url.QueryUnescape(s)
	return out, err == nil && document.Readable(out)
}

func (v *Value) unescape(s string) (string, bool) {
	switch v.in {
	case "query":
		return unescapeQuery(s)
	case "path":
		out, err := url.PathUnescape(s)
		return out, err == nil && document.Readable(out)
	}
	return s, document.Readable(s)
}

const (
	unreadable = "is not readable: an escape is malformed, or the text is not UTF-8"
	unpaired   = "is not readable: names and values of its fields are not in pairs"
)

// read makes a value of the texts; wrong says why it can't.
func (v *Value) read(raw found) (doc any, wrong string) {
	switch {
	case raw.none():
		return nil, ""
	case len(raw.texts)+len(raw.fields) > maxValues:
		return nil, "has too many values"
	case v.array():
		return v.readArray(raw)
	case v.object():
		return v.readObject(raw)
	case len(raw.texts) > 1:
		return nil, "stands more than once"
	}
	s, ok := v.unescape(raw.texts[0])
	if ok && v.style == "label" {
		s, ok = strings.CutPrefix(s, ".")
	}
	if !ok {
		return nil, unreadable
	}
	if !v.json {
		return convert(s, v.form), ""
	}
	doc, err := document.ParseJSON([]byte(s))
	if err != nil {
		return nil, "can't be read: " + err.Error()
	}
	return doc, ""
}

func (v *Value) readArray(raw found) (any, string) {
	pieces := raw.texts
	if v.in == "path" || v.in == "header" || !v.explode {
		if len(pieces) > 1 {
			return nil, "stands more than once"
		}
		var ok bool
		if pieces, ok = v.split(pieces[0]); !ok {
			return nil, unreadable
		}
	}
	if len(pieces) > maxValues {
		return nil, "has too many values"
	}
	list := make([]any, 0, len(pieces))
	for _, p := range pieces {
		s, ok := v.unescape(p)
		if !ok {
			return nil, unreadable
		}
		list = append(list, convert(s, v.form.Items))
	}
	return list, ""
}

// split takes the pieces of an array or an object out of one text; ok is false
// where it does not begin as its style says.
func (v *Value) split(s string) (pieces []string, ok bool) {
	sep := ","
	switch v.style {
	case "label":
		if s, ok = strings.CutPrefix(s, "."); !ok {
			return nil, false
		}
		if v.explode {
			sep = "."
		}
	case "spaceDelimited":
		s, sep = strings.ReplaceAll(s, "%20", "+"), "+"
	case "pipeDelimited":
		s, sep = strings.ReplaceAll(strings.ReplaceAll(s, "%7C", "|"), "%7c", "|"), "|"
	}
	if strings.Count(s, sep) > 2*maxValues {
		return nil, false
	}
	pieces = strings.Split(s, sep)
	if v.in == "header" {
		for i := range pieces {
			pieces[i] = strings.Trim(pieces[i], " \t")
		}
	}
	return pieces, true
}

func (v *Value) readObject(raw found) (any, string) {
	fields := raw.fields
	if !v.scattered() {
		if len(raw.texts) > 1 {
			return nil, "stands more than once"
		}
		var wrong string
		if fields, wrong = v.pairs(raw.texts[0]); wrong != "" {
			return nil, wrong
		}
	}
	out := map[string]any{}
	for _, f := range fields {
		s, ok := v.unescape(f.text)
		if !ok {
			return nil, unreadable
		}
		if !add(out, f.name, s, v.form) {
			return nil, "has a field that stands more than once"
		}
	}
	return out, ""
}

// pairs takes the fields of an object out of one text.
func (v *Value) pairs(s string) (out []field, wrong string) {
	pieces, ok := v.split(s)
	if !ok {
		return nil, unreadable
	}
	if !v.explode && len(pieces)%2 != 0 {
		return nil, unpaired
	}
	for i := 0; i < len(pieces); i++ {
		name, text := pieces[i], ""
		if v.explode {
			if name, text, ok = strings.Cut(name, "="); !ok {
				return nil, unpaired
			}
		} else {
			i++
			text = pieces[i]
		}
		if name, ok = v.unescape(name); !ok {
			return nil, unreadable
		}
		out = append(out, field{name, text})
	}
	return out, ""
}

// add puts a text into an object under a name: into an array where the shape says
// so. It reports false for a second one where it does not.
func add(out map[string]any, name, text string, form *jsonschema.Shape) bool {
	of := form.Props[name]
	if of == nil {
		of = form.More
	}
	if of.Is("array") {
		list, _ := out[name].([]any)
		out[name] = append(list, convert(text, of.Items))
		return true
	}
	if _, twice := out[name]; twice {
		return false
	}
	out[name] = convert(text, of)
	return true
}

// convert makes of a text what its schema asks for; a text that does not look like
// it stays one.
func convert(s string, form *jsonschema.Shape) any {
	if form == nil {
		return s
	}
	for _, k := range form.Kinds {
		switch k {
		case "integer", "number":
			if n, err := document.ParseJSON([]byte(s)); err == nil {
				if n, ok := n.(json.Number); ok {
					return n
				}
			}
		case "boolean":
			if s == "true" || s == "false" {
				return s == "true"
			}
		case "null":
			if s == "" {
				return nil
			}
		case "object":
			if v, err := document.ParseJSON([]byte(s)); err == nil {
				if m, ok := v.(map[string]any); ok {
					return m
				}
			}
		}
	}
	return s
}

// convertForm makes of a form's texts what the schema asks for.
func convertForm(v any, form *jsonschema.Shape) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(m))
	for name, e := range m {
		of := form.Props[name]
		if of == nil {
			of = form.More
		}
		switch e := e.(type) {
		case string:
			add(out, name, e, form)
		case []any:
			list := make([]any, len(e))
			for i := range e {
				list[i] = e[i]
				if s, ok := e[i].(string); ok && of != nil {
					list[i] = convert(s, of.Items)
				}
			}
			out[name] = list
		}
	}
	return out
}
