package shape

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// FromJSON returns v, a value in the API's shape, as a value of t.Terraform(). Where
// it means the same as prior, of the same type, it is prior: a duration that is
// written otherwise, or a default that is spelt out. ok is false where the API says
// nothing.
func (t *Type) FromJSON(v any, ok bool, prior tftypes.Value) (tftypes.Value, error) {
	typ := t.Terraform()
	if !ok || v == nil && t.Kind != JSON {
		return tftypes.NewValue(typ, nil), nil
	}
	switch t.Kind {
	case Int, Float:
		n, ok := number(v)
		if !ok {
			return tftypes.Value{}, t.mismatch(v, "number")
		}
		return t.keep(v, tftypes.NewValue(typ, n), prior), nil
	case Bool:
		b, ok := v.(bool)
		if !ok {
			return tftypes.Value{}, t.mismatch(v, "boolean")
		}
		return tftypes.NewValue(typ, b), nil
	case JSON:
		text, err := json.Marshal(v)
		if err != nil {
			return tftypes.Value{}, err
		}
		return t.keep(v, tftypes.NewValue(typ, string(text)), prior), nil
	case List, OneOrMany:
		return t.list(v, prior)
	case Map:
		return t.mapping(v, prior)
	case ValueOrSecret:
		return t.valueOrSecret(v)
	case Tagged:
		return t.tagged(v, prior)
	case Object:
		m, ok := v.(Schema)
		if !ok {
			return tftypes.Value{}, t.mismatch(v, "object")
		}
		return t.object(m, prior)
	}
	s, ok := v.(string)
	if !ok {
		return tftypes.Value{}, t.mismatch(v, "string")
	}
	return t.keep(v, tftypes.NewValue(typ, s), prior), nil
}

func (t *Type) mismatch(v any, want string) error {
	return &PathError{Err: fmt.Errorf("the API answered with a %T where a %s was expected", v, want)}
}

// keep returns prior where it means v.
func (t *Type) keep(v any, made, prior tftypes.Value) tftypes.Value {
	if !usable(prior) {
		return made
	}
	was, ok, err := t.ToJSON(prior)
	if err == nil && ok && t.same(was, v) {
		return prior
	}
	return made
}

func usable(v tftypes.Value) bool { return v.Type() != nil && v.IsKnown() && !v.IsNull() }

func (t *Type) list(v any, prior tftypes.Value) (tftypes.Value, error) {
	items, ok := v.([]any)
	if !ok && t.Kind == OneOrMany {
		items, ok = []any{v}, true
	}
	if !ok {
		return tftypes.Value{}, t.mismatch(v, "array")
	}
	var was []tftypes.Value
	if usable(prior) {
		if err := prior.As(&was); err != nil {
			return tftypes.Value{}, err
		}
	}
	elem := t.Elem
	if t.Kind == OneOrMany {
		elem = &Type{Kind: String}
	}
	out := make([]tftypes.Value, len(items))
	for i, item := range items {
		var p tftypes.Value
		if i < len(was) {
			p = was[i]
		}
		one, err := elem.FromJSON(item, true, p)
		if err != nil {
			return tftypes.Value{}, under(i, err)
		}
		out[i] = one
	}
	return tftypes.NewValue(t.Terraform(), out), nil
}

func (t *Type) mapping(v any, prior tftypes.Value) (tftypes.Value, error) {
	m, ok := v.(Schema)
	if !ok {
		return tftypes.Value{}, t.mismatch(v, "object")
	}
	var was map[string]tftypes.Value
	if usable(prior) {
		if err := prior.As(&was); err != nil {
			return tftypes.Value{}, err
		}
	}
	out := make(map[string]tftypes.Value, len(m))
	for k, e := range m {
		one, err := t.Elem.FromJSON(e, true, was[k])
		if err != nil {
			return tftypes.Value{}, under(key(k), err)
		}
		out[k] = one
	}
	return tftypes.NewValue(t.Terraform(), out), nil
}

