package conformance

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// guide is a service with all four kinds of calls.
const guide = `syntax = "proto3";
package guide;
import "google/api/annotations.proto";
service RouteGuide {
  rpc GetFeature(Point) returns (Feature) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = { get: "/v1/features/{latitude}/{longitude}" additional_bindings { post: "/v1/features:get" body: "*" } };
  }
  rpc ListFeatures(Point) returns (stream Feature) { option (google.api.http) = { get: "/v1/features" }; }
  rpc RecordRoute(stream Point) returns (Summary) { option (google.api.http) = { post: "/v1/routes" body: "*" }; }
  rpc RouteChat(stream Point) returns (stream Feature) { option (google.api.http) = { post: "/v1/chat" body: "*" }; }
}
message Point { int32 latitude = 1; int32 longitude = 2; }
message Feature { string name = 1; Point location = 2; }
message Summary { int32 points = 1; int32 sum = 2; }
`

// healthProto is what grpc_health_v1 was made from, with rules.
const healthProto = `syntax = "proto3";
package grpc.health.v1;
import "google/api/annotations.proto";
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse) { option (google.api.http) = { get: "/healthz" additional_bindings { get: "/healthz/{service}" } }; }
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse) { option (google.api.http) = { get: "/healthz:watch" }; }
}
`

// messages is the number of messages of the large service, one method for each.
const messages = 40

// large is a service whose methods send back what they get: messages of every kind
// of field, each holding the one before.
func large() string {
	kinds := []string{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "float", "double", "bool", "string", "bytes"}
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage large;\nimport \"google/api/annotations.proto\";\nenum Color { NONE = 0; RED = 1; BLUE = 2; }\n")
	for i := range messages {
		k := kinds[i%len(kinds)]
		fmt.Fprintf(&b, "message M%d { %s value = 1; repeated %s list = 2; map<string, %s> map = 3; Color color = 4; oneof one { string a = 5; int32 b = 6; } ", i, k, k, k)
		if i > 0 {
			fmt.Fprintf(&b, "M%d inner = 7; ", i-1)
		}
		b.WriteString("}\n")
	}
	b.WriteString("service Echo {\n")
	for i := range messages {
		fmt.Fprintf(&b, "rpc Do%d(M%d) returns (M%d) { option (google.api.http) = { post: \"/echo/%d\" body: \"*\" }; }\n", i, i, i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// schemas are all sources by name.
func schemas() map[string]string {
	return map[string]string{"guide.proto": guide, "health.proto": healthProto, "large.proto": large()}
}

// services are those of schemas.
func services(t *testing.T) (out []protoreflect.ServiceDescriptor) {
	t.Helper()
	sources := schemas()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		switch text, ok := sources[path]; {
		case ok:
			return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
		case path == "google/api/annotations.proto":
			return protocompile.SearchResult{Desc: annotations.File_google_api_annotations_proto}, nil
		}
		return protocompile.SearchResult{}, fmt.Errorf("there is no %s", path)
	}))}
	files, err := c.Compile(t.Context(), "guide.proto", "health.proto", "large.proto")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		out = append(out, f.Services().Get(0))
	}
	return out
}

// translated is grpc-go's server with all of them; it speaks gRPC alone.
func translated(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	h := health.NewServer()
	h.SetServingStatus("shop", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
	for _, sd := range services(t) {
		if sd.FullName() != "grpc.health.v1.Health" {
			register(s, sd)
		}
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// register serves the methods of a service with dynamic messages, all as streams,
// which a unary call is to a server.
func register(s *grpc.Server, sd protoreflect.ServiceDescriptor) {
	desc := grpc.ServiceDesc{ServiceName: string(sd.FullName()), HandlerType: (*any)(nil)}
	for i := range sd.Methods().Len() {
		md := sd.Methods().Get(i)
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: string(md.Name()), ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, st grpc.ServerStream) error { return serve(md, st) },
		})
	}
	s.RegisterService(&desc, struct{}{})
}

func serve(md protoreflect.MethodDescriptor, st grpc.ServerStream) error {
	receive := func() (*dynamicpb.Message, error) {
		m := dynamicpb.NewMessage(md.Input())
		return m, st.RecvMsg(m)
	}
	incoming, _ := metadata.FromIncomingContext(st.Context())
	st.SetTrailer(metadata.Pairs("x-trailer", "t-"+strings.Join(incoming.Get("x-meta"), ",")))
	if md.Parent().FullName() == "large.Echo" {
		m, err := receive()
		if err != nil {
			return err
		}
		return st.SendMsg(m)
	}
	field := func(m *dynamicpb.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
		return m.Descriptor().Fields().ByName(name)
	}
	feature := func(p *dynamicpb.Message, name string) *dynamicpb.Message {
		f := dynamicpb.NewMessage(md.Output())
		f.Set(field(f, "name"), protoreflect.ValueOfString(name))
		f.Set(field(f, "location"), protoreflect.ValueOfMessage(p))
		return f
	}
	latitude := func(p *dynamicpb.Message) int64 { return p.Get(field(p, "latitude")).Int() }
	switch md.Name() {
	case "GetFeature":
		p, err := receive()
		if err != nil {
			return err
		}
		if n := latitude(p); n < 0 {
			return failure(codes.Code(-n))
		} else if n == 1000 {
			<-st.Context().Done()
			return status.FromContextError(st.Context().Err()).Err()
		}
		return st.SendMsg(feature(p, "one"))
	case "ListFeatures":
		p, err := receive()
		if err != nil {
			return err
		}
		for i := range latitude(p) {
			if err := st.SendMsg(feature(p, fmt.Sprint("n", i))); err != nil {
				return err
			}
		}
		if c := p.Get(field(p, "longitude")).Int(); c != 0 {
			return failure(codes.Code(c))
		}
		return nil
	}
	count, sum := int64(0), int64(0)
	for {
		p, err := receive()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		count, sum = count+1, sum+latitude(p)
		if md.Name() == "RouteChat" {
			if err := st.SendMsg(feature(p, fmt.Sprint("got ", count))); err != nil {
				return err
			}
		}
	}
	if md.Name() == "RouteChat" {
		return nil
	}
	m := dynamicpb.NewMessage(md.Output())
	m.Set(field(m, "points"), protoreflect.ValueOfInt32(int32(count)))
	m.Set(field(m, "sum"), protoreflect.ValueOfInt32(int32(sum)))
	return st.SendMsg(m)
}

// failure is an error of a code, with a detail.
func failure(c codes.Code) error {
	s, err := status.New(c, "it is "+c.String()).WithDetails(&errdetails.ErrorInfo{Reason: "TEST", Domain: "tollgate"})
	if err != nil {
		return err
	}
	return s.Err()
}
