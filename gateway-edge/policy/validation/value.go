package validation

import (
	"encoding/json"
	"net/url"
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
	commas   bool // several values stand in one, with commas
	schema   *jsonschema.Schema
	kinds    []string // types that the schema allows
	array    bool
}

func (v *Value) key() string {
	if v.in == "header" {
		return v.in + " " + strings.ToLower(v.name)
	}
	return v.in + " " + v.name
}

func (v *Value) compileKinds() {
	if v.schema != nil {
		v.kinds = v.schema.Kinds()
	}
	v.array = slices.Contains(v.kinds, "array")
}

// maxValues bounds how many values of one parameter are looked at.
const maxValues = 1000

// Check adds what is wrong with the parameter in a request. Pointers begin with
// where it stands: "/query/limit".
func (v *Value) Check(x *policy.Exchange, errs *contract.FieldErrors) {
	at := contract.Pointer(v.in, v.name)
	texts, ok := v.find(x)
	switch {
	case !ok:
		errs.Add(at, "is not readable: an escape is malformed, or the text is not UTF-8")
		return
	case len(texts) == 0:
		if v.required {
			errs.Add(at, "is missing")
		}
		return
	case len(texts) > maxValues:
		errs.Add(at, "has too many values")
		return
	case !v.array && len(texts) > 1:
		errs.Add(at, "stands more than once")
		return
	case v.schema == nil:
		return
	}
	var doc any
	if v.array {
		list := make([]any, 0, len(texts))
		for _, t := range texts {
			list = append(list, v.convert(t, nil))
		}
		doc = list
	} else {
		doc = v.convert(texts[0], v.kinds)
	}
	for _, e := range v.schema.Check(doc) {
		errs.Add(at+e.Pointer, e.Detail)
	}
}

// convert makes of a text what the schema asks for. Items of an array, of which
// the types are not told, are numbers or booleans where they look like it and the
// schema does not take the text itself.
func (v *Value) convert(s string, kinds []string) any {
	for _, k := range kinds {
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
		}
	}
	if kinds != nil || v.schema.Check([]any{s}) == nil {
		return s
	}
	return v.convert(s, []string{"number", "boolean"})
}

// find returns the texts of the parameter; ok is false when one can't be read.
func (v *Value) find(x *policy.Exchange) (texts []string, ok bool) {
	switch v.in {
	case "path":
		if t, has := x.Param(v.name); has {
			s, err := url.PathUnescape(t.Clone())
			if err != nil {
				return nil, false
			}
			texts = append(texts, s)
		}
	case "query":
		for name, value := range query.Each(x.Request().Query) {
			if !query.NameIs(name, v.name) {
				continue
			}
			s, err := url.QueryUnescape(value.Clone())
			if err != nil {
				return nil, false
			}
			if texts = append(texts, s); len(texts) > maxValues {
				break
			}
		}
	case "header":
		for t := range x.Request().Header.All(v.field) {
			texts = append(texts, t.Trim().Clone())
		}
	case "cookie":
		texts = cookies(x, v.name)
	}
	if v.array && (v.commas || v.in == "header" || v.in == "path") {
		texts = splitAll(texts)
	}
	for _, s := range texts {
		if !document.Readable(s) {
			return nil, false
		}
	}
	return texts, true
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

func splitAll(texts []string) (out []string) {
	for _, t := range texts {
		for s := range strings.SplitSeq(t, ",") {
			out = append(out, strings.TrimSpace(s))
		}
	}
	return out
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
		if !o.knows(name) {
			s, err := url.QueryUnescape(name.Clone())
			if err != nil || !document.Readable(s) {
				s = "?"
			}
			errs.Add(contract.Pointer("query", s), "is not known here")
		}
	}
}

func (o *Operation) knows(name policy.Text) bool {
	for _, v := range o.Parameters {
		if v.in == "query" && query.NameIs(name, v.name) {
			return true
		}
	}
	return false
}
