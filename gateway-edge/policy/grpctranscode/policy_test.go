package grpctranscode_test

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpctranscode"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
	"github.com/tollgate/tollgate/services/contract"
)

//go:embed testdata/library.proto
var library string

// methods are those of the service by name.
var methods = func() protoreflect.MethodDescriptors {
	s, err := protodesc.Load("", map[string]string{"library.proto": library})
	if err != nil {
		panic(err)
	}
	all, err := s.Services(nil)
	if err != nil {
		panic(err)
	}
	return all[0].Methods()
}()

func config(more string) string {
	text, _ := json.Marshal(library)
	return fmt.Sprintf(`{"proto":{"library.proto":%s}%s}`, text, more)
}

// frame is a message of a type, given as JSON, as gRPC sends it.
func frame(md protoreflect.MessageDescriptor, js string) string {
	m := dynamicpb.NewMessage(md)
	if err := protojson.Unmarshal([]byte(js), m); err != nil {
		panic(err)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(grpcwire.Append(nil, 0, raw))
}

// texts are the messages of frames, as JSON.
func texts(t testing.TB, md protoreflect.MessageDescriptor, body string) (out []string) {
	for len(body) > 0 {
		n := 5 + int(binary.BigEndian.Uint32([]byte(body[1:5])))
		m := dynamicpb.NewMessage(md)
		if err := proto.Unmarshal([]byte(body[5:n]), m); err != nil || body[0] != 0 {
			t.Errorf("%x: %v", body, err)
			return out
		}
		js, _ := protojson.Marshal(m)
		var v any
		_ = json.Unmarshal(js, &v)
		js, _ = json.Marshal(v)
		out, body = append(out, string(js)), body[n:]
	}
	return out
}

var ok = policytest.Fields{"Grpc-Status", "0"}

// calls is a request that becomes a call of a method, with these messages, whose
// answer is one Book.
func calls(method, http, path, query, body string, messages ...string) policytest.Step {
	md := methods.ByName(protoreflect.Name(method))
	s := policytest.Step{
		Request: policytest.Request{Method: http, Path: path, Query: query, Body: body, Header: policytest.Fields{"Accept-Encoding", "gzip"}},
		Backend: policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}, Trailer: ok, Body: frame(md.Output(), "{}")},
		Want:    policytest.Want{Forwarded: true, Status: 200, Sent: map[string]string{"Content-Type": "application/grpc", "Accept-Encoding": ""}},
	}
	if body != "" {
		s.Request.Header = append(s.Request.Header, "Content-Type", "application/json")
	}
	s.Check = func(t testing.TB, r *policytest.Result) {
		got := strings.Join(texts(t, md.Input(), r.Sent.Body), " ")
		if want := strings.Join(messages, " "); got != want || r.Sent.Method != "POST" || r.Sent.Path != "/library.v1.Library/"+method || r.Sent.Query != "" {
			t.Errorf("%s %s?%s: %s\nwant %s", r.Sent.Method, r.Sent.Path, r.Sent.Query, got, want)
		}
		if len(r.Trailer) > 0 {
			t.Errorf("trailers %v", r.Trailer)
		}
	}
	return s
}

func refused(http, path, query, body string, detail string) policytest.Step {
	s := policytest.Step{
		Request: policytest.Request{Method: http, Path: path, Query: query, Body: body, Header: policytest.Fields{"Content-Type", "application/json"}},
		Want:    policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid, Status: 400},
	}
	s.Check = func(t testing.TB, r *policytest.Result) {
		if !strings.Contains(r.Reply.Detail, detail) {
			t.Errorf("%q, want %q", r.Reply.Detail, detail)
		}
	}
	return s
}

func text(s string) *string { return &s }

