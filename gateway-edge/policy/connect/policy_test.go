package connect_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/connect"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

const eliza = `syntax = "proto3";
package eliza;
service Eliza {
  rpc Say(Sentence) returns (Sentence) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Write(Sentence) returns (Sentence);
  rpc Talk(stream Sentence) returns (stream Sentence);
}
message Sentence { string text = 1; int64 n = 2; }`

func config(more string) string {
	src, _ := json.Marshal(eliza)
	return `{"proto":{"eliza.proto":` + string(src) + `}` + more + `}`
}

// sentence is a message in binary form.
func sentence(s string) string { return "\n" + string(rune(len(s))) + s }

func frame(flags byte, s string) string { return string(grpcwire.Append(nil, flags, []byte(s))) }

func zip(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func backend(body string, fields ...string) policytest.Response {
	return policytest.Response{Header: append(policytest.Fields{"Content-Type", "application/grpc"}, fields...), Body: body, Trailer: policytest.Fields{"Grpc-Status", "0", "X-Cost", "3"}}
}

// fails is a backend's answer to a call that fails, in trailers.
func fails(body string, trailer ...string) policytest.Response {
	return policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc+proto"}, Body: body, Trailer: trailer}
}

type want struct {
	sent   string // the body
	fields map[string]string
	status int
	head   map[string]string
	body   string
}

func call(path, kind, body string, b policytest.Response, w want, fields ...string) policytest.Step {
	if w.status == 0 {
		w.status = 200
	}
	return policytest.Step{
		Request: policytest.Request{Method: "POST", Path: path, Body: body, Header: append(policytest.Fields{"Content-Type", kind}, fields...)}, Backend: b,
		Want: policytest.Want{Forwarded: true, Status: w.status, Sent: w.fields, Header: w.head, Body: &w.body},
		Check: func(t testing.TB, r *policytest.Result) {
			if r.Sent.Body != w.sent {
				t.Errorf("sent %q, want %q", r.Sent.Body, w.sent)
			}
			if len(r.Trailer) > 0 {
				t.Errorf("trailers %v", r.Trailer)
			}
		},
	}
}

func answered(q policytest.Request, status int, body string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Answered: true, Status: status, Body: &body}}
}

func post(path, kind, body string, fields ...string) policytest.Request {
	return policytest.Request{Method: "POST", Path: path, Body: body, Header: append(policytest.Fields{"Content-Type", kind}, fields...)}
}

func details() string {
	raw, _ := proto.Marshal(&status.Status{Code: 5, Details: []*anypb.Any{{TypeUrl: "type.googleapis.com/a.B", Value: []byte{1}}}})
	return base64.StdEncoding.EncodeToString(raw)
}

