package shape

import (
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
)

// Path returns the attribute that a JSON pointer (RFC 6901) into v means, the API's
// form of a value of t: as deep as there are attributes.
func (t *Type) Path(v any, pointer string) path.Path {
	var steps []string
	if pointer = strings.TrimPrefix(pointer, "/"); pointer != "" {
		for s := range strings.SplitSeq(pointer, "/") {
			steps = append(steps, strings.NewReplacer("~1", "/", "~0", "~").Replace(s))
		}
	}
	return t.path(path.Empty(), v, steps)
}

func (t *Type) path(at path.Path, v any, steps []string) path.Path {
	if len(steps) == 0 {
		return at
	}
	switch t.Kind {
	case List:
		i, err := strconv.Atoi(steps[0])
		if err != nil {
			return at
		}
		return t.Elem.path(at.AtListIndex(i), item(v, i), steps[1:])
	case Map:
		return t.Elem.path(at.AtMapKey(steps[0]), member(v, steps[0]), steps[1:])
	case Object:
		for _, f := range t.Fields {
			if f.wire() == steps[0] {
				return f.Type.path(f.at(at), member(v, steps[0]), steps[1:])
			}
		}
	case Tagged: // {"type": T, "config": {…}}
		tag, _ := member(v, "type").(string)
		if f := t.Field(tag); f != nil && steps[0] == "config" {
			return f.Type.path(f.at(at), member(v, "config"), steps[1:])
		}
	}
	return at
}

func (f *Field) at(base path.Path) path.Path {
	if len(base.Steps()) == 0 {
		return path.Root(f.Name)
	}
	return base.AtName(f.Name)
}

func item(v any, i int) any {
	if list, ok := v.([]any); ok && i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

func member(v any, name string) any {
	m, _ := v.(Schema)
	return m[name]
}

// Attribute returns the path of steps of a PathError.
func Attribute(steps []any) path.Path {
	at := path.Empty()
	for _, s := range steps {
		switch s := s.(type) {
		case int:
			at = at.AtListIndex(s)
		case key:
			at = at.AtMapKey(string(s))
		case string:
			at = (&Field{Name: s}).at(at)
		}
	}
	return at
}
