package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// diary is what test policies write down.
type diary struct {
	mu       sync.Mutex
	lines    []string
	outcomes []policy.Outcome
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lines)
}

func (d *diary) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.lines, " ")
	d.lines = nil
	return s
}

// actor is a policy that does what its configuration says.
type actor struct {
	name string
	do   string
	d    *diary
}

func (a *actor) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	a.d.add("%s", a.name)
	switch a.do {
	case "reject":
		x.Response().Header.Set(policy.WWWAuthenticate, "Key")
		return x.Reject(contract.CodeKeyMissing, 0)
	case "answer":
		return x.Answer(201, "text/plain", []byte("made up"))
	case "wait", "block":
		return x.Wait()
	case "panic":
		panic("on purpose")
	case "zero":
		return policy.Action{}
	case "whole":
		var b bytes.Buffer
		for c := range x.Body().Chunks() {
			b.Write(c)
		}
		a.d.add("body=%s", b.String())
	case "cached":
		return x.AnswerFrom(policy.FromCache, 200, "text/plain", []byte("cached"))
	case "fields":
		return x.RejectFields(contract.CodeValidationFailed, "two fields are wrong", contract.FieldErrors{{Pointer: "/a", Detail: `is no "number"`}, {Pointer: "/b/0", Detail: "is missing"}})
	case "replace-body":
		x.ReplaceBody([]byte("another one"))
	case "translate":
		if x.Translated() {
			panic("translated before it said so")
		}
		x.Translate()
		r := x.Request()
		r.Method = policy.Static("POST")
		r.Header.Set(policy.ContentType, "application/grpc")
		if !x.Translated() {
			panic("not translated")
		}
	case "upper", "unread-upper":
		x.Filter(policy.OnTheRequest, upper{})
		x.Filter(policy.OnTheResponse, upper{})
	case "forge":
		x.Request().Header.SetBytes(policy.UserAgent, []byte("a\r\nX-Evil: b"))
	}
	return x.Next()
}

func (a *actor) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	a.d.add("await-%s", a.name)
	if a.do == "block" {
		<-b.Context().Done()
		return x.Reject(contract.CodeKeyStoreUnavailable, 0)
	}
	return x.Next()
}

func (a *actor) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	a.d.add("~%s", a.name)
	switch a.do {
	case "mark":
		n, _ := policy.HeaderName("X-Mark")
		x.Response().Header.Set(n, a.name)
	case "replace":
		return x.Reject(contract.CodeForbidden, 0)
	case "wait-response":
		return x.Wait()
	case "replace-response":
		x.ReplaceBody([]byte("another answer"))
	case "drop":
		x.DropResponse()
		x.Response().Header.Set(policy.ETag, `"kept"`)
		return x.AnswerFrom(policy.FromCache, 200, "text/plain", []byte("kept"))
	case "page":
		r, ok := x.Refusal()
		if !x.Response().Header.Has(policy.GRPCStatus) {
			x.ReplaceBody(fmt.Appendf(nil, "%v %s %d", ok, r.Code, len(r.Fields)))
		}
	case "whole-response":
		a.d.add("body=%d", x.Body().Len())
	}
	return x.Next()
}

// WantsBody: "unread" lets the body pass.
func (a *actor) WantsBody(*policy.Exchange, policy.Side) bool {
	return !strings.HasPrefix(a.do, "unread")
}

func (a *actor) OnDone(x *policy.Exchange, _ *policy.Slot) {
	a.d.add("-%s", a.name)
	a.d.mu.Lock()
	a.d.outcomes = append(a.d.outcomes, x.Outcome())
	a.d.mu.Unlock()
}

// upper is a filter that changes the length: every chunk is put in capitals and
// doubled.
type upper struct{}

func (upper) Filter(_ *policy.Exchange, in []byte, _ bool, out *policy.Out) error {
	up := bytes.ToUpper(in)
	_, err := out.Write(append(up, up...))
	return err
}