func TestUnary(t *testing.T) {
	hello, world := sentence("hello"), sentence("world")
	fields := map[string]string{"Content-Type": "application/grpc+proto", "Grpc-Timeout": "1500m", "Connect-Timeout-Ms": "", "Connect-Protocol-Version": "", "Accept-Encoding": "", "Grpc-Accept-Encoding": "gzip, br"}
	policytest.Run(t, &connect.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "binary", Steps: []policytest.Step{
			call("/eliza.Eliza/Say", "application/proto", hello, backend(frame(0, world), "X-Meta", "m"), want{
				sent: frame(0, hello), fields: fields, body: world,
				head: map[string]string{"Content-Type": "application/proto", "X-Meta": "m", "Trailer-X-Cost": "3", "Grpc-Status": ""},
			}, "Connect-Timeout-Ms", "1500", "Connect-Protocol-Version", "1", "Accept-Encoding", "gzip, br"),
			call("/eliza.Eliza/Say", "application/proto", "", backend(frame(0, "")), want{sent: frame(0, "")}),
			call("/eliza.Eliza/Say", "application/proto", zip(hello), backend(frame(1, zip(world)), "Grpc-Encoding", "gzip"), want{
				sent: frame(1, zip(hello)), fields: map[string]string{"Grpc-Encoding": "gzip", "Content-Encoding": ""}, body: zip(world), head: map[string]string{"Content-Encoding": "gzip", "Grpc-Encoding": ""},
			}, "Content-Encoding", "gzip"),
		}},
		{Name: "json", Config: config(""), Steps: []policytest.Step{
			call("/eliza.Eliza/Say", "application/json; charset=utf-8", `{"text":"hello","unknown":1}`, backend(frame(0, world)), want{sent: frame(0, hello), body: `{"text":"world"}`, head: map[string]string{"Content-Type": "application/json"}}, "Accept-Encoding", "gzip"),
			call("/eliza.Eliza/Write", "application/json", zip(`{"text":"hello"}`), backend(frame(0, "")), want{sent: frame(0, hello), fields: map[string]string{"Content-Encoding": "", "Grpc-Encoding": "", "Grpc-Accept-Encoding": ""}, body: `{}`}, "Content-Encoding", "gzip"),
			answered(post("/eliza.Eliza/Say", "application/json", `{"text":1}`), 400, `{"code":"invalid_argument","message":" (line 1:9): invalid value for string field text: 1"}`),
			answered(post("/eliza.Eliza/Say", "application/json", `{`, "Content-Encoding", "br"), 400, `{"code":"invalid_argument","message":"the coding \"br\" is not known for messages in JSON, gzip is"}`),
			answered(post("/eliza.Eliza/Say", "application/json", `{`, "Content-Encoding", "gzip"), 400, `{"code":"invalid_argument","message":"the message is not compressed with gzip"}`),
			answered(post("/eliza.Eliza/Talk", "application/json", `{}`), 415, ""),
			answered(post("/eliza.Eliza/Talk", "application/proto", ``), 415, ""),
			answered(post("/eliza.Eliza/Say", "application/connect+proto", ``), 415, ""),
		}},
		{Name: "a bomb", Config: config(`,"max_request_bytes":100`), Steps: []policytest.Step{
			answered(post("/eliza.Eliza/Say", "application/json", zip(strings.Repeat(" ", 10_000)), "Content-Encoding", "gzip"), 400, `{"code":"invalid_argument","message":"the message has more than 100 bytes"}`),
		}},
		{Name: "get", Config: config(""), Steps: []policytest.Step{
			{
				Request: policytest.Request{Path: "/eliza.Eliza/Say", Query: "connect=v1&encoding=json&message=%7B%22text%22%3A%22hello%22%7D"}, Backend: backend(frame(0, world)),
				Want: policytest.Want{Forwarded: true, Status: 200, Body: text(`{"text":"world"}`), Query: text("")},
				Check: func(t testing.TB, r *policytest.Result) {
					if r.Sent.Method != "POST" || r.Sent.Body != frame(0, hello) {
						t.Errorf("%+v", r.Sent)
					}
				},
			},
			{
				Request: policytest.Request{Path: "/eliza.Eliza/Say", Query: "connect=v1&encoding=proto&base64=1&message=" + base64.RawURLEncoding.EncodeToString([]byte(hello))}, Backend: backend(frame(0, world)),
				Want: policytest.Want{Forwarded: true, Status: 200, Body: &world},
			},
			answered(policytest.Request{Path: "/eliza.Eliza/Say", Query: "encoding=xml&message="}, 400, `{"code":"invalid_argument","message":"encoding is json or proto"}`),
			answered(policytest.Request{Path: "/eliza.Eliza/Say", Query: "encoding=json&message=1&message=2"}, 400, `{"code":"invalid_argument","message":"message is given more than once"}`),
			answered(policytest.Request{Path: "/eliza.Eliza/Say", Query: "encoding=json&base64=1&message=!"}, 400, `{"code":"invalid_argument","message":"message is no base64 text of the URL's alphabet"}`),
			answered(policytest.Request{Path: "/eliza.Eliza/Say", Query: "encoding=proto&compression=a%0d&message="}, 400, `{"code":"invalid_argument","message":"compression is the name of a coding"}`),
			{Request: policytest.Request{Path: "/eliza.Eliza/Write", Query: "encoding=json&message="}, Want: policytest.Want{Forwarded: true, Query: text("encoding=json&message=")}},
		}},
		{Name: "errors", Config: config(""), Steps: []policytest.Step{
			call("/eliza.Eliza/Say", "application/json", `{}`, fails("", "Grpc-Status", "5", "Grpc-Message", "no%20such", "Grpc-Status-Details-Bin", details(), "X-Cost", "1"), want{
				sent: frame(0, ""), status: 404, body: `{"code":"not_found","message":"no such","details":[{"type":"a.B","value":"AQ"}]}`, head: map[string]string{"Content-Type": "application/json", "Trailer-X-Cost": "1"},
			}),
			call("/eliza.Eliza/Say", "application/proto", ``, policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc", "Grpc-Status", "16"}}, want{sent: frame(0, ""), status: 401, body: `{"code":"unauthenticated"}`}),
			call("/eliza.Eliza/Say", "application/proto", ``, fails(""), want{sent: frame(0, ""), status: 500, body: `{"code":"internal","message":"the backend ended the call without a status"}`}),
			call("/eliza.Eliza/Say", "application/proto", ``, fails(frame(0, "")+frame(0, ""), "Grpc-Status", "0"), want{sent: frame(0, ""), status: 500, body: `{"code":"unknown","message":"the backend's answer is not one message of gRPC"}`}),
			call("/eliza.Eliza/Say", "application/proto", ``, fails("", "Grpc-Status", "0"), want{sent: frame(0, ""), status: 500, body: `{"code":"unknown","message":"the backend's answer is not one message of gRPC"}`}),
			call("/eliza.Eliza/Say", "application/proto", ``, policytest.Response{Body: "hello"}, want{sent: frame(0, ""), status: 502}),
			call("/eliza.Eliza/Say", "application/json", `{}`, fails(frame(0, "\xff"), "Grpc-Status", "0"), want{sent: frame(0, ""), status: 502}),
			answered(post("/eliza.Eliza/Say", "application/proto", "", "Connect-Timeout-Ms", "x"), 400, `{"code":"invalid_argument","message":"Connect-Timeout-Ms is a number of at most 10 digits"}`),
			answered(post("/eliza.Eliza/Say", "application/proto", "", "Connect-Protocol-Version", "2"), 400, `{"code":"invalid_argument","message":"Connect-Protocol-Version is 1"}`),
			answered(post("/eliza.Eliza/Talk", "application/connect+json", "", "Connect-Timeout-Ms", "x"), 200, frame(2, `{"error":{"code":"invalid_argument","message":"Connect-Timeout-Ms is a number of at most 10 digits"}}`)),
		}},
		{Name: "others pass", Hot: true, Config: config(""), Steps: []policytest.Step{
			{Request: policytest.Request{Method: "POST", Path: "/eliza.Eliza/Say", Header: policytest.Fields{"Content-Type", "application/grpc"}}, Want: policytest.Want{Forwarded: true}},
			{Request: post("/other", "application/json", "{}"), Want: policytest.Want{Forwarded: true}},
			{Request: policytest.Request{Path: "/eliza.Eliza/Say", Query: "a=b"}, Want: policytest.Want{Forwarded: true}},
		}},
		{Name: "no schema, no json", Steps: []policytest.Step{
			{Request: post("/eliza.Eliza/Say", "application/json", "{}"), Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Content-Type": "application/json"}}},
			answered(post("/eliza.Eliza/Talk", "application/connect+json", ""), 415, ""),
		}},
	}})
}