func (t *Type) valueOrSecret(v any) (tftypes.Value, error) {
	value, secret := tftypes.NewValue(tftypes.String, nil), tftypes.NewValue(tftypes.String, nil)
	switch v := v.(type) {
	case string:
		value = tftypes.NewValue(tftypes.String, v)
	case Schema:
		name, ok := v[secretName].(string)
		if !ok {
			return tftypes.Value{}, t.mismatch(v, "reference of a secret")
		}
		secret = tftypes.NewValue(tftypes.String, name)
	default:
		return tftypes.Value{}, t.mismatch(v, "string")
	}
	return tftypes.NewValue(t.Terraform(), map[string]tftypes.Value{valueName: value, secretName: secret}), nil
}

func (t *Type) tagged(v any, prior tftypes.Value) (tftypes.Value, error) {
	m, _ := v.(Schema)
	tag, ok := m["type"].(string)
	if !ok || t.Field(tag) == nil {
		return tftypes.Value{}, &PathError{Err: fmt.Errorf("this release of the provider does not know the type %q: use a newer one", tag)}
	}
	var was map[string]tftypes.Value
	if usable(prior) {
		if err := prior.As(&was); err != nil {
			return tftypes.Value{}, err
		}
	}
	out := make(map[string]tftypes.Value, len(t.Fields))
	for _, f := range t.Fields {
		out[f.Name] = tftypes.NewValue(f.Type.Terraform(), nil)
	}
	config, ok := m["config"]
	if !ok || config == nil {
		config = Schema{}
	}
	one, err := t.Field(tag).Type.FromJSON(config, true, was[tag])
	if err != nil {
		return tftypes.Value{}, under(tag, err)
	}
	out[tag] = one
	return tftypes.NewValue(t.Terraform(), out), nil
}

func (t *Type) object(m Schema, prior tftypes.Value) (tftypes.Value, error) {
	var was map[string]tftypes.Value
	if usable(prior) {
		if err := prior.As(&was); err != nil {
			return tftypes.Value{}, err
		}
	}
	out := make(map[string]tftypes.Value, len(t.Fields))
	for _, f := range t.Fields {
		v, ok := m[f.wire()]
		one, err := f.FromJSON(v, ok, was[f.Name])
		if err != nil {
			return tftypes.Value{}, under(f.Name, err)
		}
		out[f.Name] = one
	}
	return tftypes.NewValue(t.Terraform(), out), nil
}

// FromJSON is Type.FromJSON for the field of an object: what means the same as
// leaving it out stays as it was, and is spelt out where nothing was.
func (f *Field) FromJSON(v any, ok bool, prior tftypes.Value) (tftypes.Value, error) {
	null := tftypes.NewValue(f.Type.Terraform(), nil)
	switch {
	case f.WriteOnly:
		return null, nil
	case f.Local && prior.Type() != nil && prior.IsKnown():
		return prior, nil
	case f.Local:
		return null, nil
	}
	if f.Computed || f.Filled || f.Required || !f.absent(v, ok) {
		return f.Type.FromJSON(v, ok, prior)
	}
	switch {
	case prior.Type() == nil && f.Absent != nil && !f.NoAbsent:
		return f.Type.FromJSON(f.Absent, true, prior)
	case !usable(prior):
		return null, nil
	}
	was, has, err := f.Type.ToJSON(prior)
	if err == nil && f.absent(was, has) {
		return prior, nil
	}
	if empty, isObject := was.(Schema); isObject && len(empty) == 0 && f.Type.Kind == Object {
		return prior, nil
	}
	return null, nil
}

// OnlyLocal returns a value of t from which nothing but the provider's own
// attributes can be taken.
func OnlyLocal(t *Type, values map[string]tftypes.Value) tftypes.Value {
	types, out := map[string]tftypes.Type{}, map[string]tftypes.Value{}
	for _, f := range t.Fields {
		if f.Local {
			types[f.Name], out[f.Name] = f.Type.Terraform(), values[f.Name]
		}
	}
	return tftypes.NewValue(tftypes.Object{AttributeTypes: types}, out)
}
