package document

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// AppendXML writes an object with one member, its root element, as XML.
func AppendXML(b []byte, v any, limit int) ([]byte, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return b, errors.New("only an object with one member, the root element, can be written as XML")
	}
	w := &xmlWriter{b: b, limit: len(b) + limit}
	w.b = append(w.b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	for name, e := range m {
		if _, list := e.([]any); list {
			return b, errors.New("the root element can't be an array")
		}
		if err := w.element(name, e, 1); err != nil {
			return b, err
		}
	}
	return append(w.b, '\n'), nil
}

type xmlWriter struct {
	b     []byte
	limit int
}

func (w *xmlWriter) element(name string, v any, depth int) error {
	if !ValidXMLName(name) {
		return fmt.Errorf("%.40q is no name of an XML element", name)
	}
	if depth > MaxDepth {
		return fmt.Errorf("elements would be nested deeper than %d", MaxDepth)
	}
	w.b = append(append(w.b, '<'), name...)
	m, ok := v.(map[string]any)
	if !ok {
		s, ok := scalar(v)
		if !ok {
			return errors.New("an array stands in an array, which XML has no form for")
		}
		w.b = append(w.b, '>')
		if err := w.text(s, false); err != nil {
			return err
		}
		return w.end(name)
	}
	if err := w.attributes(m); err != nil {
		return err
	}
	w.b = append(w.b, '>')
	if err := w.children(m, depth); err != nil {
		return err
	}
	return w.end(name)
}

func (w *xmlWriter) end(name string) error {
	w.b = append(append(append(w.b, "</"...), name...), '>')
	if len(w.b) > w.limit {
		return ErrTooLarge
	}
	return nil
}

func (w *xmlWriter) attributes(m map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name, ok := strings.CutPrefix(key, "@")
		if !ok {
			continue
		}
		s, ok := scalar(m[key])
		if !ok || !ValidXMLName(name) {
			return errors.New("an attribute is malformed")
		}
		w.b = append(append(append(w.b, ' '), name...), `="`...)
		if err := w.text(s, true); err != nil {
			return err
		}
		w.b = append(w.b, '"')
	}
	return nil
}

// children writes text and child elements, in "#order" where that stands.
func (w *xmlWriter) children(m map[string]any, depth int) error {
	left := map[string][]any{}
	var order []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key == orderKey || strings.HasPrefix(key, "@") {
			continue
		}
		list, ok := m[key].([]any)
		if !ok {
			list = []any{m[key]}
		}
		left[key] = list
		for range list {
			order = append(order, key)
		}
	}
	if said, there := m[orderKey]; there {
		var err error
		if order, err = saidOrder(said, order); err != nil {
			return err
		}
	}
	for _, key := range order {
		v := left[key][0]
		left[key] = left[key][1:]
		if key != textKey {
			if err := w.element(key, v, depth+1); err != nil {
				return err
			}
			continue
		}
		s, ok := scalar(v)
		if !ok {
			return errors.New("#text holds an object or an array in an array")
		}
		if err := w.text(s, false); err != nil {
			return err
		}
	}
	return nil
}

// saidOrder reads "#order", which names every child once.
func saidOrder(v any, all []string) ([]string, error) {
	bad := errors.New("#order does not name every child once")
	list, ok := v.([]any)
	if !ok || len(list) != len(all) {
		return nil, bad
	}
	order := make([]string, 0, len(list))
	for _, e := range list {
		s, _ := e.(string)
		order = append(order, s)
	}
	if !slices.Equal(slices.Sorted(slices.Values(order)), all) {
		return nil, bad
	}
	return order, nil
}

// text escapes characters that would be read as another thing, or not as they are.
func (w *xmlWriter) text(s string, attribute bool) error {
	for i, r := range s {
		switch {
		case r == '&':
			w.b = append(w.b, "&amp;"...)
		case r == '<':
			w.b = append(w.b, "&lt;"...)
		case r == '>':
			w.b = append(w.b, "&gt;"...)
		case r == '\r':
			w.b = append(w.b, "&#xD;"...)
		case attribute && r == '"':
			w.b = append(w.b, "&quot;"...)
		case attribute && r == '\n':
			w.b = append(w.b, "&#xA;"...)
		case attribute && r == '\t':
			w.b = append(w.b, "&#x9;"...)
		case r < ' ' && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			return errors.New("a text holds a character that XML has no form for")
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return errors.New("a text is not UTF-8")
			}
			w.b = utf8.AppendRune(w.b, r)
		default:
			w.b = utf8.AppendRune(w.b, r)
		}
	}
	if len(w.b) > w.limit {
		return ErrTooLarge
	}
	return nil
}
