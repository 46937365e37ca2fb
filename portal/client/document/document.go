package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is read.
const (
	MaxSize  = 32 << 20 // bytes of a file
	maxDepth = 100
	maxNodes = 2_000_000 // after aliases are followed
)

// Tags of YAML's nodes.
const (
	tagMap   = "!!map"
	tagList  = "!!seq"
	tagText  = "!!str"
	tagInt   = "!!int"
	tagFloat = "!!float"
	tagBool  = "!!bool"
	tagNull  = "!!null"
)

// Doc is one document of a file.
type Doc struct {
	File string
	Root *yaml.Node
}

// Error is what is wrong with a file, and where.
func (d *Doc) Error(n *yaml.Node, format string, args ...any) error {
	return wrong(d.File, n.Line, fmt.Sprintf(format, args...))
}

// Error is what is wrong with a file, and where.
type Error struct{ text string }

// Error begins with the file and the line.
func (e *Error) Error() string { return e.text }

func wrong(file string, line int, text string) error {
	if line > 0 {
		file += ":" + strconv.Itoa(line)
	}
	return &Error{file + ": " + text}
}

// Read reads all of in and parses it.
func Read(file string, in io.Reader) ([]Doc, error) {
	raw, err := io.ReadAll(io.LimitReader(in, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(raw) > MaxSize {
		return nil, wrong(file, 0, fmt.Sprintf("is larger than %d bytes", MaxSize))
	}
	return Parse(file, raw)
}

// Parse reads the documents of a file; empty ones are left out.
func Parse(file string, raw []byte) ([]Doc, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // editors on Windows write one
	if start := bytes.TrimSpace(raw); len(start) > 0 && (start[0] == '{' || start[0] == '[') && json.Valid(raw) {
		root, err := FromJSON(raw)
		if err != nil {
			return nil, wrong(file, 0, err.Error())
		}
		return []Doc{{file, root}}, nil
	}
	var out []Doc
	d := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, wrong(file, 0, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 || n.Content[0].ShortTag() == tagNull {
			continue
		}
		root, err := (&plain{file: file}).node(n.Content[0], 0)
		if err != nil {
			return nil, err
		}
		out = append(out, Doc{file, root})
	}
}

// plain copies a tree without aliases, comments and styles.
type plain struct {
	file  string
	nodes int
}

func (p *plain) node(n *yaml.Node, depth int) (*yaml.Node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, wrong(p.file, n.Line, fmt.Sprintf("more than %d values, counting aliases", maxNodes))
	}
	if depth > maxDepth {
		return nil, wrong(p.file, n.Line, fmt.Sprintf("nested deeper than %d", maxDepth))
	}
	switch n.Kind {
	case yaml.AliasNode:
		c, err := p.node(n.Alias, depth+1)
		if err == nil {
			c.Line = n.Line
		}
		return c, err
	case yaml.MappingNode:
		return p.mapping(n, depth)
	case yaml.SequenceNode:
		out := &yaml.Node{Kind: n.Kind, Tag: tagList, Line: n.Line}
		for _, c := range n.Content {
			v, err := p.node(c, depth+1)
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, v)
		}
		return out, nil
	case yaml.ScalarNode:
		return p.scalar(n)
	}
	return nil, wrong(p.file, n.Line, "is no value")
}

func (p *plain) mapping(n *yaml.Node, depth int) (*yaml.Node, error) {
	out := &yaml.Node{Kind: n.Kind, Tag: tagMap, Line: n.Line}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			return nil, wrong(p.file, k.Line, "a field's name is a plain word (merge keys are not supported: write the fields out)")
		case seen[k.Value]:
			return nil, wrong(p.file, k.Line, fmt.Sprintf("%q stands here twice", k.Value))
		}
		seen[k.Value] = true
		v, err := p.node(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, text(k.Value, k.Line), v)
	}
	return out, nil
}

func (p *plain) scalar(n *yaml.Node) (*yaml.Node, error) {
	tag, value := n.ShortTag(), n.Value
	switch tag {
	case tagNull:
		value = "null"
	case tagBool:
		value = strings.ToLower(value)
	case tagInt:
		var v int64
		if err := n.Decode(&v); err != nil {
			return nil, wrong(p.file, n.Line, fmt.Sprintf("%q is no whole number of 64 bits", value))
		}
		value = strconv.FormatInt(v, 10)
	case tagFloat:
		var v float64
		if err := n.Decode(&v); err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, wrong(p.file, n.Line, fmt.Sprintf("%q is no number", value))
		}
		value = strconv.FormatFloat(v, 'g', -1, 64)
	case tagText:
	case "!!timestamp": // a plain word that looks like a date
		tag = tagText
	default:
		return nil, wrong(p.file, n.Line, fmt.Sprintf("the tag %s means nothing here", tag))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value, Line: n.Line}, nil
}

func text(s string, line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagText, Value: s, Line: line}
}

// ToJSON writes a tree as JSON, with its fields in their order.
func ToJSON(n *yaml.Node) json.RawMessage {
	var b bytes.Buffer
	write(&b, n)
	return b.Bytes()
}

func write(b *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			quote(b, n.Content[i].Value)
			b.WriteByte(':')
			write(b, n.Content[i+1])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, c)
		}
		b.WriteByte(']')
	default:
		if n.Tag == tagText {
			quote(b, n.Value)
		} else {
			b.WriteString(n.Value)
		}
	}
}

func quote(b *bytes.Buffer, s string) {
	raw, _ := json.Marshal(s) // a string always can be
	b.Write(raw)
}
