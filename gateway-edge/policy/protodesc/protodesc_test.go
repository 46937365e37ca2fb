package protodesc_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
)

const shop = `syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
import "shop/v1/item.proto";
service Shop {
  rpc Get(GetRequest) returns (Item) { option (google.api.http) = { get: "/v1/items/{id}" }; }
}
service Inner { rpc Ping(GetRequest) returns (GetRequest); }
message GetRequest { string id = 1; google.protobuf.Timestamp at = 2; }`

const item = `syntax = "proto3";
package shop.v1;
message Item { string id = 1; }`

func TestSources(t *testing.T) {
	t.Parallel()
	s, err := protodesc.Load("", map[string]string{"shop/v1/shop.proto": shop, "shop/v1/item.proto": item})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Services(nil)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
	one, err := s.Services([]string{"shop.v1.Shop"})
	if err != nil || len(one) != 1 {
		t.Fatalf("%v %v", one, err)
	}
	if _, err := s.Services([]string{"shop.v1.None"}); err == nil || !strings.Contains(err.Error(), "shop.v1.Inner, shop.v1.Shop") {
		t.Errorf("%v", err)
	}
	rule, ok := proto.GetExtension(one[0].Methods().Get(0).Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule.GetGet() != "/v1/items/{id}" {
		t.Errorf("the rule is %v", rule)
	}
	for url, want := range map[string]bool{
		"type.googleapis.com/shop.v1.Item": true, "x/google.rpc.BadRequest": true, "google.protobuf.Duration": true,
		"type.googleapis.com/shop.v1.None": false, "": false,
	} {
		if _, err := s.Types.FindMessageByURL(url); (err == nil) != want {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func set(files ...*descriptorpb.FileDescriptorProto) string {
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// TestSet: copies of well-known files in a set do not replace ours.
func TestSet(t *testing.T) {
	t.Parallel()
	mine := &descriptorpb.FileDescriptorProto{
		Name: proto.String("a.proto"), Package: proto.String("a"), Dependency: []string{"google/protobuf/timestamp.proto"}, Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("at"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".google.protobuf.Timestamp"),
		}}}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String("Do"), InputType: proto.String(".a.M"), OutputType: proto.String(".a.M"),
		}}}},
	}
	forged := &descriptorpb.FileDescriptorProto{
		Name: proto.String("google/protobuf/timestamp.proto"), Package: proto.String("google.protobuf"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Timestamp")}},
	}
	s, err := protodesc.Load(set(forged, mine), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Services(nil)
	if err != nil || len(all) != 1 || all[0].Methods().Get(0).Input().Fields().Get(0).Message().Fields().Len() != 2 {
		t.Errorf("%v %v", all, err)
	}
}

// TestRefused: what can't be used is refused with a sentence, and nothing panics.
func TestRefused(t *testing.T) {
	t.Parallel()
	one := func(name, text string) map[string]string { return map[string]string{name: text} }
	many := map[string]string{}
	for i := range protodesc.MaxFiles + 1 {
		many[fmt.Sprintf("f%d.proto", i)] = ""
	}
	file := func(change func(*descriptorpb.FileDescriptorProto)) string {
		f := &descriptorpb.FileDescriptorProto{Name: proto.String("a.proto"), Syntax: proto.String("proto3")}
		change(f)
		return set(f)
	}
	nested := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range protodesc.MaxNesting + 5 {
		nested = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{nested}}
	}
	for name, c := range map[string]struct {
		set     string
		sources map[string]string
		want    string
	}{
		"syntax":               {"", one("a.proto", "syntax = \"proto3\";\nmessage {"), "a.proto:2:9"},
		"import of a stranger": {"", one("a.proto", `syntax="proto3"; import "b.proto";`), "b.proto is neither uploaded"},
		"import from a disk":   {"", one("a.proto", `syntax="proto3"; import "/etc/passwd";`), "neither uploaded"},
		"cycle":                {"", map[string]string{"a.proto": `import "b.proto";`, "b.proto": `import "a.proto";`}, "cycle"},
		"name":                 {"", one("../a.proto", ""), "no name of a file"},
		"absolute name":        {"", one("/a.proto", ""), "no name of a file"},
		"too many":             {"", many, "201 files"},
		"too large":            {"", one("a.proto", strings.Repeat("/", protodesc.MaxBytes+1)), "at most"},
		"too deep":             {"", one("a.proto", strings.Repeat("message M {", 100)), "nested 100 deep"},
		"no base64":            {"%", nil, "no base64"},
		"no set":               {base64.StdEncoding.EncodeToString([]byte("hello, world")), nil, "FileDescriptorSet"},
		"empty set":            {base64.StdEncoding.EncodeToString([]byte{10, 0}), nil, ""},
		"set of strangers":     {file(func(f *descriptorpb.FileDescriptorProto) { f.Dependency = []string{"b.proto"} }), nil, "b.proto"},
		"deep set":             {file(func(f *descriptorpb.FileDescriptorProto) { f.MessageType = []*descriptorpb.DescriptorProto{nested} }), nil, ""},
		"dangling type": {file(func(f *descriptorpb.FileDescriptorProto) {
			f.Service = []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("D"), InputType: proto.String(".No"), OutputType: proto.String(".No")}}}}
		}), nil, "No"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := protodesc.Load(c.set, c.sources); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzSource(f *testing.F) {
	f.Add(shop)
	f.Add(item)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = protodesc.Load("", map[string]string{"a.proto": text, "shop/v1/item.proto": item})
	})
}

func FuzzSet(f *testing.F) {
	raw, _ := base64.StdEncoding.DecodeString(set(&descriptorpb.FileDescriptorProto{Name: proto.String("a.proto")}))
	f.Add(raw)
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = protodesc.Load(base64.StdEncoding.EncodeToString(raw), nil) })
}