// actors makes one type of policy for each name; the configuration is what to do.
func actors(d *diary, needs map[string][2]policy.Need, names ...string) (out []*policy.Descriptor) {
	for _, name := range names {
		n := needs[name]
		out = append(out, &policy.Descriptor{
			Type: name, Phase: policy.PhaseTransform, Request: n[0], Response: n[1],
			New: func(cfg json.RawMessage, _ policy.Deps) (policy.Policy, error) {
				a := &actor{name: name, d: d}
				return a, json.Unmarshal(cfg, &a.do)
			},
		})
	}
	return out
}

// acting is a gateway whose only route runs the policies, given as name and what
// to do.
func acting(url string, steps ...string) contract.Gateway {
	g := plain(url)
	for i := 0; i < len(steps); i += 2 {
		g.Routes[0].Policies = append(g.Routes[0].Policies, contract.Policy{Type: steps[i], Config: json.RawMessage(`"` + steps[i+1] + `"`)})
	}
	return g
}

// TestChain: rules 3, 5 and 12: the order of the sides, waits, and every way to
// fail closed. Each policy whose OnRequest began gets exactly one OnDone.
func TestChain(t *testing.T) {
	d := &diary{}
	b := answers(t, okAnswer)
	whole := policy.Need{Mode: policy.NeedWhole, Max: 100}
	e := newEdge(t, edgeOptions{
		policies: actors(d, map[string][2]policy.Need{"w": {whole, {}}, "v": {{}, whole}}, "a", "b", "c", "w", "v"),
		limits:   engine.Limits{Wait: 200 * time.Millisecond},
	})
	for _, c := range []struct {
		name   string
		steps  []string
		send   string
		status int
		code   string
		diary  string
		sent   bool
	}{
		{"all next", []string{"a", "", "b", "mark", "c", ""}, get("/"), 200, "", "a b c ~c ~b ~a -c -b -a", true},
		{"reject", []string{"a", "mark", "b", "reject", "c", ""}, get("/"), 401, "key_missing", "a b ~a -b -a", false},
		{"answer", []string{"a", "mark", "b", "answer", "c", ""}, get("/"), 201, "", "a b ~a -b -a", false},
		{"wait", []string{"a", "", "b", "wait", "c", ""}, get("/"), 200, "", "a b await-b c ~c ~b ~a -c -b -a", true},
		{"wait too long", []string{"a", "", "b", "block"}, get("/"), 503, "key_store_unavailable", "a b await-b ~a -b -a", false},
		{"panic", []string{"a", "mark", "b", "panic", "c", ""}, get("/"), 500, "internal", "a b ~a -b -a", false},
		{"zero action", []string{"a", "", "b", "zero"}, get("/"), 500, "internal", "a b ~a -b -a", false},
		{"line end in a field", []string{"a", "forge"}, get("/"), 500, "internal", "a -a", false},
		{"response replaced", []string{"a", "mark", "b", "replace"}, get("/"), 403, "forbidden", "a b ~b ~a -b -a", true},
		{"wait on the response", []string{"a", "", "b", "wait-response"}, get("/"), 200, "", "a b ~b await-b ~a -b -a", true},
		{"whole body", []string{"a", "", "w", "whole"}, req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello", 200, "", "a w body=hello ~w ~a -w -a", true},
		{"whole chunked body", []string{"w", "whole"}, chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), 200, "", "w body=hello ~w -w", true},
		{"body over the bound", []string{"a", "", "w", "whole"}, req("POST / HTTP/1.1", "Content-Length: 500\r\n") + repeat("x", 500), 413, "body_too_large", "a ~a -a", false},
		{"chunked body over the bound", []string{"w", "whole"}, chunked("c8\r\n" + repeat("x", 200) + "\r\n0\r\n\r\n"), 413, "body_too_large", "", false},
		{"whole response", []string{"a", "", "v", "whole-response"}, get("/"), 200, "", "a v ~v body=2 ~a -v -a", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.serve(acting(b.url, c.steps...))
			before := len(b.received())
			m := e.once(c.send)
			if m.status() != c.status || m.code() != c.code {
				t.Errorf("%s %s, want %d %s", m.line, m.code(), c.status, c.code)
			}
			for end := time.Now().Add(30 * time.Second); d.len() < len(strings.Fields(c.diary)) && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // policies see the end behind the answer
			}
			if got := d.take(); got != c.diary {
				t.Errorf("diary %q, want %q", got, c.diary)
			}
			if sent := len(b.received()) > before; sent != c.sent {
				t.Errorf("sent on: %v", sent)
			}
			if strings.Contains(b.received(), "X-Evil") {
				t.Error("a forged field reached the backend")
			}
			if c.name == "reject" && (m.get("X-Mark") != "a" || m.get("WWW-Authenticate") != "Key") {
				t.Errorf("%v", m.header)
			}
		})
	}
	if !strings.Contains(e.logs.String(), "on purpose") {
		t.Error("the panic is not logged")
	}
}

