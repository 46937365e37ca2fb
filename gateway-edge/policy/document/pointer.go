package document

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Path is a parsed JSON pointer (RFC 6901).
type Path []string

// maxPath bounds a pointer, in bytes.
const maxPath = 512

// ParsePath reads a pointer that names something below the root.
func ParsePath(s string) (Path, error) {
	if len(s) > maxPath {
		return nil, fmt.Errorf("a pointer has at most %d bytes", maxPath)
	}
	if s == "" || s[0] != '/' {
		return nil, errors.New(`is a JSON pointer such as "/customer/name"`)
	}
	parts := strings.Split(s[1:], "/")
	if len(parts) > MaxDepth {
		return nil, fmt.Errorf("a pointer has at most %d parts", MaxDepth)
	}
	for i, p := range parts {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(p), "~") {
			return nil, errors.New(`"~" is written "~0", and "/" inside a name "~1"`)
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts, nil
}

// Get returns what stands at the path.
func (p Path) Get(v any) (any, bool) {
	for _, name := range p {
		switch in := v.(type) {
		case map[string]any:
			e, ok := in[name]
			if !ok {
				return nil, false
			}
			v = e
		case []any:
			i, ok := index(name, len(in))
			if !ok {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Set puts v at the path and returns the root. Objects that are missing on the
// way are made, and "-" appends to an array; false: an array is too short, or
// something that holds nothing is in the way.
func (p Path) Set(root, v any) (any, bool) {
	if len(p) == 0 {
		return v, true
	}
	switch in := root.(type) {
	case nil:
		e, ok := p[1:].Set(nil, v)
		return map[string]any{p[0]: e}, ok
	case map[string]any:
		e, ok := p[1:].Set(in[p[0]], v)
		if ok {
			in[p[0]] = e
		}
		return root, ok
	case []any:
		if p[0] == "-" {
			e, ok := p[1:].Set(nil, v)
			return append(in, e), ok
		}
		i, ok := index(p[0], len(in))
		if !ok {
			return root, false
		}
		e, ok := p[1:].Set(in[i], v)
		if ok {
			in[i] = e
		}
		return root, ok
	}
	return root, false
}

// Remove takes away what stands at the path and returns the root; what is not
// there needs no removing.
func (p Path) Remove(root any) any {
	last := len(p) - 1
	parent, ok := p[:last].Get(root)
	if !ok {
		return root
	}
	switch in := parent.(type) {
	case map[string]any:
		delete(in, p[last])
	case []any:
		if i, ok := index(p[last], len(in)); ok {
			if out, ok := p[:last].Set(root, slices.Delete(in, i, i+1)); ok {
				return out
			}
		}
	}
	return root
}

// Within reports whether p is q or stands below it.
func (p Path) Within(q Path) bool { return len(p) >= len(q) && slices.Equal(p[:len(q)], q) }

// index reads an array's index: no sign, no leading zero, below n.
func index(s string, n int) (int, bool) {
	i, err := strconv.Atoi(s)
	if err != nil || i < 0 || i >= n || strconv.Itoa(i) != s {
		return 0, false
	}
	return i, true
}
