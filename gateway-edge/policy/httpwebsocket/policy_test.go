package httpwebsocket_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/httpwebsocket"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// backend is an upstream that opens a WebSocket for every handshake, and says its
// script over it.
type backend struct {
	script []any // policy.Message, string, []byte, error; at its end it is silent
	refuse *policy.FetchResponse
	fail   error
	mu     sync.Mutex
	asked  *policy.OpenRequest // guarded by mu
	said   []policy.Message    // guarded by mu
	closed int                 // guarded by mu
	opened int                 // guarded by mu
}

func (b *backend) shake(r *policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = r
	if b.fail != nil || b.refuse != nil {
		return nil, b.refuse, b.fail
	}
	b.opened++
	return &channel{b: b, script: b.script}, nil, nil
}

func (b *backend) deps(testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Upstream = func(name string) (policy.Caller, error) {
		switch name {
		case "h2":
			return policytest.Backend(nil), nil
		case "app":
			return policytest.SocketBackend{Shake: b.shake}, nil
		}
		return nil, errors.New("there is no such upstream")
	}
	return d
}

// channel is one of its WebSockets.
type channel struct {
	b      *backend
	script []any
}

func (*channel) Protocol() string { return "" }

func (c *channel) Send(_ context.Context, m policy.Message) error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.said = append(c.b.said, policy.Message{Binary: m.Binary, Data: append([]byte(nil), m.Data...)})
	return nil
}

func (c *channel) Receive(ctx context.Context) (policy.Message, error) {
	if len(c.script) == 0 {
		<-ctx.Done()
		return policy.Message{}, &policy.CallError{Code: contract.CodeUpstreamTimeout, Err: ctx.Err()}
	}
	next := c.script[0]
	c.script = c.script[1:]
	switch next := next.(type) {
	case string:
		return policy.Message{Data: []byte(next)}, nil
	case []byte:
		return policy.Message{Binary: true, Data: next}, nil
	}
	return policy.Message{}, next.(error)
}

func (c *channel) Close(uint16, string) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.closed++
}

func text(s string) *string { return &s }

func cut(code contract.Code) error {
	return &policy.CallError{Code: code, Err: errors.New("the connection broke")}
}

// TestFirst: what becomes of a request whose answer is one message.
func TestFirst(t *testing.T) {
	answered := func(status int, kind, body string) policytest.Want {
		return policytest.Want{Answered: true, Status: status, Body: text(body), Header: map[string]string{"Content-Type": kind}}
	}
	rejected := func(code contract.Code) policytest.Want { return policytest.Want{Rejected: true, Code: code} }
	ask := policytest.Request{Method: "POST", Path: "/ask", Query: "a=b", Body: `{"a":1}`, Header: policytest.Fields{"Content-Type", "application/json"}}
	plain := "text/plain; charset=utf-8"
	var cases []policytest.Case
	add := func(name string, b *backend, more string, r policytest.Request, w policytest.Want) {
		cases = append(cases, policytest.Case{
			Name: name, Config: `{"upstream":"app"` + more + `}`, Deps: b.deps, Steps: []policytest.Step{{Request: r, Want: w}},
		})
	}
	add("text", &backend{script: []any{"hello", "dropped"}}, "", ask, answered(200, plain, "hello"))
	add("JSON", &backend{script: []any{` {"b":2}`}}, "", ask, answered(200, "application/json", ` {"b":2}`))
	add("almost JSON", &backend{script: []any{`{"b":2`}}, "", ask, answered(200, plain, `{"b":2`))
	add("bytes", &backend{script: []any{[]byte{0, 1}}}, "", ask, answered(200, "application/octet-stream", "\x00\x01"))
	add("empty", &backend{script: []any{""}}, "", ask, answered(200, plain, ""))
	add("a type of its own", &backend{script: []any{"a,b"}}, `,"content_type":"text/csv"`, ask, answered(200, "text/csv", "a,b"))
	add("closed", &backend{script: []any{&policy.ChannelClosed{Code: 4000, Reason: "secret"}}}, "", ask, rejected(contract.CodeUpstreamProtocol))
	add("cut", &backend{script: []any{cut(contract.CodeUpstreamReset)}}, "", ask, rejected(contract.CodeUpstreamReset))
	add("malformed", &backend{script: []any{cut(contract.CodeUpstreamProtocol)}}, "", ask, rejected(contract.CodeUpstreamProtocol))
	add("silent", &backend{}, `,"timeout":"100ms"`, ask, rejected(contract.CodeUpstreamTimeout))
	add("refused", &backend{refuse: &policy.FetchResponse{Status: 401, Header: map[string][]string{"Content-Type": {"text/x"}}, Body: []byte("who are you")}}, "", ask, answered(401, "text/x", "who are you"))
	add("no WebSocket", &backend{refuse: &policy.FetchResponse{Status: 200}}, "", ask, rejected(contract.CodeUpstreamProtocol))
	add("away", &backend{fail: cut(contract.CodeUpstreamUnavailable)}, "", ask, rejected(contract.CodeUpstreamUnavailable))
	long := ask
	long.Body = `{"a":10}`
	add("too long", &backend{}, `,"max_message_bytes":7`, long, policytest.Want{Rejected: true})
	bytes := ask
	bytes.Body = "\xff"
	add("bytes as text", &backend{}, `,"send_as":"text"`, bytes, rejected(contract.CodeRequestInvalid))
	coded := ask
	coded.Header = policytest.Fields{"Content-Encoding", "rot13"}
	add("a coding that is not known", &backend{}, "", coded, rejected(contract.CodeMediaType))
	coded.Header = policytest.Fields{"Content-Encoding", "gzip"}
	add("a coding that it is not", &backend{}, "", coded, rejected(contract.CodeRequestInvalid))
	policytest.Run(t, &httpwebsocket.Descriptor, policytest.Suite{Cases: append(cases,
		policytest.Case{Name: "HEAD", Hot: true, Config: `{"upstream":"app"}`, Deps: (&backend{}).deps, Steps: []policytest.Step{{
			Request: policytest.Request{Method: "HEAD"},
			Want:    policytest.Want{Rejected: true, Code: contract.CodeMethodNotAllowed, Header: map[string]string{"Allow": "GET, POST, PUT, PATCH, DELETE"}},
		}}},
		policytest.Case{Name: "no such upstream", Config: `{"upstream":"x"}`, Deps: (&backend{}).deps, Error: "/upstream: there is no such upstream"},
		policytest.Case{Name: "HTTP/2", Config: `{"upstream":"h2"}`, Deps: (&backend{}).deps, Error: "/upstream: speaks HTTP/2"},
		policytest.Case{Name: "no such variable", Config: `{"upstream":"app","message":{"text":"{env}"}}`, Deps: (&backend{}).deps, Error: "/message/text: unknown variable {env}"},
		policytest.Case{Name: "no such variable in JSON", Config: `{"upstream":"app","message":{"json":{"a":["{env}"]}}}`, Deps: (&backend{}).deps, Error: "/message/json/a/0: unknown variable {env}"},
		policytest.Case{Name: "not known where streams are for", Config: `{"upstream":"app","subprotocols":["a b"]}`, Deps: (&backend{}).deps, Error: "/subprotocols/0"},
	)})
}