// TestBodies: what policies put in a body's place goes on, however the body came,
// and each policy is held to its own bound.
func TestBodies(t *testing.T) {
	d := &diary{}
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	whole, small := policy.Need{Mode: policy.NeedWhole, Max: 100}, policy.Need{Mode: policy.NeedWhole, Max: 4}
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{
		"w": {whole, {}}, "v": {{}, whole}, "s": {small, {}}, "t": {{}, small}, "b": {whole, whole},
	}, "a", "w", "v", "s", "t", "b")})
	post := req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello"
	for _, c := range []struct {
		name   string
		steps  []string
		send   string
		status int
		body   string // the backend sends back what it got
	}{
		{"untouched", []string{"a", ""}, post, 200, "hello"},
		{"request", []string{"w", "replace-body"}, post, 200, "another one"},
		{"chunked request", []string{"w", "replace-body"}, chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), 200, "another one"},
		{"a request without one", []string{"w", "replace-body"}, req("POST / HTTP/1.1", "Content-Length: 0\r\n"), 200, "another one"},
		{"and whoever comes behind sees it", []string{"w", "replace-body", "b", "whole"}, post, 200, "another one"},
		{"response", []string{"v", "replace-response"}, post, 200, "another answer"},
		{"both", []string{"b", "replace-body", "v", "replace-response"}, post, 200, "another answer"},
		{"without the need", []string{"a", "replace-body"}, post, 500, ""},
		{"over the second one's bound", []string{"w", "whole", "s", ""}, post, 413, ""},
		{"over a bound of the response", []string{"t", "", "v", "whole-response"}, post, 502, ""},
		{"not wanted", []string{"s", "unread", "t", "unread"}, post, 200, "hello"},
		{"not wanted whole, but as it comes", []string{"b", "unread-upper"}, post, 200, strings.Repeat("HELLO", 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.serve(acting(b.url, c.steps...))
			if m := e.once(c.send); m.status() != c.status || c.body != "" && m.body != c.body {
				t.Errorf("%s %q, want %d %q", m.line, m.body, c.status, c.body)
			}
		})
	}
}

// TestMarkOnRefusal: headers of an earlier policy stand on a later one's refusal.
func TestMarkOnRefusal(t *testing.T) {
	d := &diary{}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: actors(d, nil, "a", "b")})
	e.serve(acting(b.url, "a", "mark", "b", "reject"))
	m := e.once(get("/"))
	if m.get("X-Mark") != "a" || m.get("Content-Type") != "application/problem+json" {
		t.Errorf("%v", m.header)
	}
}

// TestRefusals: a refusal names every bad field, and a policy before it may write
// the page in its place.
func TestRefusals(t *testing.T) {
	d := &diary{}
	b := answers(t, okAnswer)
	whole := policy.Need{Mode: policy.NeedWhole, Max: 10_000}
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{"v": {{}, whole}}, "v", "b")})
	e.serve(acting(b.url, "b", "fields"))
	m := e.once(get("/"))
	const want = `"errors":[{"pointer":"/a","detail":"is no \"number\""},{"pointer":"/b/0","detail":"is missing"}]}`
	if m.status() != 400 || m.code() != "validation_failed" || !strings.HasSuffix(m.body, want+"\n") || !json.Valid([]byte(m.body)) {
		t.Errorf("%s %s", m.line, m.body)
	}
	e.serve(acting(b.url, "v", "page", "b", "fields"))
	if m := e.once(get("/")); m.status() != 400 || m.code() != "validation_failed" || m.body != "true validation_failed 2" {
		t.Errorf("%s %s", m.line, m.body)
	}
	e.serve(acting(b.url, "v", "page"))
	if m := e.once(get("/")); m.status() != 200 || m.body != "false internal 0" {
		t.Errorf("%s %s", m.line, m.body)
	}
	e.serve(acting(b.url, "v", "page", "b", "fields"))
	if m := e.once(req("POST / HTTP/1.1", "Content-Type: application/grpc\r\nContent-Length: 0\r\n")); m.status() != 200 || m.get("Grpc-Status") != "3" {
		t.Errorf("%s %v", m.line, m.header)
	}
}