func text(s string) *string { return &s }

func TestStreams(t *testing.T) {
	hello, world := sentence("hello"), sentence("world")
	end := frame(2, `{"metadata":{"X-Cost":["3"]}}`)
	none := func(e string) string { return frame(2, `{"error":`+e+`}`) }
	policytest.Run(t, &connect.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{
		{Name: "binary", Steps: []policytest.Step{
			call("/eliza.Eliza/Talk", "application/connect+proto", frame(0, hello)+frame(1, zip(hello)), backend(frame(1, zip(world))+frame(0, world), "Grpc-Encoding", "gzip"), want{
				sent: frame(0, hello) + frame(1, zip(hello)), body: frame(1, zip(world)) + frame(0, world) + end,
				fields: map[string]string{"Content-Type": "application/grpc", "Grpc-Encoding": "gzip", "Grpc-Accept-Encoding": "br", "Grpc-Timeout": "9999999S", "Connect-Content-Encoding": ""},
				head:   map[string]string{"Content-Type": "application/connect+proto", "Connect-Content-Encoding": "gzip"},
			}, "Connect-Content-Encoding", "gzip", "Connect-Accept-Encoding", "br", "Connect-Timeout-Ms", "9999999999"),
		}},
		{Name: "json", Config: config(""), Steps: []policytest.Step{
			call("/eliza.Eliza/Talk", "application/connect+json", frame(0, `{"text":"hello"}`)+frame(1, zip(`{"text":"hello"}`))+frame(0, ""), backend(frame(0, world)+frame(0, "")), want{
				sent: frame(0, hello) + frame(0, hello) + frame(0, ""), body: frame(0, `{"text":"world"}`) + frame(0, `{}`) + end,
				fields: map[string]string{"Grpc-Encoding": ""}, head: map[string]string{"Content-Type": "application/connect+json"},
			}, "Connect-Content-Encoding", "gzip", "Connect-Accept-Encoding", "gzip"),
		}},
		{Name: "errors", Config: config(""), Steps: []policytest.Step{
			call("/eliza.Eliza/Talk", "application/connect+proto", "", fails(frame(0, world), "Grpc-Status", "8", "Grpc-Message", "enough"), want{body: frame(0, world) + none(`{"code":"resource_exhausted","message":"enough"}`)}),
			call("/eliza.Eliza/Talk", "application/connect+json", "", policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc", "Grpc-Status", "12"}}, want{body: none(`{"code":"unimplemented"}`)}),
			call("/eliza.Eliza/Talk", "application/connect+json", "", fails(frame(0, world)), want{body: frame(0, `{"text":"world"}`) + none(`{"code":"internal","message":"the backend ended the call without a status"}`)}),
			call("/eliza.Eliza/Talk", "application/connect+json", "", fails(frame(0, "\xff"), "Grpc-Status", "0"), want{body: none(`{"code":"internal","message":"the backend's message is not of its type"}`)}),
			call("/eliza.Eliza/Talk", "application/connect+json", "", fails(frame(1, "x"), "Grpc-Status", "0"), want{body: none(`{"code":"internal","message":"the backend's message is not of its type"}`)}),
			call("/eliza.Eliza/Talk", "application/connect+proto", "", policytest.Response{Status: 404, Body: "no"}, want{status: 502}),
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &connect.Descriptor) }

// FuzzRequest: no request makes it panic, and all drivers agree.
func FuzzRequest(f *testing.F) {
	f.Add("encoding=json&message={}", "", "")
	f.Add("", "application/json", `{"text":"x"}`)
	f.Fuzz(func(t *testing.T, query, kind, body string) {
		q := policytest.Request{Path: "/eliza.Eliza/Say", Query: query}
		if query == "" {
			q = post("/eliza.Eliza/Say", kind, body)
		}
		policytest.Fuzz(t, &connect.Descriptor, policytest.Case{Config: config(""), Steps: []policytest.Step{{Request: q, Backend: backend(frame(0, ""))}}})
	})
}

func BenchmarkUnary(b *testing.B) {
	policytest.Bench(b, &connect.Descriptor, policytest.Case{Steps: []policytest.Step{{
		Request: policytest.Request{Method: "POST", Path: "/eliza.Eliza/Say", Header: policytest.Fields{"Content-Type", "application/proto"}},
		Backend: policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc", "Grpc-Status", "5"}},
	}}})
}

// TestOwnErrors: an error of the edge that comes up behind the policy is told as the
// call's own.
func TestOwnErrors(t *testing.T) {
	for kind, want := range map[string]struct {
		status int
		body   string
	}{
		"application/proto":         {504, `{"code":"deadline_exceeded","message":"upstream_timeout: The backend did not answer in time"}`},
		"application/connect+proto": {200, frame(2, `{"error":{"code":"deadline_exceeded","message":"upstream_timeout: The backend did not answer in time"}}`)},
	} {
		d := connect.Descriptor
		p, err := d.New([]byte("{}"), policytest.NewDeps())
		if err != nil {
			t.Fatal(err)
		}
		chain, err := policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &d, From: "route"}})
		if err != nil {
			t.Fatal(err)
		}
		x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
		e := policy.EngineOf(x)
		e.Req.Method, e.Req.Path = policy.Static("POST"), policy.Static("/a.S/Do")
		e.ReqHeader.AppendString("Content-Type", kind)
		if st := chain.EngineRun(x); st != policy.EngineGo {
			t.Fatalf("%s: %v", kind, st)
		}
		e.Resp.Status, e.Resp.Origin = 504, policy.FromEdge
		e.RespHeader.AppendString("Tollgate-Error", "upstream_timeout")
		if st := chain.EngineRespond(x); st != policy.EngineGo {
			t.Fatalf("%s: %v", kind, st)
		}
		if b, _ := e.Replacement(); string(b) != want.body || e.Resp.Status != want.status {
			t.Errorf("%s: %d %q", kind, e.Resp.Status, b)
		}
		chain.EngineDone(x)
	}
}

// TestHeavy: what would become very large is refused before it is read.
func TestHeavy(t *testing.T) {
	src, err := json.Marshal(`syntax = "proto3"; package p; message M { repeated M m = 1; } service S { rpc R(M) returns (M); }`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := connect.Descriptor.New([]byte(`{"proto":{"p.proto":`+string(src)+`}}`), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	chain := []policy.Step{{Policy: p, Descriptor: &connect.Descriptor, From: "route"}}
	many := `{"m":[` + strings.TrimSuffix(strings.Repeat(`{},`, 70_000), ",") + `]}`
	r := policytest.Serve(t, chain, policytest.Step{Request: post("/p.S/R", "application/json", many)})
	if r.Forwarded || r.Status != 400 || !strings.Contains(string(r.Reply.Body), "holds more than") {
		t.Errorf("%d %s", r.Status, r.Reply.Body)
	}
	r = policytest.Serve(t, chain, policytest.Step{
		Request: post("/p.S/R", "application/json", "{}"), Backend: backend(frame(0, strings.Repeat("\n\x00", 300_000))),
	})
	if r.Status != 502 {
		t.Errorf("%d", r.Status)
	}
}