func TestRequests(t *testing.T) {
	policytest.Run(t, &grpctranscode.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "paths", Config: config(""), Steps: []policytest.Step{
			calls("GetBook", "GET", "/v1/shelves/1/books/2", "", "", `{"name":"shelves/1/books/2"}`),
			calls("GetBook", "GET", "/v1/books/a%20b%C3%A9", "", "", `{"name":"a bé"}`),
			calls("LendBook", "POST", "/v1/shelves/1/books/2:lend", "", "", `{"name":"shelves/1/books/2"}`),
			calls("GetBook", "GET", "/v1/books/2:other", "", "", `{"name":"2:other"}`),
			calls("Cover", "GET", "/v1/covers/a/b/c", "", "", `{"name":"a/b/c"}`),
		}},
		{Name: "bodies", Config: config(""), Steps: []policytest.Step{
			calls("CreateBook", "POST", "/v1/shelves/1/books", "bookId=7", `{"title":"A","pages":"5","genre":"POETRY","copies":{"x":2},"author":{"fullName":"B"}}`,
				`{"book":{"author":{"fullName":"B"},"copies":{"x":2},"genre":"POETRY","pages":"5","title":"A"},"bookId":"7","parent":"shelves/1"}`),
			calls("UpdateBook", "PATCH", "/v1/shelves/1/books/2", "", `{"name":"else","in_stock":true,"printed":"2026-01-02T03:04:05Z"}`, `{"inStock":true,"name":"shelves/1/books/2","printed":"2026-01-02T03:04:05Z"}`),
			calls("CreateBook", "POST", "/v1/shelves/1/books", "book_id=7", "", `{"bookId":"7","parent":"shelves/1"}`),
		}},
		{Name: "queries", Config: config(`,"ignore_query":["key"]`), Steps: []policytest.Step{
			calls("ListBooks", "GET", "/v1/books", "page.size=10&tags=a&tags=b&genres=POETRY&genres=2&since=2026-01-02T03:04:05Z&within=1.5s&limit=4&all=true&cursor=_-8&ratio=1.5e3&count=7&deep=true&by_field=x&like.author.teacher.fullName=Z&key=secret&delta=-4&weight=NaN", "",
				`{"all":true,"byField":"x","count":7,"cursor":"/+8=","deep":true,"delta":"-4","genres":["POETRY","SCIENCE"],"like":{"author":{"teacher":{"fullName":"Z"}}},"limit":4,"page":{"size":10},"ratio":1500,"since":"2026-01-02T03:04:05Z","tags":["a","b"],"weight":"NaN","within":"1.500s"}`),
			calls("GetBook", "GET", "/v1/books/1", "mask=title,inStock", "", `{"mask":"title,inStock","name":"1"}`),
			calls("ListBooks", "SEARCH", "/v1/books", "", "", `{}`),
		}},
		{Name: "unknown fields are left out", Config: config(`,"unknown_fields":"ignore"`), Steps: []policytest.Step{
			calls("GetBook", "GET", "/v1/books/1", "no=such", "", `{"name":"1"}`),
			calls("UpdateBook", "PATCH", "/v1/shelves/1/books/2", "", `{"no":{"such":1}}`, `{"name":"shelves/1/books/2"}`),
		}},
		{Name: "refused", Config: config(""), Steps: []policytest.Step{
			refused("GET", "/v1/books", "no=such&count=-1&page.size=x&labels=a&deep=1&like=x&a.b.c=1", "", `"a.b.c" is no field; "count" is no uint32; "deep" is "true" or "false"; "labels" library.v1.ListBooksRequest.labels is a message: only its fields can be given; "like" library.v1.ListBooksRequest.like is a message: only its fields can be given; "no" is no field; "page.size" is no int32`),
			refused("GET", "/v1/books", "by_field=x&by_rank=true", "", `by_field and by_rank can't both be given`),
			refused("GET", "/v1/books", "count=1&count=2", "", `"count" is given more than once`),
			refused("GET", "/v1/books/1", "name=2", "", `"name" is given already`),
			refused("GET", "/v1/books", "page_token=%ff&cursor=!&genres=NONE&since=yesterday&ratio=0x10&page.token=%ff", "", `"cursor" is no base64 text; "genres" is no value of library.v1.Genre; "page.token" is not UTF-8; "page_token" is no field; "ratio" is no double; "since" is no google.protobuf.Timestamp`),
			refused("GET", "/v1/books", "%zz", "", `malformed`),
			refused("GET", "/v1/books", strings.Repeat("x.", 20)+"y=1", "", `is no field`),
			refused("POST", "/v1/shelves/1/books", "book.title=x", "{}", `"book.title" belongs into the body`),
			refused("POST", "/v1/shelves/1/books", "", `{},"parent":"x"`, `is no JSON`),
			refused("POST", "/v1/shelves/1/books", "", `{"no":1}`, `unknown field`),
			refused("PATCH", "/v1/shelves/1/books/2", "", `{"pages":"x"}`, `invalid value`),
			refused("PATCH", "/v1/shelves/1/books/2", "", `{`, `the body`),
			refused("PATCH", "/v1/shelves/1/books/2", "", strings.Repeat(`{"author":{"teacher":`, 50)+"{}"+strings.Repeat("}}", 50), `the body`),
			refused("GET", "/v1/books/1", "", `{}`, `takes none`),
			{Request: policytest.Request{Method: "PATCH", Path: "/v1/shelves/1/books/2", Body: "a=b", Header: policytest.Fields{"Content-Type", "text/plain"}}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
			{Request: policytest.Request{Method: "PATCH", Path: "/v1/shelves/1/books/2", Body: "x", Header: policytest.Fields{"Content-Encoding", "gzip"}}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
			{Request: policytest.Request{Path: "/v2/books"}, Want: policytest.Want{Rejected: true, Code: contract.CodeNoRoute}},
			{Request: policytest.Request{Path: "/v1/books/"}, Want: policytest.Want{Rejected: true, Code: contract.CodeNoRoute}},
			{Request: policytest.Request{Method: "POST", Path: "/library.v1.Library/Unbound"}, Want: policytest.Want{Rejected: true, Code: contract.CodeNoRoute}},
			{Request: policytest.Request{Method: "DELETE", Path: "/v1/shelves/1/books/2"}, Want: policytest.Want{Rejected: true, Code: contract.CodeMethodNotAllowed, Header: map[string]string{"Allow": "GET, PATCH"}}},
		}},
		{Name: "bounds", Config: config(`,"max_request_bytes":20`), Steps: []policytest.Step{
			{Request: policytest.Request{Method: "PATCH", Path: "/v1/shelves/1/books/2", Body: `{"title":"0123456789"}`}, Want: policytest.Want{Rejected: true}},
		}},
		{Name: "implicit", Config: config(`,"implicit":true`), Steps: []policytest.Step{
			calls("Unbound", "POST", "/library.v1.Library/Unbound", "", `{"name":"x"}`, `{"name":"x"}`),
		}},
		{Name: "calls pass", Hot: true, Config: config(""), Steps: []policytest.Step{{
			Request: policytest.Request{Method: "POST", Path: "/library.v1.Library/GetBook", Header: policytest.Fields{"Content-Type", "application/grpc"}},
			Backend: policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}, Trailer: ok},
			Want:    policytest.Want{Forwarded: true, Header: map[string]string{"Content-Type": "application/grpc"}},
			Check: func(t testing.TB, r *policytest.Result) {
				if len(r.Trailer) != 2 {
					t.Errorf("%v", r.Trailer)
				}
			},
		}}},
		{Name: "others pass", Config: config(`,"unmatched":"pass"`), Steps: []policytest.Step{{
			Request: policytest.Request{Path: "/page", Query: "a=b"}, Backend: policytest.Response{Status: 404, Body: "no"},
			Want: policytest.Want{Forwarded: true, Status: 404, Body: text("no"), Path: text("/page"), Query: text("a=b")},
		}}},
		{Name: "files", Config: config(""), Steps: []policytest.Step{{
			Request: policytest.Request{Method: "PUT", Path: "/v1/covers/a", Body: "\xff\xd8", Header: policytest.Fields{"Content-Type", "image/jpeg"}},
			Backend: policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}, Trailer: ok, Body: frame(methods.ByName("PutCover").Output(), "{}")},
			Want:    policytest.Want{Forwarded: true, Status: 200},
			Check: func(t testing.TB, r *policytest.Result) {
				if got := texts(t, methods.ByName("PutCover").Input(), r.Sent.Body); len(got) != 1 || got[0] != `{"image":{"contentType":"image/jpeg","data":"/9g="},"name":"a"}` {
					t.Errorf("%s", got)
				}
			},
		}}},
		{Name: "deadline", Config: config(`,"timeout":"3s"`), Steps: []policytest.Step{
			{Request: policytest.Request{Path: "/v1/books/1"}, Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Grpc-Timeout": "3000m"}}},
			{Request: policytest.Request{Path: "/v1/books/1", Header: policytest.Fields{"Grpc-Timeout", "1S"}}, Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Grpc-Timeout": "1S"}}},
			{Request: policytest.Request{Path: "/v1/books:watch"}, Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Grpc-Timeout": ""}}},
		}},
		{Name: "a stream of requests", Config: config(""), Steps: []policytest.Step{
			calls("ImportBooks", "POST", "/v1/books:import", "", "{\"title\":\"A\"}\n\n {\"title\":\"B\"}\r\n{\"title\":\"C\"}", `{"title":"A"}`, `{"title":"B"}`, `{"title":"C"}`),
			calls("ImportBooks", "POST", "/v1/books:import", "", ""),
			refused("POST", "/v1/books:import", "title=x", "{}", `belongs into the body`),
		}},
	}})
}

