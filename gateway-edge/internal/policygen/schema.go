package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is as much of a JSON Schema as the documentation shows. Members keep the
// order of the file.
type node struct {
	Title       string
	Description string
	Type        json.RawMessage
	Default     json.RawMessage
	Enum        []json.RawMessage
	Const       json.RawMessage
	Items       *node
	Properties  members
	Additional  *node `json:"-"`
	Required    []string
	OneOf       []*node
	AnyOf       []*node
	Ref         string  `json:"$ref"`
	Defs        members `json:"$defs"`
	Secret      bool    `json:"x-secret"`
	Names       string  `json:"x-ref"`
}

// members are named nodes in the order of the file.
type members struct {
	names []string
	nodes map[string]*node
}

// UnmarshalJSON keeps the order.
func (m *members) UnmarshalJSON(b []byte) error {
	m.nodes = map[string]*node{}
	if err := json.Unmarshal(b, &m.nodes); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		m.names = append(m.names, name)
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalJSON reads additionalProperties as a schema where it is one.
func (n *node) UnmarshalJSON(b []byte) error {
	if s := string(bytes.TrimSpace(b)); s == "true" || s == "false" {
		return nil
	}
	type plain node
	if err := json.Unmarshal(b, (*plain)(n)); err != nil {
		return err
	}
	var more struct {
		Additional json.RawMessage `json:"additionalProperties"`
	}
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	if len(more.Additional) > 0 && more.Additional[0] == '{' {
		n.Additional = &node{}
		return json.Unmarshal(more.Additional, n.Additional)
	}
	return nil
}

func parseSchema(raw []byte) (*node, error) {
	n := &node{}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, fmt.Errorf("schema.json: %w", err)
	}
	return n, n.resolve(n, 0)
}

// resolve puts the definitions in the place of references inside the document.
func (n *node) resolve(root *node, depth int) error {
	if n == nil {
		return nil
	}
	if depth > 16 {
		return fmt.Errorf("schema.json: nested too deep, or a reference leads to itself")
	}
	if n.Ref != "" {
		name, ok := strings.CutPrefix(n.Ref, "#/$defs/")
		def := root.Defs.nodes[name]
		if !ok || def == nil {
			return fmt.Errorf("schema.json: %s leads nowhere", n.Ref)
		}
		own := *n
		*n = *def
		n.Ref = ""
		if own.Title != "" {
			n.Title = own.Title
		}
		if own.Description != "" {
			n.Description = own.Description
		}
		if own.Default != nil {
			n.Default = own.Default
		}
	}
	parts := []*node{n.Items, n.Additional}
	parts = append(append(parts, n.OneOf...), n.AnyOf...)
	for _, name := range n.Properties.names {
		parts = append(parts, n.Properties.nodes[name])
	}
	for _, p := range parts {
		if err := p.resolve(root, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// kind words a node's type for the table of fields.
func (n *node) kind() string {
	switch {
	case n == nil:
		return "any"
	case n.Secret:
		return "secret reference"
	case len(n.Enum) > 0:
		words := make([]string, len(n.Enum))
		for i, e := range n.Enum {
			words[i] = "`" + strings.Trim(string(e), `"`) + "`"
		}
		return strings.Join(words, ", ")
	case n.Const != nil:
		return "`" + strings.Trim(string(n.Const), `"`) + "`"
	case len(n.OneOf)+len(n.AnyOf) > 0:
		var kinds []string
		for _, o := range append(append([]*node{}, n.OneOf...), n.AnyOf...) {
			kinds = append(kinds, o.kind())
		}
		return strings.Join(kinds, " or ")
	}
	switch t := strings.Trim(string(n.Type), `"`); t {
	case "array":
		return "list of " + n.Items.kind()
	case "object":
		if n.Additional != nil {
			return "map of " + n.Additional.kind()
		}
		return "object"
	case "":
		return "any"
	default:
		return t
	}
}
