package websockethttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/websockethttp"
	"github.com/tollgate/tollgate/services/contract"
)

const id = "ws_0123456789"

// backend is the upstream of the tests. It notes what it is asked.
type backend struct {
	mu   sync.Mutex
	seen []*policy.CallRequest // guarded by mu
	fail int                   // calls that fail first; guarded by mu
}

func (b *backend) answer(r *policy.CallRequest) (*policy.FetchResponse, error) {
	b.mu.Lock()
	b.seen = append(b.seen, r)
	failing := b.fail > 0
	b.fail--
	b.mu.Unlock()
	page := func(status int, kind, body string) (*policy.FetchResponse, error) {
		return &policy.FetchResponse{Status: status, Header: map[string][]string{"Content-Type": {kind}, "Sec-Websocket-Protocol": {"v2"}}, Body: []byte(body)}, nil
	}
	switch {
	case failing:
		return nil, errors.New("connection refused")
	case r.Path == "/connect" && r.Query == "no":
		return page(403, "text/plain", "go away")
	case r.Path == "/connect" && r.Query == "moved":
		return page(302, "", "")
	case r.Path == "/refuse":
		return page(409, "text/plain", "secret of the backend")
	case r.Path == "/binary":
		return page(200, "application/octet-stream", "\x00")
	}
	return page(200, "application/json", r.Path+"="+string(r.Body))
}

func (b *backend) last() *policy.CallRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[len(b.seen)-1]
}

func (b *backend) deps(testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Upstream = func(name string) (policy.Caller, error) {
		if name != "chat" {
			return nil, errors.New("there is no such upstream")
		}
		return policytest.Backend(b.answer), nil
	}
	return d
}

func TestPolicy(t *testing.T) {
	b := &backend{}
	full := `{"upstream":"chat","connect_path":"/connect","message_path":"/message","token":{"secret":"t"}}`
	shake := policytest.Request{
		Socket: id, Path: "/live", Principal: &policy.Principal{ConsumerName: "ann"},
		Header: policytest.Fields{"Cookie", "a=b", "TOLLGATE-Connection-Id", "ws_forged", "Tollgate-Event", "message", "Sec-WebSocket-Protocol", "v1, v2"},
	}
	with := func(q string) policytest.Request { r := shake; r.Query = q; return r }
	gone := "go away"
	policytest.Run(t, &websockethttp.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "accepted", Config: full, Deps: b.deps, Steps: []policytest.Step{{
			Request: shake, Want: policytest.Want{Accepted: true, Status: 101, Header: map[string]string{"Sec-WebSocket-Protocol": "v2"}},
			Check: func(t testing.TB, r *policytest.Result) {
				if r.Accepted.Options != (policy.SocketOptions{Concurrency: 1, Rate: 20, Burst: 40}) {
					t.Errorf("%+v", r.Accepted.Options)
				}
				h := b.last().Header
				for name, want := range map[string]string{
					"Tollgate-Connection-Id": id, "Tollgate-Event": "connect", "Tollgate-Route": "test", "Tollgate-Path": "/live", "Cookie": "a=b",
					"Tollgate-Consumer": "ann", "Tollgate-Authorization": "Bearer secret:t", "X-Forwarded-For": "192.0.2.1", "TOLLGATE-Connection-Id": "",
				} {
					if got := strings.Join(h[name], "|"); got != want {
						t.Errorf("the backend got %s: %q, want %q", name, got, want)
					}
				}
			},
		}}},
		{Name: "nobody is asked", Config: `{"upstream":"chat","message_path":"/m"}`, Deps: b.deps, Steps: []policytest.Step{{Request: shake, Want: policytest.Want{Accepted: true}}}},
		{Name: "refused", Config: full, Deps: b.deps, Steps: []policytest.Step{
			{Request: with("no"), Want: policytest.Want{Answered: true, Status: 403, Body: &gone}},
			{Request: with("moved"), Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}},
		}},
		{Name: "no backend", Config: full, Steps: []policytest.Step{{Request: shake, Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamUnavailable}}}},
		{Name: "no WebSocket", Hot: true, Config: full, Deps: b.deps, Steps: []policytest.Step{{Want: policytest.Want{Rejected: true, Code: contract.CodeUpgradeRefused}}}},
		{Name: "no such upstream", Deps: b.deps, Config: `{"upstream":"x","message_path":"/"}`, Error: "/upstream: there is no such upstream"},
	}})
}

// socket is a client's side that notes what it is sent.
type socket struct{ got []string }

func (*socket) ID() string { return id }

func (s *socket) Send(_ context.Context, m policy.Message) error {
	s.got = append(s.got, fmt.Sprintf("%v %s", m.Binary, m.Data))
	return nil
}

func (s *socket) Close(code uint16, reason string) {
	s.got = append(s.got, fmt.Sprintf("%d %s", code, reason))
}

