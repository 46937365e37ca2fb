package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Unknown stands in a JSON value for what Terraform does not know yet.
type Unknown struct{}

// ErrJSON is a string that should hold JSON and does not.
var ErrJSON = errors.New("is no valid JSON: write it with jsonencode(…)")

// key is a step of a path into a map.
type key string

// PathError is an error and where in a value it stands: names of attributes
// (string), indexes (int) and keys of maps.
type PathError struct {
	Path []any
	Err  error
}

func (e *PathError) Error() string { return fmt.Sprint(e.Path, ": ", e.Err) }
func (e *PathError) Unwrap() error { return e.Err }

func under(step any, err error) error {
	var p *PathError
	if errors.As(err, &p) {
		return &PathError{append([]any{step}, p.Path...), p.Err}
	}
	return &PathError{[]any{step}, err}
}

// ToJSON returns v, a value of t.Terraform(), in the API's shape. ok is false where
// v is null. What is unknown is Unknown{}; fields of objects that are null, or mean
// the same as being left out, are left out.
func (t *Type) ToJSON(v tftypes.Value) (out any, ok bool, err error) {
	if !v.IsKnown() {
		return Unknown{}, true, nil
	}
	if v.IsNull() {
		return nil, false, nil
	}
	switch t.Kind {
	case Int, Float:
		var n big.Float
		if err := v.As(&n); err != nil {
			return nil, false, err
		}
		return json.Number(n.Text('f', -1)), true, nil
	case Bool:
		var b bool
		err := v.As(&b)
		return b, true, err
	case List, OneOrMany:
		out, err := t.listJSON(v)
		return out, true, err
	case Map:
		out, err := t.mapJSON(v)
		return out, true, err
	case Object, Tagged, ValueOrSecret:
		var m map[string]tftypes.Value
		if err := v.As(&m); err != nil {
			return nil, false, err
		}
		return t.fieldsJSON(m)
	}
	var s string
	if err := v.As(&s); err != nil {
		return nil, false, err
	}
	if t.Kind != JSON {
		return s, true, nil
	}
	out, err = parse(s)
	return out, true, err
}

func parse(s string) (any, error) {
	var out any
	if err := decode([]byte(s), &out); err != nil {
		return nil, &PathError{Err: ErrJSON}
	}
	return out, nil
}

func (t *Type) listJSON(v tftypes.Value) (any, error) {
	var list []tftypes.Value
	if err := v.As(&list); err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, e := range list {
		if t.Kind == OneOrMany {
			var s string
			if !e.IsKnown() {
				out[i] = Unknown{}
				continue
			}
			if err := e.As(&s); err != nil {
				return nil, under(i, err)
			}
			out[i] = s
			continue
		}
		one, _, err := t.Elem.ToJSON(e)
		if err != nil {
			return nil, under(i, err)
		}
		out[i] = one
	}
	if t.Kind == OneOrMany && len(out) == 1 {
		return out[0], nil
	}
	return out, nil
}

func (t *Type) mapJSON(v tftypes.Value) (any, error) {
	var m map[string]tftypes.Value
	if err := v.As(&m); err != nil {
		return nil, err
	}
	out := Schema{}
	for k, e := range m {
		one, _, err := t.Elem.ToJSON(e)
		if err != nil {
			return nil, under(key(k), err)
		}
		out[k] = one
	}
	return out, nil
}

// ErrOne says how many of the alternatives may be set.
var ErrOne = errors.New("exactly one of its attributes must be set")

func (t *Type) fieldsJSON(m map[string]tftypes.Value) (any, bool, error) {
	if t.Kind == ValueOrSecret {
		value, secret := m[valueName], m[secretName]
		switch {
		case !value.IsKnown() || !secret.IsKnown():
			return Unknown{}, true, nil
		case value.IsNull() == secret.IsNull():
			return nil, false, &PathError{Err: ErrOne}
		}
		var s string
		if secret.IsNull() {
			err := value.As(&s)
			return s, true, err
		}
		err := secret.As(&s)
		return Schema{secretName: s}, true, err
	}
	out := Schema{}
	for _, f := range t.Fields {
		if f.Computed || f.Local {
			continue
		}
		one, ok, err := f.Type.ToJSON(m[f.Name])
		if err != nil {
			return nil, false, under(f.Name, err)
		}
		if ok && (f.Required || !f.absent(one, ok)) {
			out[f.wire()] = one
		}
	}
	if t.Kind == Object {
		return out, true, nil
	}
	if len(out) != 1 {
		return nil, false, &PathError{Err: ErrOne}
	}
	for typ, config := range out {
		if _, unknown := config.(Unknown); unknown {
			return Unknown{}, true, nil
		}
		return Schema{"type": typ, "config": config}, true, nil
	}
	return nil, false, nil
}

// Known says whether v, an answer of ToJSON, holds nothing unknown.
func Known(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return false
	case []any:
		for _, e := range v {
			if !Known(e) {
				return false
			}
		}
	case Schema:
		for _, e := range v {
			if !Known(e) {
				return false
			}
		}
	}
	return true
}
