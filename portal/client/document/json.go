package document

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// FromJSON makes a tree of one JSON value. Numbers stay as they are written.
func FromJSON(raw []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	r := &reader{raw: raw, d: d, line: 1}
	return r.value(0)
}

type reader struct {
	raw  []byte
	d    *json.Decoder
	at   int64 // up to where lines are counted
	line int
}

// here is the line of what was read last.
func (r *reader) here() int {
	to := r.d.InputOffset()
	r.line += bytes.Count(r.raw[r.at:to], []byte{'\n'})
	r.at = to
	return r.line
}

func (r *reader) value(depth int) (*yaml.Node, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	line := r.here()
	switch t := t.(type) {
	case json.Delim:
		out := &yaml.Node{Kind: yaml.MappingNode, Tag: tagMap, Line: line}
		if t == '[' {
			out.Kind, out.Tag = yaml.SequenceNode, tagList
		}
		if err := r.content(out, depth); err != nil {
			return nil, err
		}
		_, err = r.d.Token()
		return out, err
	case string:
		return text(t, line), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: numberTag(t), Value: t.String(), Line: line}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagBool, Value: fmt.Sprint(t), Line: line}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull, Value: "null", Line: line}, nil
}

func (r *reader) content(out *yaml.Node, depth int) error {
	seen := map[string]bool{}
	for r.d.More() {
		if out.Kind == yaml.MappingNode {
			t, err := r.d.Token()
			if err != nil {
				return fmt.Errorf("read JSON: %w", err)
			}
			k := t.(string) // the decoder refuses others
			if seen[k] {
				return fmt.Errorf("%q stands twice in the object at line %d", k, out.Line)
			}
			seen[k] = true
			out.Content = append(out.Content, text(k, r.here()))
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		out.Content = append(out.Content, v)
	}
	return nil
}

func numberTag(n json.Number) string {
	if _, err := n.Int64(); err == nil {
		return tagInt
	}
	return tagFloat
}