// TestFilters: a filter sees every byte of a body however it comes, and the
// length is told anew.
func TestFilters(t *testing.T) {
	d := &diary{}
	stream := policy.Need{Mode: policy.NeedStream}
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{"u": {stream, stream}}, "u", "n")})
	e.serve(acting(b.url, "u", "upper"))
	for name, q := range map[string]string{
		"at once": req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello",
		"chunked": chunked("5\r\nhello\r\n0\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := e.dial()
			for range 2 {
				s.send(q)
				if m := s.answer(); strings.ReplaceAll(m.body, "HELLO", "") != "" || len(m.body) != 20 {
					t.Errorf("%s %q", m.line, m.body)
				}
			}
		})
	}
	t.Run("in pieces", func(t *testing.T) {
		s := e.dial()
		s.send(req("POST / HTTP/1.1", "Content-Length: 200000\r\n") + repeat("a", 100))
		time.Sleep(20 * time.Millisecond)
		go s.send(repeat("b", 199_900))
		m := s.answer()
		if len(m.body) != 800_000 || strings.Trim(m.body, "AB") != "" {
			t.Errorf("%s: %d bytes", m.line, len(m.body))
		}
	})
	t.Run("not declared", func(t *testing.T) {
		e.serve(acting(b.url, "n", "upper"))
		if m := e.once(get("/")); m.status() != 500 || m.code() != "internal" {
			t.Errorf("%s", m.line)
		}
	})
}

// TestFilterOrder: a policy that collects the answer gets it from the filters of
// those nearer to the backend, which see nothing that is put in its place.
func TestFilterOrder(t *testing.T) {
	d := &diary{}
	stream, whole := policy.Need{Mode: policy.NeedStream}, policy.Need{Mode: policy.NeedWhole, Max: 100}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{"u": {stream, stream}, "v": {{}, whole}}, "a", "u", "v")})
	for _, c := range []struct {
		name  string
		steps []string
		body  string
	}{
		{"seen", []string{"v", "whole-response", "u", "upper"}, "OKOK"},
		{"replaced", []string{"v", "replace-response", "u", "upper"}, "another answer"},
		{"dropped", []string{"a", "drop", "u", "upper"}, "kept"},
		{"refused", []string{"a", "replace", "u", "upper"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.serve(acting(b.url, c.steps...))
			m := e.once(get("/"))
			if c.body != "" && m.body != c.body || c.body == "" && m.code() != "forbidden" {
				t.Errorf("%s %q", m.line, m.body)
			}
			if c.name == "refused" && !strings.HasPrefix(m.body, "{") {
				t.Errorf("the refusal went through the filter: %q", m.body)
			}
		})
	}
	if s := d.take(); !strings.Contains(s, "body=4") {
		t.Errorf("collected before the filter: %s", s)
	}
}

// TestFilteredBeforeCollected: a policy that collects the request's body gets it from
// the filters of those before it, once, and they see nothing that it puts in its
// place: limits on a body on its way hold for whoever takes it whole.
func TestFilteredBeforeCollected(t *testing.T) {
	d := &diary{}
	stream, whole := policy.Need{Mode: policy.NeedStream}, policy.Need{Mode: policy.NeedWhole, Max: 10}
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{"u": {stream, stream}, "w": {whole, {}}}, "u", "w")})
	post := req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello"
	for _, c := range []struct {
		name, do, send string
		status         int
		body, seen     string // the backend sends back what it got, and the filter doubles it
	}{
		{"seen", "whole", post, 200, strings.Repeat("HELLO", 4), "body=HELLOHELLO "},
		{"in chunks", "whole", chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), 200, strings.Repeat("HELLO", 4), "body=HEHELLOLLO "},
		{"replaced", "replace-body", post, 200, "ANOTHER ONEANOTHER ONE", ""},
		{"over the bound behind the filter", "whole", req("POST / HTTP/1.1", "Content-Length: 6\r\n") + "hello!", 413, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.serve(acting(b.url, "u", "upper", "w", c.do))
			m := e.once(c.send)
			if c.name == "in chunks" { // what a filter gets at once is not fixed
				m.body, c.seen = strings.Repeat("HELLO", len(m.body)/5), "body="
			}
			if seen := d.take(); m.status() != c.status || c.body != "" && m.body != c.body || !strings.Contains(seen, c.seen) {
				t.Errorf("%s %q, seen %s", m.line, m.body, seen)
			}
		})
	}
}

