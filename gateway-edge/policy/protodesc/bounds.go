package protodesc

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Bounds of messages on their way from JSON and to it. A few bytes of either can
// become hundreds of the other in memory.
const (
	// MaxObjects is how many objects the JSON of a message may hold: each is a
	// message. MaxValues is how many values in all: of some types (wrappers,
	// google.protobuf.Value) each is a message too.
	MaxObjects = 1 << 16
	MaxValues  = 200_000
	maxWeight  = 64 << 20 // of a message that is written as JSON, in bytes
	perMessage = 256      // bytes of an empty message in memory
	perNumber  = 24       // of a number, in memory or as text
	maxDepth   = 100      // of messages inside one another; the library's own bound is less
)

var (
	// ErrObjects says that CheckJSON found too many.
	ErrObjects = fmt.Errorf("holds more than %d objects, or %d values", MaxObjects, MaxValues)
	// ErrHeavy says that a message is too large for JSON.
	ErrHeavy = errors.New("the message is too large to be written as JSON")
)

// CheckJSON looks at the JSON of a message before it is read.
func CheckJSON(body []byte) error {
	objects, values, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case quoted:
		case c == '{':
			objects++
			values++
		case c == '[' || c == ',':
			values++
		}
		if objects > MaxObjects || values > MaxValues {
			return ErrObjects
		}
	}
	return nil
}

// CheckMessage looks at a serialized message of type md before it is read and
// written by opts. It returns ErrHeavy for one whose JSON would be larger than the
// bound; one that is malformed is the reader's to refuse.
func CheckMessage(md protoreflect.MessageDescriptor, raw []byte, types Types, opts protojson.MarshalOptions) error {
	w := weigher{types: types, opts: opts, left: maxWeight, empty: map[protoreflect.FullName]int64{}, longest: map[protoreflect.FullName]int64{}}
	if !w.message(md, raw, 0) {
		return ErrHeavy
	}
	return nil
}

type weigher struct {
	types   Types
	opts    protojson.MarshalOptions
	left    int64
	empty   map[protoreflect.FullName]int64 // of a message: what it takes without a field
	longest map[protoreflect.FullName]int64 // name of an enum's values
}

// take takes n from what is left; false: it is too much.
func (w *weigher) take(n int64) bool {
	w.left -= n
	return w.left >= 0
}

func (w *weigher) message(md protoreflect.MessageDescriptor, b []byte, depth int) bool {
	if depth > maxDepth || !w.take(w.emptied(md)) {
		return false
	}
	var url string
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return true
		}
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		if m < 0 {
			return true
		}
		value := b[n : n+m]
		b = b[n+m:]
		fd := md.Fields().ByNumber(num)
		if fd == nil {
			fd = w.extension(md, num)
		}
		if fd == nil {
			continue
		}
		if !fd.IsList() && !w.take(int64(len(fd.JSONName()))+perNumber) {
			return false
		}
		switch typ {
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			if md.FullName() == "google.protobuf.Any" {
				if num == 1 {
					url = string(v)
				} else if mt, err := w.types.FindMessageByURL(url); err == nil && !w.message(mt.Descriptor(), v, depth+1) {
					return false
				}
			}
			if !w.bytes(fd, v, depth) {
				return false
			}
		case protowire.StartGroupType:
			v, _ := protowire.ConsumeGroup(num, value)
			if fd.Message() != nil && !w.message(fd.Message(), v, depth+1) {
				return false
			}
		default:
			if !w.take(w.scalar(fd)) {
				return false
			}
		}
	}
	return true
}

func (w *weigher) extension(md protoreflect.MessageDescriptor, num protowire.Number) protoreflect.FieldDescriptor {
	if md.ExtensionRanges().Len() == 0 {
		return nil
	}
	xt, err := w.types.FindExtensionByNumber(md.FullName(), num)
	if err != nil {
		return nil
	}
	return xt.TypeDescriptor()
}

// bytes weighs a field of known length: a message, a text, bytes, or a packed list.
func (w *weigher) bytes(fd protoreflect.FieldDescriptor, v []byte, depth int) bool {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return w.message(fd.Message(), v, depth+1)
	case protoreflect.StringKind:
		n := int64(len(v)) + perNumber
		for _, c := range v {
			if c < ' ' {
				n += 5
			} else if c == '"' || c == '\\' {
				n++
			}
		}
		return w.take(n)
	case protoreflect.BytesKind:
		return w.take(int64(len(v))*4/3 + perNumber)
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return w.take(int64(len(v)/4) * perNumber)
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return w.take(int64(len(v)/8) * perNumber)
	}
	n := int64(0)
	for _, c := range v {
		if c < 0x80 {
			n++
		}
	}
	return w.take(n * w.scalar(fd))
}

// scalar is what one number, or name of an enum, takes.
func (w *weigher) scalar(fd protoreflect.FieldDescriptor) int64 {
	ed := fd.Enum()
	if ed == nil || w.opts.UseEnumNumbers {
		return perNumber
	}
	n, ok := w.longest[ed.FullName()]
	if !ok {
		for i := range ed.Values().Len() {
			n = max(n, int64(len(ed.Values().Get(i).Name())))
		}
		n += perNumber
		w.longest[ed.FullName()] = n
	}
	return n
}

// emptied is what a message takes without a field.
func (w *weigher) emptied(md protoreflect.MessageDescriptor) int64 {
	if !w.opts.EmitUnpopulated {
		return perMessage
	}
	n, ok := w.empty[md.FullName()]
	if !ok {
		n = perMessage
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			n += int64(len(fd.JSONName())) + w.scalar(fd)
		}
		w.empty[md.FullName()] = n
	}
	return n
}
