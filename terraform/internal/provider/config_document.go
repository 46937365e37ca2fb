package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/portal/client/document"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// parse reads a document as the command line does, without what it says of the gateway
// itself.
func parse(text string) (shape.Schema, error) {
	doc, _, err := parseAll(text)
	return doc, err
}

// gatewaySaid is what a document of `tollgate export` says of its gateway; empty: nothing.
type gatewaySaid struct{ name, mode string }

func parseAll(text string) (shape.Schema, gatewaySaid, error) {
	docs, err := document.Parse(attrDocument, []byte(text))
	switch {
	case err != nil:
		return nil, gatewaySaid{}, fmt.Errorf("the document is neither YAML nor JSON: %w", err)
	case len(docs) > 1:
		return nil, gatewaySaid{}, fmt.Errorf("there are %d documents, with --- between them: a gateway has one", len(docs))
	case len(docs) == 0 || docs[0].Root.Kind != yaml.MappingNode:
		return nil, gatewaySaid{}, errors.New("the document is no mapping of names to values")
	}
	var out shape.Schema
	if err := json.Unmarshal(document.ToJSON(docs[0].Root), &out); err != nil {
		return nil, gatewaySaid{}, fmt.Errorf("the document can't stand as JSON: %w", err)
	}
	var said gatewaySaid
	for name, to := range map[string]*string{attrGateway: &said.name, attrMode: &said.mode} {
		v, ok := out[name]
		if *to, _ = v.(string); ok && *to == "" {
			return nil, gatewaySaid{}, fmt.Errorf("%s is no text", name)
		}
		delete(out, name)
	}
	return out, said, nil
}

// about checks that a document is about this gateway. is is what the API says of it, nil
// where it has none yet.
func (said gatewaySaid) about(gateway string, is shape.Schema) error {
	name, mode := is[attrName], is[attrMode]
	if said.name != "" && said.name != gateway && (is == nil && !strings.HasPrefix(gateway, "gw_") || is != nil && said.name != name) {
		return fmt.Errorf("the document is gateway %s's, this resource is gateway %s's: write it with `tollgate export --portable`, or take gateway and mode out", said.name, gateway)
	}
	if said.mode != "" && is != nil && said.mode != mode {
		return fmt.Errorf("the document is of a gateway with the mode %s, gateway %s has the mode %v, which never changes", said.mode, gateway, mode)
	}
	return nil
}

// canonical is a document with defaults spelt out and items in the order of their
// names, so that two that mean the same are equal.
func canonical(doc shape.Schema) (tftypes.Value, error) {
	s, err := load()
	if err != nil {
		return tftypes.Value{}, err
	}
	t, err := s.component(configComponent)
	if err != nil {
		return tftypes.Value{}, err
	}
	doc = maps.Clone(doc)
	for k, v := range doc {
		items, ok := v.([]any)
		if !ok || k == policiesField {
			continue
		}
		items = slices.Clone(items)
		slices.SortStableFunc(items, func(a, b any) int { return strings.Compare(nameOf(a), nameOf(b)) })
		doc[k] = items
	}
	return t.FromJSON(doc, true, tftypes.Value{})
}

func nameOf(v any) string {
	m, _ := v.(shape.Schema)
	s, _ := m[attrName].(string)
	return s
}

// alike says whether two documents mean the same.
func alike(a, b string) bool {
	x, errX := parse(a)
	y, errY := parse(b)
	if errX != nil || errY != nil {
		return false
	}
	return alikeParsed(x, y)
}

// alikeParsed compares the parts that are not written the same: spelling defaults out
// costs a large document seconds.
func alikeParsed(x, y shape.Schema) bool {
	x, y = differing(x, y)
	p, errP := canonical(x)
	q, errQ := canonical(y)
	return errP == nil && errQ == nil && p.Equal(q)
}

// differing returns two documents without the named items that are written the same
// in both.
func differing(x, y shape.Schema) (shape.Schema, shape.Schema) {
	x, y = maps.Clone(x), maps.Clone(y)
	for field, v := range x {
		a, okA := v.([]any)
		b, okB := y[field].([]any)
		if !okA || !okB || len(a) != len(b) || field == policiesField {
			continue
		}
		least := leastOf(field)
		written := map[string]string{} // by name; a name that comes twice is left to the API
		for _, item := range a {
			text, err := json.Marshal(least(item))
			if name := nameOf(item); err == nil && name != "" && written[name] == "" {
				written[name] = string(text)
			}
		}
		same := map[string]bool{}
		for _, item := range b {
			text, err := json.Marshal(least(item))
			if name := nameOf(item); err == nil && name != "" {
				same[name] = written[name] == string(text)
			}
		}
		left := func(items []any) []any {
			return slices.DeleteFunc(slices.Clone(items), func(item any) bool { return same[nameOf(item)] })
		}
		x[field], y[field] = left(a), left(b)
	}
	return x, y
}

// leastOf returns what takes from an item of a document's list what means the same as
// being left out.
func leastOf(field string) func(any) any {
	all, err := load()
	if err != nil {
		return func(v any) any { return v }
	}
	t, err := all.component(configComponent)
	if err != nil || t.Field(field) == nil || t.Field(field).Type.Elem == nil {
		return func(v any) any { return v }
	}
	elem := t.Field(field).Type.Elem
	return func(v any) any {
		if m, ok := v.(shape.Schema); ok && elem.Kind == shape.Object {
			return elem.Least(m)
		}
		return v
	}
}

// withoutSettings leaves out what a tollgate_gateway of the same run may have set.
func withoutSettings(doc shape.Schema) shape.Schema {
	all, err := load()
	if err != nil {
		return doc
	}
	doc = maps.Clone(doc)
	settings, _ := all.Components["GatewayInput"]["properties"].(shape.Schema)
	for name := range settings {
		delete(doc, name)
	}
	return doc
}

// plain turns JSON's numbers into Go's, as YAML writes them.
func plain(v any) any {
	switch v := v.(type) {
	case shape.Schema:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}
