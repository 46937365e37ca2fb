package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
)

func tooLarge(n int) string {
	return fmt.Sprintf("is %d bytes, at most %d are allowed", n, MaxBytes)
}

// fromYAML writes a YAML document as JSON, in the order in which it stands. Aliases
// are written out, within the bounds of a document: a few lines can stand for
// billions of values.
func fromYAML(text []byte) ([]byte, error) {
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	return writeYAML(root)
}

func parseYAML(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("is empty")
		}
		return nil, errors.New("is neither JSON nor YAML: " + short(err))
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one YAML document")
	}
	return &root, nil
}

func writeYAML(root *yaml.Node) ([]byte, error) {
	w := &yamlWriter{}
	if err := w.value(root, 0); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

type yamlWriter struct {
	out   bytes.Buffer
	nodes int
}

func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{n.Line}, args...)...)
}

func (w *yamlWriter) value(n *yaml.Node, depth int) error {
	if w.nodes++; w.nodes > 2*edge.MaxNodes {
		return fmt.Errorf("has more than %d values, aliases written out", edge.MaxNodes)
	}
	if depth > document.MaxDepth+2 {
		return at(n, "is nested deeper than %d", document.MaxDepth)
	}
	if w.out.Len() > MaxBytes {
		return errors.New("is too large, aliases written out: " + tooLarge(w.out.Len()))
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.value(n.Content[0], depth)
	case yaml.AliasNode:
		return w.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		w.out.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				w.out.WriteByte(',')
			}
			if err := w.value(e, depth+1); err != nil {
				return err
			}
		}
		w.out.WriteByte(']')
		return nil
	case yaml.MappingNode:
		return w.mapping(n, depth)
	}
	return w.scalar(n)
}

func (w *yamlWriter) mapping(n *yaml.Node, depth int) error {
	seen := map[string]bool{}
	w.out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			return at(key, "a name must be a text")
		case key.Tag == "!!merge":
			return at(key, `"<<" is not allowed: write the fields out, or refer to a component by $ref`)
		case seen[key.Value]:
			return at(key, "%.100q stands twice", key.Value)
		}
		if len(seen) > 0 {
			w.out.WriteByte(',')
		}
		seen[key.Value] = true
		if err := w.text(key.Value); err != nil {
			return err
		}
		w.out.WriteByte(':')
		if err := w.value(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	return nil
}

func (w *yamlWriter) text(s string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	w.out.Write(b)
	return nil
}

func (w *yamlWriter) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		w.out.WriteString("null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return at(n, "is neither true nor false")
		}
		w.out.WriteString(strconv.FormatBool(b))
	case "!!int", "!!float":
		return w.number(n)
	case "!!str", "!!timestamp":
		return w.text(n.Value)
	default:
		return at(n, "the tag %.40q is not allowed", n.Tag)
	}
	return nil
}

// number writes a number as it stands where JSON has the form, else its value.
func (w *yamlWriter) number(n *yaml.Node) error {
	if json.Valid([]byte(n.Value)) {
		w.out.WriteString(n.Value)
		return nil
	}
	var i int64
	if err := n.Decode(&i); err == nil {
		w.out.WriteString(strconv.FormatInt(i, 10))
		return nil
	}
	var f float64
	if err := n.Decode(&f); err != nil {
		return at(n, "is no number that JSON has a form for")
	}
	b, err := json.Marshal(f)
	if err != nil {
		return at(n, "is no number that JSON has a form for")
	}
	w.out.Write(b)
	return nil
}

// short is the beginning of what the library says, on one line.
func short(err error) string {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + " …"
	}
	return text
}