// TestRefusedBeforeCollected: what a policy answers in a backend's place is what one
// further out collects: the backend's own body is never put under it.
func TestRefusedBeforeCollected(t *testing.T) {
	d := &diary{}
	whole := policy.Need{Mode: policy.NeedWhole, Max: 10_000}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: actors(d, map[string][2]policy.Need{"v": {{}, whole}, "w": {{}, whole}}, "a", "v", "w")})
	for name, steps := range map[string][]string{
		"not collected yet": {"v", "whole-response", "a", "replace"},
		"collected before":  {"v", "whole-response", "w", "replace"},
	} {
		t.Run(name, func(t *testing.T) {
			e.serve(acting(b.url, steps...))
			for range 2 {
				m := e.once(get("/"))
				if m.status() != 403 || m.code() != "forbidden" || !strings.Contains(m.body, `"code":"forbidden"`) {
					t.Errorf("%s %s %q", m.line, m.code(), m.body)
				}
				if s := d.take(); strings.Contains(s, "body=2 ") {
					t.Errorf("the backend's body under the edge's answer: %s", s)
				}
			}
		})
	}
}

// TestDropResponse: the answer in a backend's place has what was set behind the
// drop, and nothing of the backend's; an edge's own error turns into it as well.
func TestDropResponse(t *testing.T) {
	d := &diary{}
	b := rawAnswer(t, "HTTP/1.1 304 Not Modified\r\nX-Backend: 1\r\n\r\n", func(net.Conn) {})
	e := newEdge(t, edgeOptions{policies: actors(d, nil, "a")})
	for name, url := range map[string]string{"a backend's": b.url, "the edge's": "http://127.0.0.1:2999"} {
		t.Run(name, func(t *testing.T) {
			e.serve(acting(url, "a", "drop"))
			m := e.once(get("/"))
			if m.status() != 200 || m.body != "kept" || m.get("ETag") != `"kept"` || m.get("X-Backend") != "" || m.code() != "" || m.get("Cache-Control") != "" {
				t.Errorf("%s %v %q", m.line, m.header, m.body)
			}
		})
	}
}