// answers is a GET of a book, and what the backend's answer becomes.
func answers(path string, backend policytest.Response, want policytest.Want, header ...string) policytest.Step {
	want.Forwarded = !want.Rejected
	return policytest.Step{Request: policytest.Request{Path: path, Header: header}, Backend: backend, Want: want}
}

func grpc(body string, trailer policytest.Fields, header ...string) policytest.Response {
	return policytest.Response{Header: append(policytest.Fields{"Content-Type", "application/grpc+proto"}, header...), Trailer: trailer, Body: body}
}

func details() string {
	bad, _ := anypb.New(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "name", Description: "empty"}}})
	raw, _ := proto.Marshal(&status.Status{Code: 3, Message: "bad", Details: []*anypb.Any{bad, {TypeUrl: "x/un.Known", Value: []byte{1}}}})
	return base64.RawStdEncoding.EncodeToString(raw)
}

func TestAnswers(t *testing.T) {
	book := methods.ByName("GetBook").Output()
	one := frame(book, `{"name":"1","title":"<é>","pages":"5","genre":"POETRY"}`)
	two := frame(book, `{"title":"B"}`)
	list := frame(methods.ByName("ListBooks").Output(), `{"books":[{"title":"A"},{"title":"B"}],"next":"n"}`)
	image := frame(methods.ByName("Cover").Output(), `{"contentType":"image/png","data":"AQI="}`)
	bad := frame(methods.ByName("Cover").Output(), `{"contentType":"a\r\nb","data":"AQI="}`)
	js := map[string]string{"Content-Type": "application/json"}
	gone := policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol, Status: 502}
	cases := []policytest.Case{
		{Name: "unary", Config: config(""), Steps: []policytest.Step{
			answers("/v1/books/1", grpc(one, policytest.Fields{"Grpc-Status", "0", "X-Cost", "3"}, "X-Meta", "m"), policytest.Want{Status: 200, Body: text(`{"name":"1","title":"<é>","pages":"5","genre":"POETRY"}`), Header: map[string]string{"Content-Type": "application/json", "X-Cost": "3", "X-Meta": "m", "Grpc-Status": ""}}),
			answers("/v1/shelves/1/books", grpc(list, ok), policytest.Want{Status: 200, Body: text(`[{"title":"A"},{"title":"B"}]`), Header: js}),
			answers("/v1/shelves/1/books", grpc(frame(methods.ByName("ListBooks").Output(), `{}`), ok), policytest.Want{Status: 200, Body: text(`[]`), Header: js}),
			answers("/v1/covers/a/b", grpc(image, ok), policytest.Want{Status: 200, Body: text("\x01\x02"), Header: map[string]string{"Content-Type": "image/png"}}),
			answers("/v1/covers/a/b", grpc(bad, ok), policytest.Want{Status: 200, Header: map[string]string{"Content-Type": "application/octet-stream"}}),
		}},
		{Name: "forms", Config: config(`,"default_values":true,"enum_numbers":true,"proto_names":true`), Steps: []policytest.Step{
			answers("/v1/books/1", grpc(one, ok), policytest.Want{Status: 200, Body: text(`{"name":"1","title":"<é>","pages":"5","genre":1,"printed":null,"author":null,"tags":[],"copies":{},"in_stock":false}`)}),
		}},
		{Name: "errors", Config: config(""), Steps: []policytest.Step{
			answers("/v1/books/1", grpc("", nil, "Grpc-Status", "5", "Grpc-Message", "no%20such"), policytest.Want{Status: 404, Body: text(`{"error":{"code":404,"message":"no such","status":"NOT_FOUND"}}`), Header: map[string]string{"Content-Type": "application/json", "Grpc-Status": "", "Grpc-Message": ""}}),
			answers("/v1/books/1", grpc("", policytest.Fields{"Grpc-Status", "3", "Grpc-Message", "bad", "Grpc-Status-Details-Bin", details()}), policytest.Want{Status: 400, Body: text(`{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"name","description":"empty"}]},{"@type":"x/un.Known","value":"AQ=="}]}}`)}),
			answers("/v1/books:watch", grpc("", nil, "Grpc-Status", "7"), policytest.Want{Status: 403}),
			answers("/v1/books/1", grpc(one, nil), policytest.Want{Status: 500, Body: text(`{"error":{"code":500,"message":"the backend ended the call without a status","status":"INTERNAL"}}`)}),
		}},
		{Name: "backends that speak otherwise", Config: config(""), Steps: []policytest.Step{
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: policytest.Response{Body: "hello"}, Want: policytest.Want{Forwarded: true, Status: 502, Code: gone.Code}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: policytest.Response{Status: 503, Header: policytest.Fields{"Content-Type", "application/grpc"}}, Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc("", ok), Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc("", nil, "Grpc-Status", "0"), Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc(one+two, ok), Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc(one[:8], ok), Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc("\x01"+one[1:], ok), Want: policytest.Want{Forwarded: true, Status: 502}},
			{Request: policytest.Request{Path: "/v1/books/1"}, Backend: grpc("\x00\x00\x00\x00\x01\xff", ok), Want: policytest.Want{Forwarded: true, Status: 502}},
		}},
		{Name: "lines", Config: config(""), Steps: []policytest.Step{
			answers("/v1/books:watch", grpc(two+two, ok), policytest.Want{Status: 200, Body: text("{\"title\":\"B\"}\n{\"title\":\"B\"}\n"), Header: map[string]string{"Content-Type": "application/x-ndjson"}}),
			answers("/v1/books:watch", grpc(two, policytest.Fields{"Grpc-Status", "14", "Grpc-Message", "gone"}), policytest.Want{Status: 200, Body: text("{\"title\":\"B\"}\n{\"error\":{\"code\":503,\"message\":\"gone\",\"status\":\"UNAVAILABLE\"}}\n")}),
			answers("/v1/books:watch", grpc(two+"\x00", ok), policytest.Want{Status: 200, Body: text("{\"title\":\"B\"}\n{\"error\":{\"code\":500,\"message\":\"the stream ends in the middle of a message\",\"status\":\"INTERNAL\"}}\n")}),
			answers("/v1/books:watch", grpc(two+"\x01"+two[1:]+two, ok), policytest.Want{Status: 200, Body: text("{\"title\":\"B\"}\n{\"error\":{\"code\":500,\"message\":\"the backend sent a compressed message that nobody asked for\",\"status\":\"INTERNAL\"}}\n")}),
			answers("/v1/books:watch", grpc("", nil, "Grpc-Status", "0"), policytest.Want{Status: 200, Body: text("")}),
		}},
		{Name: "events", Config: config(""), Steps: []policytest.Step{
			answers("/v1/books:watch", grpc(two, ok), policytest.Want{Status: 200, Body: text("data: {\"title\":\"B\"}\n\n"), Header: map[string]string{"Content-Type": "text/event-stream"}}, "Accept", "text/event-stream"),
			answers("/v1/books:watch", grpc(two, policytest.Fields{"Grpc-Status", "8"}), policytest.Want{Status: 200, Body: text("data: {\"title\":\"B\"}\n\nevent: error\ndata: {\"error\":{\"code\":429,\"message\":\"\",\"status\":\"RESOURCE_EXHAUSTED\"}}\n\n")}, "Accept", "text/event-stream"),
		}},
	}
	policytest.Run(t, &grpctranscode.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: cases})
}

