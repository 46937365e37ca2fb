package protodesc_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	list := func(n int) []byte {
		return []byte(`{"a":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}`)
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"many":              {list(protodesc.MaxObjects - 1), nil},
		"too many":          {list(protodesc.MaxObjects), protodesc.ErrObjects},
		"many values":       {[]byte("[" + strings.Repeat("0,", protodesc.MaxValues-1) + "0]"), nil},
		"too many values":   {[]byte("[" + strings.Repeat("0,", protodesc.MaxValues) + "0]"), protodesc.ErrObjects},
		"in a text":         {[]byte(`{"a":"\"` + strings.Repeat("{", 1<<17) + `"}`), nil},
		"behind such a one": {append([]byte(`["\\"`), bytes.Repeat([]byte(",{}"), 1<<17)...), protodesc.ErrObjects},
		"empty":             {nil, nil},
	} {
		if err := protodesc.CheckJSON(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckMessage: what is let through is never much larger as JSON than the bound
// says, and ordinary messages are let through.
func TestCheckMessage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("A", 1000)
	s, err := protodesc.Load("", map[string]string{"a.proto": `syntax="proto3"; package p; import "google/protobuf/any.proto";
		enum E { ` + long + ` = 0; }
		message M { repeated M m = 1; repeated E e = 2; map<string, M> by = 3; repeated int32 n = 4; string s = 5; bytes b = 6; repeated google.protobuf.Any any = 7;
			string ` + strings.ToLower(long) + ` = 8; repeated fixed64 f = 9; }
		service S { rpc R(M) returns (M); }`})
	if err != nil {
		t.Fatal(err)
	}
	services, err := s.Services(nil)
	if err != nil {
		t.Fatal(err)
	}
	md := services[0].Methods().Get(0).Input()
	field := func(n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), v)
	}
	times := func(b []byte, n int) []byte { return bytes.Repeat(b, n) }
	inAny := field(7, append(field(1, []byte("x/p.M")), field(2, field(2, make([]byte, 100_000)))...))
	for name, c := range map[string]struct {
		raw      []byte
		defaults bool
		heavy    bool
	}{
		"a long text":              {field(5, times([]byte("x"), 16<<20)), false, false},
		"long bytes":               {field(6, make([]byte, 16<<20)), false, false},
		"a text to be escaped":     {field(5, make([]byte, 16<<20)), false, true},
		"numbers":                  {field(4, make([]byte, 1<<20)), false, false},
		"too many numbers":         {field(4, make([]byte, 4<<20)), false, true},
		"wide numbers":             {field(9, make([]byte, 16<<20)), false, false},
		"names":                    {field(2, make([]byte, 10_000)), false, false},
		"too many names":           {field(2, make([]byte, 100_000)), false, true},
		"names one by one":         {times([]byte{2 << 3, 0}, 100_000), false, true},
		"messages":                 {times(field(1, nil), 100_000), false, false},
		"too many messages":        {times(field(1, nil), 1<<20), false, true},
		"messages with defaults":   {times(field(1, nil), 10_000), true, false},
		"too many with defaults":   {times(field(1, nil), 50_000), true, true},
		"too many in a map":        {times(field(3, field(1, []byte("k"))), 1<<20), false, true},
		"too many names in an Any": {inAny, false, true},
		"nested too deep":          {nested(200), false, true},
		"malformed":                {[]byte{0xff}, false, false},
		"unknown":                  {times([]byte{15 << 3, 0}, 1<<20), false, false},
	} {
		opts := protojson.MarshalOptions{EmitUnpopulated: c.defaults, Resolver: s.Types}
		err := protodesc.CheckMessage(md, c.raw, s.Types, opts)
		if (err != nil) != c.heavy {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && name != "malformed" {
			if n := written(t, md, c.raw, opts); n > 80<<20 {
				t.Errorf("%s: %d bytes of JSON", name, n)
			}
		}
	}
}

func nested(n int) (b []byte) {
	for range n {
		b = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b)
	}
	return b
}

func written(t *testing.T, md protoreflect.MessageDescriptor, raw []byte, opts protojson.MarshalOptions) int {
	t.Helper()
	m := dynamicpb.NewMessage(md)
	if err := proto.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
	out, err := opts.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return len(out)
}