// TestOutcome: rule 11: who is billed, and what policies are told.
func TestOutcome(t *testing.T) {
	d := &diary{}
	for _, c := range []struct {
		name, do, send, answer string
		want                   policy.Outcome
	}{
		{"backend", "", get("/"), okAnswer, policy.Outcome{Committed: true, Billable: true, Status: 200, BytesOut: 2}},
		{"backend's 500", "", get("/"), "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", policy.Outcome{Committed: true, Billable: true, Status: 500}},
		{"with a body", "", req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello", okAnswer, policy.Outcome{Committed: true, Billable: true, Status: 200, BytesIn: 5, BytesOut: 2}},
		{"refused", "reject", get("/"), okAnswer, policy.Outcome{Committed: true, Status: 401}},
		{"answered", "answer", get("/"), okAnswer, policy.Outcome{Committed: true, Status: 201, BytesOut: 7}},
		{"from the cache", "cached", get("/"), okAnswer, policy.Outcome{Committed: true, Billable: true, Status: 200, BytesOut: 6}},
		{"replaced", "replace", get("/"), okAnswer, policy.Outcome{Committed: true, Status: 403}},
		{"malformed answer", "", get("/"), "HTTP/9\r\n\r\n", policy.Outcome{Committed: true, Status: 502}},
		{"cut answer", "", get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", policy.Outcome{Committed: true, Billable: true, Status: 200, BytesOut: 5, Ended: policy.EndedByUpstream}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := rawAnswer(t, c.answer, func(net.Conn) { time.Sleep(20 * time.Millisecond) })
			e := newEdge(t, edgeOptions{policies: actors(d, nil, "a")})
			e.serve(acting(b.url, "a", c.do))
			s := e.dial()
			s.send(c.send)
			_, _ = readMessage(s.r)
			for range 1000 {
				if d.mu.Lock(); len(d.outcomes) > 0 {
					d.mu.Unlock()
					break
				}
				d.mu.Unlock()
				time.Sleep(time.Millisecond)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(d.outcomes) != 1 {
				t.Fatalf("%d outcomes", len(d.outcomes))
			}
			got := d.outcomes[0]
			d.outcomes = nil
			if got.Status >= 400 && !got.Billable {
				c.want.BytesOut = got.BytesOut // the length of a problem is no business of this test
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// streamer answers by itself, in pieces, from Await.
type streamer struct{}

func (streamer) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (streamer) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	body, err := io.ReadAll(b.Reader(policy.OnTheRequest))
	if err != nil {
		return x.Reject(contract.CodeRequestInvalid, 0)
	}
	x.Response().Header.Set(policy.ContentType, "text/plain")
	w, err := b.Writer(policy.FromIntegration, 200)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	for range 3 {
		if _, err := w.Write(body); err != nil {
			return x.Streamed()
		}
	}
	_ = w.Close()
	return x.Streamed()
}

func TestStreamedAnswer(t *testing.T) {
	b := answers(t, okAnswer)
	d := &policy.Descriptor{
		Type: "streamer", Phase: policy.PhaseTransform,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return streamer{}, nil },
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	g := plain(b.url)
	g.Routes[0].Policies = []contract.Policy{{Type: "streamer"}}
	e.serve(g)
	s := e.dial()
	for range 2 {
		s.send(req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello")
		if m := s.answer(); m.status() != 200 || m.body != "hellohellohello" {
			t.Fatalf("%s %q", m.line, m.body)
		}
	}
	if b.received() != "" {
		t.Error("a backend was reached")
	}
}

// breaker writes the head, waits, and then half of an answer that it does not end.
type breaker struct{ begun, cut chan struct{} }

func (breaker) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (k breaker) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	w, err := b.Writer(policy.FromIntegration, 200)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	if _, err = w.Write(nil); err == nil {
		<-k.begun
		_, err = io.WriteString(w, "half")
	}
	if err == nil {
		<-k.cut
	}
	return x.Streamed()
}

// TestUnfinishedAnswer: the head goes out before anything of the body is there, and
// a client sees that an answer was not finished.
func TestUnfinishedAnswer(t *testing.T) {
	k := breaker{make(chan struct{}, 1), make(chan struct{}, 1)}
	d := &policy.Descriptor{
		Type: "breaker", Phase: policy.PhaseTransform,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return k, nil },
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	g := plain(answers(t, okAnswer).url)
	g.Routes[0].Policies = []contract.Policy{{Type: "breaker"}}
	e.serve(g)
	for name, c := range map[string]*http.Client{"conn": {Transport: &http.Transport{}, Timeout: 10 * time.Second}, "std": e.h2Client(false)} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", "http://"+e.addr+"/", nil)
			must(t, err)
			r.Host = "demo.localhost"
			resp, err := c.Do(r)
			must(t, err)
			defer resp.Body.Close()
			k.begun <- struct{}{}
			b := make([]byte, 4)
			if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "half" {
				t.Fatalf("%q, %v", b, err)
			}
			k.cut <- struct{}{}
			if rest, err := io.ReadAll(resp.Body); err == nil || len(rest) > 0 {
				t.Errorf("%q ended well", rest)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	d := &diary{}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: actors(d, nil, "a", "b")})
	ask := contract.Ask{ID: "q", Gateway: "gw_1", Method: "GET", URL: "http://demo.localhost/x?y=z"}
	t.Run("sent on", func(t *testing.T) {
		e.serve(acting(b.url, "a", "", "b", "wait"))
		a := e.Explain(context.Background(), ask)
		if a.Error != "" || a.Trace.Route != "all" || a.Trace.Status != 0 || a.Trace.Target == "" || len(a.Trace.Candidates) == 0 {
			t.Fatalf("%+v %+v", a, a.Trace)
		}
		if p := a.Trace.Policies; len(p) != 2 || p[0].Verdict != "next" || p[1].Type != "b" || p[1].Verdict != "next" {
			t.Errorf("%+v", a.Trace.Policies)
		}
	})
	t.Run("refused", func(t *testing.T) {
		e.serve(acting(b.url, "a", "", "b", "reject"))
		a := e.Explain(context.Background(), ask)
		if a.Trace.Status != 401 || a.Trace.Code != "key_missing" || a.Trace.Policies[1].Verdict != "reject" {
			t.Errorf("%+v", a.Trace)
		}
	})
	t.Run("malformed", func(t *testing.T) {
		q := ask
		q.URL = "http://demo.localhost/a%2fb"
		if a := e.Explain(context.Background(), q); a.Trace.Status != 400 || a.Trace.Code != "request_invalid" {
			t.Errorf("%+v", a.Trace)
		}
	})
	for name, q := range map[string]contract.Ask{
		"other host":  {Gateway: "gw_1", URL: "http://nobody.localhost/"},
		"other owner": {Gateway: "gw_9", URL: "http://demo.localhost/"},
		"relative":    {Gateway: "gw_1", URL: "/x"},
		"bad client":  {Gateway: "gw_1", URL: "http://demo.localhost/", Client: "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := e.Explain(context.Background(), q); a.Error == "" {
				t.Errorf("%+v", a.Trace)
			}
		})
	}
	if b.received() != "" {
		t.Error("an explanation reached a backend")
	}
}

// TestPreflight: a CORS preflight goes to the route that it asks about, but never
// to a backend.
func TestPreflight(t *testing.T) {
	d := &diary{}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: actors(d, nil, "a")})
	g := acting(b.url, "a", "answer")
	g.Routes[0].Match.Methods = []string{"PUT"}
	e.serve(g)
	ask := req("OPTIONS /x HTTP/1.1", "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n")
	if m := e.once(ask); m.status() != 201 {
		t.Errorf("%s", m.line)
	}
	g = acting(b.url, "a", "")
	g.Routes[0].Match.Methods = []string{"PUT"}
	e.serve(g)
	if m := e.once(ask); m.status() != 405 {
		t.Errorf("%s", m.line)
	}
	if m := e.once(req("GET /x HTTP/1.1", "")); m.status() != 405 || m.get("Allow") == "" {
		t.Errorf("%s %v", m.line, m.header)
	}
	if b.received() != "" {
		t.Error("a preflight reached a backend")
	}
}

