package grpcweb_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/grpcweb"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func frame(flags byte, s string) string { return string(grpcwire.Append(nil, flags, []byte(s))) }

// untext reads base64 with padding in its midst.
func untext(t testing.TB, s string) string {
	var out []byte
	for ; len(s) >= 4; s = s[4:] {
		b, err := base64.StdEncoding.DecodeString(s[:4])
		if err != nil {
			t.Errorf("%q: %v", s, err)
		}
		out = append(out, b...)
	}
	if s != "" {
		t.Errorf("%q is left over", s)
	}
	return string(out)
}

// call is a request with this content type and body, and what the client gets.
func call(kind, accept, body, sentType, sent string, backend policytest.Response, gotType, got string) policytest.Step {
	s := policytest.Step{
		Request: policytest.Request{Method: "POST", Path: "/a.S/Do", Body: body, Header: policytest.Fields{"Content-Type", kind}},
		Backend: backend,
		Want:    policytest.Want{Forwarded: true, Status: 200, Sent: map[string]string{"Content-Type": sentType}, Header: map[string]string{"Content-Type": gotType}},
	}
	if accept != "" {
		s.Request.Header = append(s.Request.Header, "Accept", accept)
	}
	s.Check = func(t testing.TB, r *policytest.Result) {
		if r.Sent.Body != sent {
			t.Errorf("sent %q, want %q", r.Sent.Body, sent)
		}
		body := r.Body
		if strings.Contains(gotType, "-text") {
			body = untext(t, body)
		}
		if body != got || gotType != "application/grpc" && len(r.Trailer) > 0 {
			t.Errorf("got %q %v, want %q", body, r.Trailer, got)
		}
	}
	return s
}

func TestPolicy(t *testing.T) {
	hello, world := frame(0, "hello"), frame(0, "world")
	text := base64.StdEncoding.EncodeToString([]byte(hello))
	parts := base64.StdEncoding.EncodeToString([]byte(hello[:4])) + "\r\n" + base64.StdEncoding.EncodeToString([]byte(hello[4:]))
	fine := policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc+proto"}, Body: world, Trailer: policytest.Fields{"Grpc-Status", "0", "X-Cost", "3"}}
	end := world + frame(0x80, "grpc-status:0\r\nx-cost:3\r\n")
	alone := policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc", "Grpc-Status", "5", "Grpc-Message", "no%20such", "X-Meta", "m"}}
	none := policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}, Body: world}
	policytest.Run(t, &grpcweb.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "binary", Steps: []policytest.Step{
			call("application/grpc-web+proto", "", hello, "application/grpc+proto", hello, fine, "application/grpc-web+proto", end),
			call("application/grpc-web", "", hello, "application/grpc", hello, fine, "application/grpc-web+proto", end),
			call("application/grpc-web; charset=utf-8", "*/*", hello, "application/grpc", hello, fine, "application/grpc-web+proto", end),
			call("application/grpc-web", "application/grpc-web-text", hello, "application/grpc", hello, fine, "application/grpc-web-text+proto", end),
		}},
		{Name: "text", Steps: []policytest.Step{
			call("application/grpc-web-text+proto", "", text, "application/grpc+proto", hello, fine, "application/grpc-web-text+proto", end),
			call("application/grpc-web-text", "application/grpc-web-text", parts, "application/grpc", hello, fine, "application/grpc-web-text+proto", end),
			call("application/grpc-web-text", "application/grpc-web+proto", text, "application/grpc", hello, fine, "application/grpc-web+proto", end),
		}},
		{Name: "errors", Steps: []policytest.Step{
			call("application/grpc-web", "", hello, "application/grpc", hello, alone, "application/grpc-web", frame(0x80, "grpc-status:5\r\ngrpc-message:no%20such\r\n")),
			call("application/grpc-web-text", "", text, "application/grpc", hello, alone, "application/grpc-web-text", frame(0x80, "grpc-status:5\r\ngrpc-message:no%20such\r\n")),
			call("application/grpc-web", "", hello, "application/grpc", hello, none, "application/grpc-web", world+frame(0x80, "grpc-status:13\r\ngrpc-message:the backend ended the call without a status\r\n")),
			call("application/grpc-web", "", hello, "application/grpc", hello, policytest.Response{Header: policytest.Fields{"Content-Type", "text/html"}, Body: "no"}, "text/html", "no"),
			{
				Request: policytest.Request{Header: policytest.Fields{"Content-Type", "application/grpc-web"}},
				Want:    policytest.Want{Rejected: true, Code: contract.CodeMethodNotAllowed},
			},
		}},
		{Name: "others pass", Hot: true, Steps: []policytest.Step{
			call("application/grpc", "", hello, "application/grpc", hello, policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}, Body: world, Trailer: policytest.Fields{"Grpc-Status", "0"}}, "application/grpc", world),
			call("application/grpc-webby", "", "x", "application/grpc-webby", "x", policytest.Response{Header: policytest.Fields{"Content-Type", "text/plain"}, Body: "x"}, "text/plain", "x"),
			{Request: policytest.Request{}, Want: policytest.Want{Forwarded: true}},
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &grpcweb.Descriptor) }

func BenchmarkCall(b *testing.B) {
	policytest.Bench(b, &grpcweb.Descriptor, policytest.Case{Steps: []policytest.Step{{
		Request: policytest.Request{Method: "POST", Header: policytest.Fields{"Content-Type", "application/grpc-web+proto"}},
		Backend: policytest.Response{Header: policytest.Fields{"Content-Type", "application/grpc"}},
	}}})
}