// TestRules: rules that can't be used are named when they are saved.
func TestRules(t *testing.T) {
	for rule, want := range map[string]string{
		`get: "v1"`:                                   "begins with",
		`get: "/v1/{id"`:                              "is written {name}",
		`get: "/v1/{id=*"`:                            "is not closed",
		`get: "/v1/{no}"`:                             `no field "no"`,
		`get: "/v1/{list}"`:                           "is repeated",
		`get: "/v1/{m}"`:                              "is a message",
		`get: "/v1/{id=**}/x"`:                        "at the end only",
		`get: "/v1//x"`:                               "empty segment",
		`get: "/v1/x:"`:                               "verb",
		`get: "/v1/x:y/z"`:                            "can't stand there",
		`get: "/v1/.."`:                               "that no path has",
		`get: "/v1/{id={m}}"`:                         "that no path has",
		`custom { kind: "get" path: "/x" }`:           `method "get"`,
		`post: "/v1/x" body: "no"`:                    "no field no",
		`get: "/v1/x" response_body: "no"`:            "no field no",
		`get: "/a" additional_bindings { get: "/a" }`: "take the same requests",
		`get: "/a" additional_bindings { get: "/b" additional_bindings { get: "/c" } }`: "bindings of its own",
	} {
		src, _ := json.Marshal(`syntax = "proto3"; package a; import "google/api/annotations.proto";
			message M { string id = 1; repeated string list = 2; M m = 3; }
			service S { rpc Do(M) returns (M) { option (google.api.http) = { ` + rule + ` }; } }`)
		_, err := grpctranscode.New(json.RawMessage(`{"proto":{"a.proto":`+string(src)+`}}`), policytest.NewDeps())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a.S.Do") {
			t.Errorf("%s: %v, want %q", rule, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &grpctranscode.Descriptor) }

// FuzzRequest: no request makes it panic, and all drivers agree on what is sent.
func FuzzRequest(f *testing.F) {
	f.Add("/v1/books", "page.size=1", "{}")
	f.Add("/v1/shelves/1/books", "bookId=7", `{"title":"A"}`)
	f.Fuzz(func(t *testing.T, path, query, body string) {
		policytest.Fuzz(t, &grpctranscode.Descriptor, policytest.Case{Config: config(""), Steps: []policytest.Step{{
			Request: policytest.Request{Method: "POST", Path: path, Query: query, Body: body, Header: policytest.Fields{"Content-Type", "application/json"}},
		}}})
	})
}

func BenchmarkTranscode(b *testing.B) {
	policytest.Bench(b, &grpctranscode.Descriptor, policytest.Case{Config: config(""), Steps: []policytest.Step{
		{Request: policytest.Request{Path: "/v1/books", Query: "page.size=10&tags=a"}, Backend: grpc("", nil, "Grpc-Status", "5")},
	}})
}

// TestHeavy: what would become very large, of a client's JSON or of a backend's
// message, is refused before it is read.
func TestHeavy(t *testing.T) {
	p, err := grpctranscode.Descriptor.New([]byte(config("")), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	chain := []policy.Step{{Policy: p, Descriptor: &grpctranscode.Descriptor, From: "route"}}
	many := `{"tags":[` + strings.TrimSuffix(strings.Repeat(`"",`, 250_000), ",") + `]}`
	r := policytest.Serve(t, chain, refused("PATCH", "/v1/shelves/1/books/2", "", many, ""))
	if r.Forwarded || r.Reply.Code != contract.CodeRequestInvalid || !strings.Contains(r.Reply.Detail, "200000 values") {
		t.Errorf("%+v", r.Reply)
	}
	books := string(grpcwire.Append(nil, 0, bytes.Repeat([]byte{1<<3 | 2, 0}, 300_000)))
	r = policytest.Serve(t, chain, answers("/v1/shelves/1/books", grpc(books, ok), policytest.Want{}))
	if r.Status != 502 || !strings.Contains(r.Reply.Detail, "too large") {
		t.Errorf("%d %q", r.Status, r.Reply.Detail)
	}
}