// known is an authentication that always finds the same caller.
type known struct{ p *policy.Principal }

func (k known) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	x.SetPrincipal(k.p)
	return x.Next()
}

// TestRevokedStream: rule 8: a stream older than a second ends when its caller's
// credential does.
func TestRevokedStream(t *testing.T) {
	p := &policy.Principal{Key: 7, Consumer: 8, ConsumerName: "Ünknown\r\nX-Evil: 1"}
	d := &policy.Descriptor{
		Type: "known", Phase: policy.PhaseAuthenticate,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return known{p}, nil },
	}
	begun := make(chan struct{})
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		if _, err := readMessage(newReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		close(begun)
		_, _ = c.Read(make([]byte, 1)) // it goes on until the edge goes
	})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	g := plain(b.url)
	g.Routes[0].Public = false
	g.Routes[0].Policies = []contract.Policy{{Type: "known"}}
	e.serve(g)
	s := e.dial()
	must(t, s.SetDeadline(time.Now().Add(time.Minute)))
	begin := time.Now()
	s.send(get("/"))
	<-begun
	p.Kill()
	m, err := readMessage(s.r)
	var late net.Error
	if err == nil {
		t.Fatalf("a clean end: %+v", m)
	} else if errors.As(err, &late) && late.Timeout() {
		t.Fatalf("it is not cut: %v", err)
	}
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("cut after %v", took)
	}
	if got := b.received(); !strings.Contains(got, "Tollgate-Consumer: %C3%9Cnknown%0D%0AX-Evil: 1\r\n") {
		t.Errorf("%q", got)
	}
}
