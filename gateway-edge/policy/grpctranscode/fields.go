package grpctranscode

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxFieldDepth bounds the dots of a parameter's name.
const maxFieldDepth = 16

// fieldPath leads from a message to one of its fields.
type fieldPath []protoreflect.FieldDescriptor

func (p fieldPath) last() protoreflect.FieldDescriptor { return p[len(p)-1] }

// field finds a field by its name in the .proto file or in JSON.
func field(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if fd := md.Fields().ByName(protoreflect.Name(name)); fd != nil {
		return fd
	}
	return md.Fields().ByJSONName(name)
}

// resolve finds a field by a path such as "a.b.c".
func resolve(md protoreflect.MessageDescriptor, path string) (out fieldPath, err error) {
	if strings.Count(path, ".") >= maxFieldDepth {
		return nil, fmt.Errorf("goes more than %d fields deep", maxFieldDepth)
	}
	for name := range strings.SplitSeq(path, ".") {
		if md == nil {
			return nil, fmt.Errorf("%s: %s is no message", path, out.last().FullName())
		}
		fd := field(md, name)
		if fd == nil {
			return nil, fmt.Errorf("%s has no field %q", md.FullName(), name)
		}
		if len(out) > 0 && (out.last().IsList() || out.last().IsMap()) {
			return nil, fmt.Errorf("%s: %s holds more than one value", path, out.last().FullName())
		}
		out, md = append(out, fd), fd.Message()
	}
	return out, nil
}

// scalar reports whether one word can fill the field.
func (p fieldPath) scalar() error {
	fd := p.last()
	if fd.IsList() {
		return fmt.Errorf("%s is repeated", fd.FullName())
	}
	return element(fd)
}

// element is scalar for an element of a list too.
func element(fd protoreflect.FieldDescriptor) error {
	if fd.IsMap() || fd.Message() != nil && !textual[fd.Message().FullName()] {
		return fmt.Errorf("%s is a message: only its fields can be given", fd.FullName())
	}
	return nil
}

// textual are messages whose JSON is one word.
var textual = map[protoreflect.FullName]bool{
	"google.protobuf.Timestamp": true, "google.protobuf.Duration": true, "google.protobuf.FieldMask": true,
	"google.protobuf.StringValue": true, "google.protobuf.BytesValue": true, "google.protobuf.BoolValue": true,
	"google.protobuf.Int32Value": true, "google.protobuf.Int64Value": true, "google.protobuf.UInt32Value": true,
	"google.protobuf.UInt64Value": true, "google.protobuf.FloatValue": true, "google.protobuf.DoubleValue": true,
}

// set fills the field with a word of a path or a query; lists grow.
func (p fieldPath) set(m protoreflect.Message, word string) error {
	for _, fd := range p[:len(p)-1] {
		if err := freeOneof(m, fd); err != nil {
			return err
		}
		m = m.Mutable(fd).Message()
	}
	fd := p.last()
	if err := element(fd); err != nil {
		return err
	}
	if !fd.IsList() {
		if err := freeOneof(m, fd); err != nil {
			return err
		}
		v, err := value(fd, m.NewField(fd), word)
		if err != nil {
			return err
		}
		m.Set(fd, v)
		return nil
	}
	list := m.Mutable(fd).List()
	v, err := value(fd, list.NewElement(), word)
	if err != nil {
		return err
	}
	list.Append(v)
	return nil
}

// freeOneof refuses a second member of a oneof.
func freeOneof(m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	o := fd.ContainingOneof()
	if o == nil {
		return nil
	}
	if other := m.WhichOneof(o); other != nil && other != fd {
		return fmt.Errorf("%s and %s can't both be given", other.Name(), fd.Name())
	}
	return nil
}

var errUTF8 = errors.New("is not UTF-8")

// value reads a word. zero is a new value of the field, which messages are read
// into.
func value(fd protoreflect.FieldDescriptor, zero protoreflect.Value, s string) (protoreflect.Value, error) {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if s != "true" && s != "false" {
			return zero, errors.New("is \"true\" or \"false\"")
		}
		return protoreflect.ValueOfBool(s == "true"), nil
	case protoreflect.StringKind:
		if !utf8.ValidString(s) {
			return zero, errUTF8
		}
		return protoreflect.ValueOfString(s), nil
	case protoreflect.BytesKind:
		b, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "=")))
		if err != nil {
			return zero, errors.New("is no base64 text")
		}
		return protoreflect.ValueOfBytes(b), nil
	case protoreflect.EnumKind:
		return enum(fd.Enum(), s)
	case protoreflect.MessageKind:
		return word(zero, s)
	case protoreflect.GroupKind:
		return zero, errors.New("is a group")
	}
	return number(fd.Kind(), zero, s)
}

func number(k protoreflect.Kind, zero protoreflect.Value, s string) (protoreflect.Value, error) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		if n, err := strconv.ParseInt(s, 10, 32); err == nil {
			return protoreflect.ValueOfInt32(int32(n)), nil
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return protoreflect.ValueOfInt64(n), nil
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		if n, err := strconv.ParseUint(s, 10, 32); err == nil {
			return protoreflect.ValueOfUint32(uint32(n)), nil
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return protoreflect.ValueOfUint64(n), nil
		}
	case protoreflect.FloatKind:
		if f, err := float(s, 32); err == nil {
			return protoreflect.ValueOfFloat32(float32(f)), nil
		}
	case protoreflect.DoubleKind:
		if f, err := float(s, 64); err == nil {
			return protoreflect.ValueOfFloat64(f), nil
		}
	}
	return zero, fmt.Errorf("is no %s", k)
}

// float takes what JSON's numbers are, and the names of the others in ProtoJSON.
func float(s string, bits int) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, bits)
}

func enum(ed protoreflect.EnumDescriptor, s string) (protoreflect.Value, error) {
	if v := ed.Values().ByName(protoreflect.Name(s)); v != nil {
		return protoreflect.ValueOfEnum(v.Number()), nil
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && (!ed.IsClosed() || ed.Values().ByNumber(protoreflect.EnumNumber(n)) != nil) {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), nil
	}
	return protoreflect.Value{}, fmt.Errorf("is no value of %s", ed.FullName())
}

// word reads one of the textual messages.
func word(zero protoreflect.Value, s string) (protoreflect.Value, error) {
	m := zero.Message()
	text := []byte(s)
	if m.Descriptor().FullName() != "google.protobuf.BoolValue" {
		if !utf8.ValidString(s) {
			return zero, errUTF8
		}
		text, _ = json.Marshal(s)
	} else if s != "true" && s != "false" {
		return zero, errors.New("is \"true\" or \"false\"")
	}
	if err := protojson.Unmarshal(text, m.Interface()); err != nil {
		return zero, fmt.Errorf("is no %s", m.Descriptor().FullName())
	}
	return zero, nil
}
