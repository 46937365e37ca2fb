package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseXML reads an XML 1.0 document. Document types are refused, and with them
// every entity but the five that XML itself has, and other encodings and versions
// that a declaration names. Its error is a *SyntaxError.
func ParseXML(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, &SyntaxError{0, "the document is not UTF-8"}
	}
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return nil, &SyntaxError{0, "a byte order mark is not allowed"}
	}
	r := &xmlReader{d: xml.NewDecoder(bytes.NewReader(b))}
	r.d.Strict = true
	v, err := r.document()
	if err != nil {
		return nil, &SyntaxError{int(r.d.InputOffset()), err.Error()}
	}
	return v, nil
}

type xmlReader struct {
	d      *xml.Decoder
	values int
}

// element is one that is being read.
type element struct {
	name     string
	attrs    map[string]any
	children map[string][]any
	order    []string
	texts    []string
	preserve bool
}

func (r *xmlReader) document() (any, error) {
	var root map[string]any
	for {
		t, err := r.token()
		if err == io.EOF && root != nil {
			return root, nil
		}
		if err == io.EOF {
			return nil, errors.New("there is no element")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, errors.New("there are two root elements")
			}
			e, err := r.element(&t, 1, false)
			if err != nil {
				return nil, err
			}
			root = map[string]any{e.name: e.value()}
		case xml.CharData:
			if strings.Trim(string(t), " \t\r\n") != "" {
				return nil, errors.New("text stands outside of the root element")
			}
		case xml.EndElement:
			return nil, errors.New("an element ends that did not begin")
		}
	}
}

// token is the next one that matters.
func (r *xmlReader) token() (xml.Token, error) {
	for {
		t, err := r.d.RawToken()
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, errors.New("the XML is malformed")
		}
		switch t.(type) {
		case xml.Directive:
			return nil, errors.New("a document type is not allowed")
		case xml.Comment, xml.ProcInst:
		default:
			return t, nil
		}
	}
}

func (r *xmlReader) element(start *xml.StartElement, depth int, preserve bool) (*element, error) {
	if r.values++; r.values > MaxValues {
		return nil, fmt.Errorf("there are more than %d elements and attributes", MaxValues)
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("elements are nested deeper than %d", MaxDepth)
	}
	e := &element{children: map[string][]any{}, preserve: preserve}
	var err error
	if e.name, err = xmlName(start.Name); err != nil {
		return nil, err
	}
	if err := r.attributes(e, start.Attr); err != nil {
		return nil, err
	}
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			e.texts, e.order = append(e.texts, text.String()), append(e.order, textKey)
			text.Reset()
		}
	}
	for {
		t, err := r.token()
		if err == io.EOF {
			return nil, errors.New("an element is not closed")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			flush()
			c, err := r.element(&t, depth+1, e.preserve)
			if err != nil {
				return nil, err
			}
			e.children[c.name], e.order = append(e.children[c.name], c.value()), append(e.order, c.name)
		case xml.EndElement:
			if name, err := xmlName(t.Name); err != nil || name != e.name {
				return nil, errors.New("an element ends with another name than it began with")
			}
			flush()
			return e, nil
		}
	}
}

func (r *xmlReader) attributes(e *element, attrs []xml.Attr) error {
	for _, a := range attrs {
		if r.values++; r.values > MaxValues {
			return fmt.Errorf("there are more than %d elements and attributes", MaxValues)
		}
		name, err := xmlName(a.Name)
		if err != nil {
			return err
		}
		if e.attrs == nil {
			e.attrs = map[string]any{}
		}
		if _, twice := e.attrs["@"+name]; twice {
			return errors.New("an attribute stands twice")
		}
		if e.attrs["@"+name] = a.Value; name == "xml:space" {
			e.preserve = a.Value == "preserve"
		}
	}
	return nil
}

// value is the element's form in JSON.
func (e *element) value() any {
	if len(e.children) > 0 && !e.preserve {
		e.dropLayout()
	}
	if len(e.children) == 0 && e.attrs == nil {
		return strings.Join(e.texts, "")
	}
	out := e.attrs
	if out == nil {
		out = map[string]any{}
	}
	switch len(e.texts) {
	case 0:
	case 1:
		out[textKey] = e.texts[0]
	default:
		list := make([]any, len(e.texts))
		for i, s := range e.texts {
			list[i] = s
		}
		out[textKey] = list
	}
	for name, list := range e.children {
		if len(list) == 1 {
			out[name] = list[0]
		} else {
			out[name] = list
		}
	}
	if !slices.IsSorted(e.order) {
		list := make([]any, len(e.order))
		for i, s := range e.order {
			list[i] = s
		}
		out[orderKey] = list
	}
	return out
}

// dropLayout takes away text of white space alone.
func (e *element) dropLayout() {
	var order, texts []string
	i := 0
	for _, name := range e.order {
		if name != textKey {
			order = append(order, name)
			continue
		}
		if s := e.texts[i]; strings.Trim(s, " \t\r\n") != "" {
			order, texts = append(order, name), append(texts, s)
		}
		i++
	}
	e.order, e.texts = order, texts
}

// xmlName is a name with its prefix, which can be told from attributes and text.
func xmlName(n xml.Name) (string, error) {
	name := n.Local
	if n.Space != "" {
		name = n.Space + ":" + n.Local
	}
	if !ValidXMLName(name) {
		return "", errors.New("a name is malformed")
	}
	return name, nil
}

// ValidXMLName reports whether s is a name of Namespaces in XML 1.0: one prefix at
// most.
func ValidXMLName(s string) bool {
	prefix, local, prefixed := strings.Cut(s, ":")
	return len(s) <= 1000 && ncName(prefix) && (!prefixed || ncName(local))
}

func ncName(s string) bool {
	for i, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r >= 0xC0 && r != 0xD7 && r != 0xF7 && r != 0x37E && (r < 0x2000 || r >= 0x2C00 && r <= 0x2FEF || r >= 0x3001 && r <= 0xD7FF):
		case i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '.' || r == 0xB7):
		default:
			return false
		}
	}
	return s != ""
}
