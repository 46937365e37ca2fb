package document

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ParseForm reads application/x-www-form-urlencoded: an object of strings, and of
// arrays of strings for names that stand several times. The order of different
// names is lost, which has no meaning in a form.
func ParseForm(b []byte) (any, error) {
	out := map[string]any{}
	values, at := 0, 0
	for piece := range strings.SplitSeq(string(b), "&") {
		from := at
		at += len(piece) + 1
		if piece == "" {
			continue
		}
		if values++; values > MaxValues {
			return nil, &SyntaxError{from, "there are too many fields"}
		}
		n, v, _ := strings.Cut(piece, "=")
		name, err := url.QueryUnescape(n)
		value, err2 := url.QueryUnescape(v)
		if err != nil || err2 != nil || !Readable(name) || !Readable(value) {
			return nil, &SyntaxError{from, "a field is malformed, or not UTF-8"}
		}
		switch old := out[name].(type) {
		case nil:
			out[name] = value
		case string:
			out[name] = []any{old, value}
		case []any:
			out[name] = append(old, value)
		}
	}
	return out, nil
}

// AppendForm writes an object of scalars, and of arrays of scalars, as a form, by
// name.
func AppendForm(b []byte, v any, limit int) ([]byte, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return b, errors.New("only an object can be written as a form")
	}
	from := len(b)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list, ok := m[name].([]any)
		if !ok {
			list = []any{m[name]}
		}
		for _, e := range list {
			s, ok := scalar(e)
			if !ok {
				return b, errors.New("a field of a form holds an object or an array in an array")
			}
			if len(b) > from {
				b = append(b, '&')
			}
			b = append(b, url.QueryEscape(name)...)
			b = append(b, '=')
			if b = append(b, url.QueryEscape(s)...); len(b)-from > limit {
				return b, ErrTooLarge
			}
		}
	}
	return b, nil
}

// scalar is the text of a value that has no parts; null is empty.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case map[string]any, []any:
		return "", false
	}
	b, err := AppendJSON(nil, v, 1000)
	return string(b), err == nil
}
