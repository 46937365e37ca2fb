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

func tooLarge(n, most int) string {
	return fmt.Sprintf("is %d bytes, at most %d are allowed", n, most)
}

// fromYAML writes a YAML document as JSON, in the order in which it stands. Aliases
// are written out, within the bounds of a document: a few lines can stand for
// billions of values.
func fromYAML(text []byte) ([]byte, error) {
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	return writeYAML(root, edge.Bounds{Bytes: MaxBytes, Nodes: edge.MaxNodes}, false)
}

// maxMarks bounds the marks of a YAML text. Each value takes one or two: a comma, a
// colon, a bracket, a dash or a new line.
const maxMarks = 600_000

// marks counts what can separate values, so that a text of many is refused before
// the parser makes a node of 160 bytes of each. Those in strings count too.
func marks(text []byte) (n int) {
	for _, c := range text {
		switch c {
		case ',', ':', '[', '{', '-', '?', '\n':
			n++
		}
	}
	return n
}

func parseYAML(text []byte) (*yaml.Node, error) {
	if n := marks(text); n > maxMarks {
		return nil, fmt.Errorf("has %d lines and marks, at most %d are allowed in YAML: convert it to JSON", n, maxMarks)
	}
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

// writeYAML writes a document as JSON. functions takes those of CloudFormation in their
// short forms.
func writeYAML(root *yaml.Node, most edge.Bounds, functions bool) ([]byte, error) {
	w := &yamlWriter{most: most, functions: functions}
	if err := w.value(root, 0); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

type yamlWriter struct {
	out       bytes.Buffer
	nodes     int
	most      edge.Bounds
	functions bool
}

func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{n.Line}, args...)...)
}

func (w *yamlWriter) value(n *yaml.Node, depth int) error {
	if w.nodes++; w.nodes > 2*w.most.Nodes {
		return fmt.Errorf("has more than %d values, aliases written out", w.most.Nodes)
	}
	if depth > document.MaxDepth+2 {
		return at(n, "is nested deeper than %d", document.MaxDepth)
	}
	if w.out.Len() > w.most.Bytes {
		return errors.New("is too large, aliases written out: " + tooLarge(w.out.Len(), w.most.Bytes))
	}
	if done, err := w.intrinsic(n, depth); done {
		return err
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