// play serves one request.
func play(t testing.TB, b *backend, config string, r policytest.Request) *policytest.Result {
	t.Helper()
	p, err := httpwebsocket.New(json.RawMessage(`{"upstream":"app"`+config+`}`), b.deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, p, r)
}

func serve(t testing.TB, p policy.Policy, r policytest.Request) *policytest.Result {
	t.Helper()
	return policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &httpwebsocket.Descriptor, From: "route"}}, policytest.Step{Request: r, Want: policytest.Want{Answered: true}})
}

// TestMessage: what is sent, as which kind, with which handshake.
func TestMessage(t *testing.T) {
	t.Parallel()
	gzip := "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcaH\xcd\xc9\xc9\x07\x04\x00\x00\xff\xff\x86\xa6\x106\x05\x00\x00\x00"
	for _, c := range []struct {
		name, config, kind, coding, body string
		want                             string // "" : nothing is sent
	}{
		{"JSON", "", "application/json", "", `{"a":1}`, `text {"a":1}`},
		{"a form", "", "application/x-www-form-urlencoded", "", "a=b", "text a=b"},
		{"no type", "", "", "", "a", "text a"},
		{"bytes of no type", "", "", "", "\xff", "binary \xff"},
		{"an image", "", "image/png", "", "a", "binary a"},
		{"text that is none", "", "text/plain", "", "\xff", "binary \xff"},
		{"as binary", `,"send_as":"binary"`, "text/plain", "", "a", "binary a"},
		{"as text", `,"send_as":"text"`, "image/png", "", "a", "text a"},
		{"compressed", "", "text/plain", "gzip", gzip, "text hello"},
		{"nothing", "", "", "", "", ""},
		{"a text of the operator's", `,"message":{"text":"from {client_ip}"}`, "image/png", "", "ignored", "text from 192.0.2.1"},
		{"JSON of the operator's", `,"message":{"json":{"from":"{client_ip}","who":"{consumer}","n":[1]}}`, "", "", "ignored", `text {"from":"192.0.2.1","n":[1],"who":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &backend{script: []any{"ok"}}
			h := policytest.Fields{"X-Mine", "1", "If-None-Match", "a", "Range", "bytes=0-1"}
			if c.kind != "" {
				h = append(h, "Content-Type", c.kind)
			}
			if c.coding != "" {
				h = append(h, "Content-Encoding", c.coding)
			}
			play(t, b, c.config, policytest.Request{Method: "POST", Path: "/ask", Query: "a=b", Body: c.body, Header: h})
			got := ""
			for _, m := range b.said {
				got += map[bool]string{true: "binary ", false: "text "}[m.Binary] + string(m.Data)
			}
			if got != c.want {
				t.Errorf("sent %q, want %q", got, c.want)
			}
			for name := range b.asked.Header {
				if low := strings.ToLower(name); strings.HasPrefix(low, "content-") || low == "if-none-match" || low == "range" {
					t.Errorf("the handshake carries %s", name)
				}
			}
			if b.asked.Path != "/ask" || b.asked.Query != "a=b" || b.asked.Header["X-Mine"] == nil || b.asked.Header["X-Forwarded-For"][0] != "192.0.2.1" {
				t.Errorf("the handshake is %+v", b.asked)
			}
		})
	}
	b := &backend{script: []any{"ok"}}
	play(t, b, `,"path":"/socket","subprotocols":["a","b"],"max_message_bytes":9,"timeout":"1s"`, policytest.Request{Path: "/ask", Query: "q"})
	if r := b.asked; r.Path != "/socket" || r.Query != "q" || strings.Join(r.Protocols, " ") != "a b" || r.Limit != 9 || r.Timeout.String() != "1s" {
		t.Errorf("%+v", r)
	}
}

// TestStream: messages become events, and the last one says how it ended.
func TestStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		script       []any
		want         string
	}{
		{"closed", "", []any{"a", "b", &policy.ChannelClosed{Code: 1000}}, "data: a\n\ndata: b\n\nevent: end\ndata: {\"reason\":\"closed\",\"close\":1000}\n\n"},
		{"nothing came", "", []any{&policy.ChannelClosed{Code: 1005}}, "event: end\ndata: {\"reason\":\"closed\",\"close\":1005}\n\n"},
		{"a code that says why", "", []any{"a", &policy.ChannelClosed{Code: 4001, Reason: "secret"}}, "data: a\n\nevent: error\ndata: {\"code\":\"upstream_protocol\",\"close\":4001}\n\n"},
		{"cut", "", []any{"a", cut(contract.CodeUpstreamReset)}, "data: a\n\nevent: error\ndata: {\"code\":\"upstream_reset\"}\n\n"},
		{"lines", "", []any{"a\nb\r\nc\rd\n\nevent: end\n", &policy.ChannelClosed{Code: 1001}}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: event: end\ndata: \n\nevent: end\ndata: {\"reason\":\"closed\",\"close\":1001}\n\n"},
		{"bytes", "", []any{[]byte{0, 255}, &policy.ChannelClosed{Code: 1000}}, "event: binary\ndata: AP8=\n\nevent: end\ndata: {\"reason\":\"closed\",\"close\":1000}\n\n"},
		{"so many", `,"max_messages":2`, []any{"a", "b", "c"}, "data: a\n\ndata: b\n\nevent: end\ndata: {\"reason\":\"max_messages\"}\n\n"},
		{"idle", `,"idle_timeout":"4s","heartbeat":"3s"`, []any{"a"}, "data: a\n\n:\n\nevent: end\ndata: {\"reason\":\"idle\"}\n\n"},
		{"old", `,"max_duration":"5s","heartbeat":"0s"`, []any{"a"}, "data: a\n\nevent: end\ndata: {\"reason\":\"max_duration\"}\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{script: c.script}
				r := play(t, b, `,"answer":"stream"`+c.config, policytest.Request{Method: "POST", Body: "go"})
				synctest.Wait()
				kind, _ := r.Header.Get("Content-Type")
				if !r.Streamed || !r.Whole || kind != "text/event-stream" || r.Body != c.want {
					t.Errorf("%v %v %s %q", r.Streamed, r.Whole, kind, r.Body)
				}
				if b.opened != 1 || b.closed != 1 || len(b.said) != 1 {
					t.Errorf("%d opened, %d closed, %d sent", b.opened, b.closed, len(b.said))
				}
			})
		})
	}
}

// TestConnections: so many at once and no more, and each that ends makes room.
func TestConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p, err := httpwebsocket.New(json.RawMessage(`{"upstream":"app","connections":2,"timeout":"1s"}`), b.deps(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var wg sync.WaitGroup
			codes := make(chan contract.Code, 3)
			for range 3 {
				wg.Go(func() {
					r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &httpwebsocket.Descriptor, From: "route"}}, policytest.Step{})
					codes <- r.Reply.Code
				})
			}
			wg.Wait()
			synctest.Wait()
			seen := map[contract.Code]int{}
			for range 3 {
				seen[<-codes]++
			}
			if seen[contract.CodeUpstreamBusy] != 1 || seen[contract.CodeUpstreamTimeout] != 2 {
				t.Errorf("%v", seen)
			}
		}
		if b.opened != 4 || b.closed != 4 {
			t.Errorf("%d opened, %d closed", b.opened, b.closed)
		}
	})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &httpwebsocket.Descriptor) }

// BenchmarkFirst is what a request costs beside its connection.
func BenchmarkFirst(b *testing.B) {
	up := &backend{script: []any{`{"b":2}`}}
	d := up.deps(b)
	d.Behind = nil // a connection ends with its request: else the loop overtakes the ends
	p, err := httpwebsocket.Descriptor.New([]byte(`{"upstream":"app","message":{"json":{"from":"{client_ip}"}}}`), d)
	if err != nil {
		b.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &httpwebsocket.Descriptor, From: "route"}}
	b.ReportAllocs()
	for b.Loop() {
		policytest.Serve(b, steps, policytest.Step{Want: policytest.Want{Answered: true, Status: 200}})
	}
}
