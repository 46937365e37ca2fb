package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// maxNameBytes bounds the names of a source's fields: they stand in the pointers of
// all that is below.
const maxNameBytes = 2048

// Source is a text that was read, and where in it everything stands. What it means
// is not looked at: it may be any JSON or YAML whose root is an object.
type Source struct {
	Root  map[string]any
	place *place
}

// place is where a value stands, and those inside it.
type place struct {
	line  int
	names map[string]*place
	items []*place
}

// ReadSource reads a text in JSON or YAML, within the bounds of an import. Functions of
// CloudFormation in YAML's short forms (!Sub) are read as their long ones (Fn::Sub).
// Details of errors tell the line where there is one.
func ReadSource(text []byte) (*Source, contract.FieldErrors) {
	if len(text) > MaxImportBytes {
		return nil, contract.FieldErrors{{Detail: tooLarge(len(text), MaxImportBytes)}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors write it
	js := bytes.TrimSpace(text)
	isJSON := len(js) > 0 && js[0] == '{'
	at := &place{}
	if isJSON {
		js = text
	} else {
		root, err := parseYAML(text)
		if err == nil {
			js, err = writeYAML(root, importBounds, true)
		}
		if err != nil {
			return nil, contract.FieldErrors{{Detail: err.Error()}}
		}
		at = yamlPlace(root)
	}
	values, err := edge.ParseWithin(js, importBounds)
	if err != nil {
		return nil, contract.FieldErrors{{Detail: "can't be read: " + inLine(err, text, isJSON)}}
	}
	if isJSON {
		s := &lineScanner{b: js, line: 1}
		at = s.value()
	}
	out := &Source{Root: values, place: at}
	if name := longName(values); name != "" {
		return nil, contract.FieldErrors{{Detail: fmt.Sprintf("has a name of %d bytes, at most %d are allowed: %.40q", len(name), maxNameBytes, name)}}
	}
	return out, nil
}

// inLine puts the line before an error that knows its byte.
func inLine(err error, text []byte, isJSON bool) string {
	var syntax *document.SyntaxError
	if !isJSON || !errors.As(err, &syntax) {
		return err.Error()
	}
	return fmt.Sprintf("line %d: %s", 1+bytes.Count(text[:min(syntax.Offset, len(text))], []byte("\n")), syntax.Reason)
}

func longName(v any) string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if n := longName(e); n != "" {
				return n
			}
		}
	case map[string]any:
		for name, e := range v {
			if len(name) > maxNameBytes {
				return name
			}
			if n := longName(e); n != "" {
				return n
			}
		}
	}
	return ""
}

// Line is the line, from 1, on which the value at a pointer begins, or the closest
// one around it that the text has.
func (s *Source) Line(pointer string) int {
	at := s.place
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := at.names[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(at.items) {
			next = at.items[i]
		}
		if next == nil {
			break
		}
		at = next
	}
	return at.line
}

// yamlPlace is where the values of a YAML document stand. writeYAML has bounded it:
// aliases lead to values that were counted.
func yamlPlace(n *yaml.Node) *place {
	at := &place{line: n.Line}
	switch n.Kind {
	case yaml.DocumentNode:
		return yamlPlace(n.Content[0])
	case yaml.AliasNode:
		return yamlPlace(n.Alias)
	case yaml.SequenceNode:
		for _, e := range n.Content {
			at.items = append(at.items, yamlPlace(e))
		}
	case yaml.MappingNode:
		at.names = make(map[string]*place, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			inner := yamlPlace(n.Content[i+1])
			inner.line = n.Content[i].Line // of the name, as people look for it
			at.names[n.Content[i].Value] = inner
		}
	}
	return at
}

// lineScanner finds the lines of a JSON text that was found good: depth, names and
// the number of its values are bounded.
type lineScanner struct {
	b    []byte
	i    int
	line int
}

func (s *lineScanner) space() {
	for s.i < len(s.b) && (s.b[s.i] <= ' ' || s.b[s.i] == ',' || s.b[s.i] == ':') {
		if s.b[s.i] == '\n' {
			s.line++
		}
		s.i++
	}
}

// text reads a string, its value as JSON means it.
func (s *lineScanner) text() string {
	from := s.i
	for s.i++; s.b[s.i] != '"'; s.i++ {
		if s.b[s.i] == '\\' {
			s.i++
		}
	}
	s.i++
	v, err := document.ParseJSON(s.b[from:s.i])
	if err != nil {
		return ""
	}
	out, _ := v.(string)
	return out
}

func (s *lineScanner) value() *place {
	s.space()
	at := &place{line: s.line}
	switch s.b[s.i] {
	case '{':
		at.names = map[string]*place{}
		s.i++
		for s.space(); s.b[s.i] != '}'; s.space() {
			line := s.line
			name := s.text()
			inner := s.value()
			inner.line = line
			at.names[name] = inner
		}
		s.i++
	case '[':
		s.i++
		for s.space(); s.b[s.i] != ']'; s.space() {
			at.items = append(at.items, s.value())
		}
		s.i++
	case '"':
		s.skipText()
	default:
		for s.i < len(s.b) && s.b[s.i] > ' ' && !bytes.ContainsRune([]byte(",]}"), rune(s.b[s.i])) {
			s.i++
		}
	}
	return at
}

func (s *lineScanner) skipText() {
	for s.i++; s.b[s.i] != '"'; s.i++ {
		if s.b[s.i] == '\\' {
			s.i++
		}
	}
	s.i++
}
