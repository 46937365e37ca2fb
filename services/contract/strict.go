package contract

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxStrictDepth bounds the nesting that DecodeStrict follows.
const maxStrictDepth = 32

// DecodeStrict decodes JSON into v, a pointer, and reports every bad field at
// once as FieldErrors. It is stricter than encoding/json: names are matched
// exactly, an unknown or repeated name, a null and data after the document are
// errors. An unknown name is reported with the closest known one. v keeps what
// was there for fields that are absent, so defaults are set before the call.
func DecodeStrict(b []byte, v any) error {
	d := strictDecoder{}
	if err := checkSyntax(b); err != nil {
		return FieldErrors{{Detail: err.Error()}}
	}
	d.value(b, reflect.ValueOf(v).Elem(), "", 0)
	return d.errs.Err()
}

func checkSyntax(b []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(b, &raw)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON at byte %d: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return err
}

type strictDecoder struct{ errs FieldErrors }

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes one JSON value at pointer at into v.
func (d *strictDecoder) value(b []byte, v reflect.Value, at string, depth int) {
	b = bytes.TrimSpace(b)
	if depth > maxStrictDepth {
		d.errs.Add(at, fmt.Sprintf("nested deeper than %d", maxStrictDepth))
		return
	}
	t := v.Type()
	if t == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes(bytes.Clone(b))
		return
	}
	if string(b) == "null" && t.Kind() != reflect.Interface {
		d.errs.Add(at, "must not be null; leave it out instead")
		return
	}
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		d.leaf(b, v, at)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		d.value(b, v.Elem(), at, depth)
	case reflect.Struct:
		d.object(b, v, at, depth)
	case reflect.Map:
		d.stringMap(b, v, at, depth)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			d.leaf(b, v, at)
			return
		}
		d.list(b, v, at, depth)
	default:
		d.leaf(b, v, at)
	}
}

// leaf lets encoding/json decode a value that has no fields of its own, and
// words its error for a user.
func (d *strictDecoder) leaf(b []byte, v reflect.Value, at string) {
	err := json.Unmarshal(b, v.Addr().Interface())
	if err == nil {
		return
	}
	// An unmarshaler that collects fields itself keeps its pointers.
	var fields FieldErrors
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &fields):
		d.errs.AddAt(at, fields)
	case errors.As(err, &kind):
		d.errs.Add(at, fmt.Sprintf("must be %s, not %s", kindName(v.Type()), jsonKind(b)))
	default:
		d.errs.Add(at, err.Error())
	}
}

// object decodes an object into the fields of a struct.
func (d *strictDecoder) object(b []byte, v reflect.Value, at string, depth int) {
	fields := map[string][]int{}
	collectFields(v.Type(), nil, fields)
	names := slices.Sorted(maps.Keys(fields))
	d.members(b, at, func(name string, b []byte) {
		i, ok := fields[name]
		if !ok {
			d.errs.Add(at+Pointer(name), unknownField(name, names))
			return
		}
		d.value(b, v.FieldByIndex(i), at+Pointer(name), depth+1)
	})
}

// shallower keeps the field that embeds the fewest structs, where two have one name.
func shallower(fields map[string][]int, name string, at []int) {
	if old, ok := fields[name]; !ok || len(at) < len(old) {
		fields[name] = at
	}
}

// collectFields finds the fields that a struct has by their JSON names. Those of
// an embedded struct stand among its own, as encoding/json has it.
func collectFields(t reflect.Type, path []int, fields map[string][]int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := append(slices.Clone(path), i)
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			collectFields(f.Type, at, fields)
		case !f.IsExported():
		case name == "":
			shallower(fields, f.Name, at)
		default:
			shallower(fields, name, at)
		}
	}
}

func unknownField(name string, names []string) string {
	if c, ok := Closest(name, names); ok {
		return fmt.Sprintf("unknown field; did you mean %q?", c)
	}
	if len(names) == 0 {
		return "unknown field; none is known here"
	}
	return "unknown field; known are " + strings.Join(names, ", ")
}

func (d *strictDecoder) stringMap(b []byte, v reflect.Value, at string, depth int) {
	m := reflect.MakeMap(v.Type())
	ok := d.members(b, at, func(name string, b []byte) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(b, e, at+Pointer(name), depth+1)
		m.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
	})
	if ok {
		v.Set(m)
	}
}

// members calls fn for each member of an object in order and refuses repeated
// names, of which other parsers pick the first or the last.
func (d *strictDecoder) members(b []byte, at string, fn func(name string, b []byte)) bool {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, _ := dec.Token(); t != json.Delim('{') {
		d.errs.Add(at, "must be an object, not "+jsonKind(b))
		return false
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, _ := t.(string)
		var raw json.RawMessage
		if err == nil {
			err = dec.Decode(&raw)
		}
		if err != nil {
			d.errs.Add(at, err.Error())
			return false
		}
		if seen[name] {
			d.errs.Add(at+Pointer(name), "given more than once")
			continue
		}
		seen[name] = true
		fn(name, raw)
	}
	return true
}

func (d *strictDecoder) list(b []byte, v reflect.Value, at string, depth int) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, _ := dec.Token(); t != json.Delim('[') {
		d.errs.Add(at, "must be an array, not "+jsonKind(b))
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, 4)
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil && err != io.EOF {
			d.errs.Add(at, err.Error())
			return
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(raw, e, at+"/"+strconv.Itoa(out.Len()), depth+1)
		out = reflect.Append(out, e)
	}
	v.Set(out)
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "of another kind"
	}
}

func jsonKind(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	switch b[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return string(b)
	case 'n':
		return "null"
	default:
		return fmt.Sprintf("the number %.20s", b)
	}
}
