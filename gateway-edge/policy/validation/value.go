package validation

import (
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

// Value is a parameter that is held to a schema. It is immutable.
type Value struct {
	in, name string
	field    policy.Name // of a header
	required bool
	empty    bool   // an empty value is taken as it is
	style    string // of OpenAPI 3.1 4.8.12.3
	explode  bool
	json     bool // its text is JSON, whatever the style
	schema   *jsonschema.Schema
	form     *jsonschema.Shape
}

func (v *Value) key() string {
	if v.in == "header" {
		return v.in + " " + strings.ToLower(v.name)
	}
	return v.in + " " + v.name
}

// complete fills in what follows from the rest.
func (v *Value) complete() {
	if v.style == "" {
		switch v.in {
		case "path", "header":
			v.style = "simple"
		default:
			v.style = "form"
		}
	}
	if v.schema != nil {
		v.form = v.schema.Shape()
	} else {
		v.form = &jsonschema.Shape{}
	}
}

func (v *Value) array() bool  { return v.form.Is("array") && !v.json }
func (v *Value) object() bool { return v.form.Is("object") && !v.form.Is("array") && !v.json }

// maxValues bounds how many values of one parameter are looked at.
const maxValues = 1000

// Check adds what is wrong with the parameter in a request. Pointers begin with
// where it stands: "/query/limit". Hit has the values of the path, if it was found
// by its path.
func (v *Value) Check(x *policy.Exchange, hit *Hit, errs *contract.FieldErrors) {
	at := contract.Pointer(v.in, v.name)
	raw := v.find(x, hit)
	doc, wrong := v.read(raw)
	switch {
	case wrong != "":
		errs.Add(at, wrong)
	case raw.none():
		if v.required {
			errs.Add(at, "is missing")
		}
	case v.schema == nil || v.empty && raw.blank():
	default:
		found := v.schema.Check(doc)
		if s, ok := raw.text(v); ok && len(found) > 0 && v.form.Is("string") && v.schema.Check(s) == nil {
			return // it looks like another type that is allowed, but is fine as a text
		}
		for _, e := range found {
			errs.Add(at+e.Pointer, e.Detail)
		}
	}
}

// found is what stands in a request of a parameter, escaped as it was sent.
type found struct {
	texts  []string
	fields []field // of an object whose fields are parameters of their own
}

type field struct{ name, text string }

func (f *found) none() bool  { return len(f.texts) == 0 && len(f.fields) == 0 }
func (f *found) blank() bool { return len(f.texts) == 1 && f.texts[0] == "" }

// text is the one text of a parameter that has no parts.
func (f *found) text(v *Value) (string, bool) {
	if len(f.texts) != 1 || v.array() || v.object() || v.json {
		return "", false
	}
	return v.unescape(f.texts[0])
}

// find collects the texts of the parameter.
func (v *Value) find(x *policy.Exchange, hit *Hit) (out found) {
	switch v.in {
	case "path":
		if t, has := hit.param(x, v.name); has {
			out.texts = append(out.texts, t.Clone())
		}
	case "query":
		v.findQuery(x, &out)
	case "header":
		for t := range x.Request().Header.All(v.field) {
			out.texts = append(out.texts, t.Trim().Clone())
		}
		if (v.array() || v.object()) && len(out.texts) > 1 {
			out.texts = []string{strings.Join(out.texts, ",")} // RFC 9110 5.3
		}
	case "cookie":
		out.texts = cookies(x, v.name)
	}
	return out
}

// scattered reports that an object's fields are parameters of their own.
func (v *Value) scattered() bool {
	return v.in == "query" && v.object() && (v.style == "deepObject" || v.style == "form" && v.explode)
}

func (v *Value) findQuery(x *policy.Exchange, out *found) {
	for name, value := range query.Each(x.Request().Query) {
		if len(out.texts)+len(out.fields) > maxValues {
			return
		}
		if !v.scattered() {
			if query.NameIs(name, v.name) {
				out.texts = append(out.texts, value.Clone())
			}
			continue
		}
		if prop, ok := v.prop(name); ok {
			out.fields = append(out.fields, field{prop, value.Clone()})
		}
	}
}

// prop is the field of a scattered object that a parameter of the query is.
func (v *Value) prop(name policy.Text) (string, bool) {
	s, ok := unescapeQuery(name.Clone())
	if !ok {
		return "", false
	}
	if v.style == "deepObject" {
		rest, ok := strings.CutPrefix(s, v.name+"[")
		prop, closed := strings.CutSuffix(rest, "]")
		return prop, ok && closed && !strings.ContainsAny(prop, "[]")
	}
	_, known := v.form.Props[s]
	return s, known
}

// takes reports whether a parameter of the query is this one, or a part of it.
func (v *Value) takes(name policy.Text) bool {
	if v.in != "query" {
		return false
	}
	if !v.scattered() {
		return query.NameIs(name, v.name)
	}
	_, ok := v.prop(name)
	return ok
}

func cookies(x *policy.Exchange, name string) (texts []string) {
	for t := range x.Request().Header.All(policy.Cookie) {
		for more := true; more; {
			var one policy.Text
			one, t, more = t.Cut(';')
			n, value, ok := one.Trim().Cut('=')
			if ok && n.Is(name) {
				texts = append(texts, value.Clone())
			}
		}
	}
	return texts
}

// MaxErrors bounds how many bad fields a refusal names.
const MaxErrors = jsonschema.MaxErrors

// Summary is a finding in one line, for decision traces.
func Summary(errs contract.FieldErrors) string {
	s := errs.Error()
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return s
}

// CheckKnown adds every query parameter that the operation does not describe.
func (o *Operation) CheckKnown(x *policy.Exchange, errs *contract.FieldErrors) {
	for name := range query.Each(x.Request().Query) {
		if len(*errs) >= MaxErrors {
			return
		}
		if !slices.ContainsFunc(o.Parameters, func(v *Value) bool { return v.takes(name) }) {
			s, ok := unescapeQuery(name.Clone())
			if !ok || !document.Readable(s) {
				s = "?"
			}
			errs.Add(contract.Pointer("query", s), "is not known here")
		}
	}
}
