package jsonschema

import (
	"encoding/json"
	"math/big"
	"strings"

	js "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// choice stands in for a schema's "enum". The library compares a value with each of
// the list in turn, numbers as fractions of a microsecond each: a list of fifty and
// a body of a megabyte would take ten seconds. Here a scalar is looked up.
type choice struct {
	want    []any
	scalars map[any]bool // strings, exact numbers, booleans, null
	others  []any        // arrays and objects, which are compared
	weight  int          // what comparing with them costs, in evaluations
}

// number is a number of a choice in its one exact form.
type number string

// lookUp puts a choice in the place of a schema's list.
func lookUp(s *js.Schema) {
	if s.Enum == nil {
		return
	}
	c := &choice{want: s.Enum.Values, scalars: map[any]bool{}}
	for _, v := range s.Enum.Values {
		if k, ok := scalar(v); ok {
			c.scalars[k] = true
			continue
		}
		c.others = append(c.others, v)
		c.weight += nodes(v)
	}
	s.Enum, s.Extensions = nil, append(s.Extensions, c)
}

// scalar is what a value is looked up by; ok is false for arrays and objects.
func scalar(v any) (key any, ok bool) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, true
	case json.Number:
		return exact(string(v)), true
	}
	return nil, false
}

// exact writes equal numbers alike: 1, 1.0 and 10e-1.
func exact(s string) number {
	if s != "-0" && !strings.ContainsAny(s, ".eE") {
		return number(s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return number(s)
	}
	return number(r.RatString())
}

func nodes(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += nodes(e)
		}
	case map[string]any:
		for _, e := range v {
			n += nodes(e)
		}
	}
	return n + 1
}

// Validate is js.SchemaExt.
func (c *choice) Validate(ctx *js.ValidatorContext, v any) {
	if k, ok := scalar(v); ok {
		if !c.scalars[k] {
			ctx.AddError(&kind.Enum{Got: v, Want: c.want})
		}
		return
	}
	for _, want := range c.others {
		if same, err := ctx.Equals(v, want); err == nil && same {
			return
		}
	}
	ctx.AddError(&kind.Enum{Got: v, Want: c.want})
}