// accept makes a connection's handler.
func accept(t testing.TB, b *backend, more string) policy.SocketHandler {
	t.Helper()
	p, err := websockethttp.New(json.RawMessage(`{"upstream":"chat","message_path":"/message"`+more+`}`), b.deps(t))
	if err != nil {
		t.Fatal(err)
	}
	r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &websockethttp.Descriptor, From: "route"}},
		policytest.Step{Request: policytest.Request{Socket: id}, Want: policytest.Want{Accepted: true}})
	return r.Accepted.Handler
}

func TestMessages(t *testing.T) {
	paths := `,"select":"/do/what","paths":{"join":"/rooms/join","bad":"/refuse","raw":"/binary"}`
	for _, row := range []struct {
		name, more, in string
		binary         bool
		path, kind     string
		out            string
	}{
		{"text", "", "hello", false, "/message", "text/plain; charset=utf-8", "false /message=hello"},
		{"JSON", "", `{"a":1}`, false, "/message", "application/json", `false /message={"a":1}`},
		{"almost JSON", "", `{"a":1`, false, "/message", "text/plain; charset=utf-8", `false /message={"a":1`},
		{"binary", "", "{}", true, "/message", "application/octet-stream", "false /message={}"},
		{"chosen", paths, `{"do":{"what":"join"}}`, false, "/rooms/join", "application/json", `false /rooms/join={"do":{"what":"join"}}`},
		{"not chosen", paths, `{"do":{"what":"else"}}`, false, "/message", "application/json", `false /message={"do":{"what":"else"}}`},
		{"a number", paths, `{"do":{"what":1}}`, false, "/message", "application/json", `false /message={"do":{"what":1}}`},
		{"no JSON", paths, "join", false, "/message", "text/plain; charset=utf-8", "false /message=join"},
		{"bytes back", paths, `{"do":{"what":"raw"}}`, false, "/binary", "application/json", "true \x00"},
		{"refused", paths, `{"do":{"what":"bad"}}`, false, "/refuse", "application/json", `false {"error":{"code":"message_refused","status":409}}`},
		{"refused, quietly", paths + `,"on_error":"ignore"`, `{"do":{"what":"bad"}}`, false, "/refuse", "application/json", ""},
		{"refused, for good", paths + `,"on_error":"close"`, `{"do":{"what":"bad"}}`, false, "/refuse", "application/json", "1011 message_refused"},
		{"no replies", `,"replies":false`, "hello", false, "/message", "text/plain; charset=utf-8", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, s := &backend{}, &socket{}
			accept(t, b, row.more).Message(t.Context(), s, policy.Message{Binary: row.binary, Data: []byte(row.in)})
			r := b.last()
			if r.Path != row.path || r.Header["Content-Type"][0] != row.kind || string(r.Body) != row.in || r.Method != "POST" ||
				r.Header["Tollgate-Event"][0] != "message" || r.Header["Tollgate-Connection-Id"][0] != id {
				t.Errorf("the backend got %+v", r)
			}
			if got := strings.Join(s.got, "; "); got != row.out {
				t.Errorf("the client got %q, want %q", got, row.out)
			}
		})
	}
	b, s := &backend{fail: 1}, &socket{}
	accept(t, b, "").Message(t.Context(), s, policy.Message{})
	if !slices.Equal(s.got, []string{`false {"error":{"code":"upstream_unavailable","status":503}}`}) {
		t.Errorf("the client got %q of a backend that is away", s.got)
	}
}

func TestFarewell(t *testing.T) {
	b := &backend{fail: 2}
	h := accept(t, b, `,"disconnect_path":"/bye"`)
	h.Closed(t.Context(), id, policy.SocketEnd{Code: 1006, Reason: "the client went away", By: policy.EndedByClient})
	if len(b.seen) != 3 {
		t.Fatalf("%d tries", len(b.seen))
	}
	if r := b.last(); r.Path != "/bye" || string(r.Body) != `{"code":1006,"reason":"the client went away","by":"client"}` || r.Header["Tollgate-Event"][0] != "disconnect" {
		t.Errorf("the backend got %s %s %v", r.Path, r.Body, r.Header)
	}
	b = &backend{}
	accept(t, b, "").Closed(t.Context(), id, policy.SocketEnd{Code: 1000})
	if len(b.seen) != 0 {
		t.Error("a backend was told that did not ask for it")
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &websockethttp.Descriptor) }

// BenchmarkRefused is what a request costs that is no WebSocket.
func BenchmarkRefused(b *testing.B) {
	policytest.Bench(b, &websockethttp.Descriptor, policytest.Case{Config: `{"upstream":"chat","message_path":"/m"}`, Deps: (&backend{}).deps, Steps: []policytest.Step{{}}})
}

// BenchmarkMessage is what a message costs beside its call.
func BenchmarkMessage(b *testing.B) {
	up := &backend{}
	h, s := accept(b, up, ""), &socket{}
	b.ReportAllocs()
	for b.Loop() {
		h.Message(b.Context(), s, policy.Message{Data: []byte(`{"a":1}`)})
		up.seen, s.got = up.seen[:0], s.got[:0]
	}
}
