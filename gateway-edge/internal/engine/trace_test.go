package engine_test

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	callerTrace = "0af7651916cd43dd8448eb211c80319c"
	callerSpan  = "b7ad6b7169203331"
)

// records are the access log's, by path.
type records struct{ lockedLines }

func (r *records) of(t testing.TB, path string) (rec contract.LogRecord) {
	t.Helper()
	waitFor(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for l := range strings.Lines(r.b.String()) {
			var one contract.LogRecord
			must(t, json.Unmarshal([]byte(l), &one))
			if one.Path == path {
				rec = one
				return true
			}
		}
		return false
	})
	return rec
}

// fieldOf is a field of the newest request that a backend got.
func fieldOf(b *rawBackend, name string) string {
	seen := b.received()
	_, after, ok := strings.Cut(seen[strings.LastIndex(seen, "HTTP/1.1\r\n"):], "\r\n"+name+": ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

func traced(path, parent string, more ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: demo.localhost\r\nTraceparent: " + parent + "\r\n" + strings.Join(more, "") + "\r\n"
}

// TestTraced: a traced request's record holds the trace, the policies that waited
// and the tries, and the backend is told the try's span.
func TestTraced(t *testing.T) {
	t.Parallel()
	lines := &records{}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{log: lines, policies: actors(&diary{}, nil, "one")})
	g := acting(b.url, "one", "wait")
	g.Tracing = &contract.Tracing{Sample: 1}
	e.serve(g)
	if m := e.once(traced("/a", "00-"+callerTrace+"-"+callerSpan+"-00", "Tracestate: vendor=1\r\n", "Tracestate: other=2\r\n")); m.status() != 200 {
		t.Fatal(m.line)
	}
	sent := fieldOf(b, "Traceparent")
	if !strings.HasPrefix(sent, "00-"+callerTrace+"-") || !strings.HasSuffix(sent, "-01") || strings.Contains(sent, callerSpan) {
		t.Errorf("the backend got %q", sent)
	}
	if got := b.received(); !strings.Contains(got, "Tracestate: vendor=1\r\nTracestate: other=2\r\n") {
		t.Errorf("tracestate is not sent on: %q", got)
	}
	r := lines.of(t, "/a")
	if r.TraceID != callerTrace || r.ParentID != callerSpan || len(r.SpanID) != 16 || !r.Traced || r.TookUS <= 0 {
		t.Fatalf("%+v", r)
	}
	waited, try := spanOf(t, r, contract.SpanPolicy), spanOf(t, r, contract.SpanTry)
	if waited.Name != "one" || waited.At < 0 || waited.Took < 0 {
		t.Errorf("policy: %+v", waited)
	}
	if !strings.HasPrefix(try.Name, b.url) || try.ID != strings.Split(sent, "-")[2] || try.Failed || try.Took <= 0 {
		t.Errorf("try: %+v, told %s", try, sent)
	}
}

// spanOf is the one span of a kind. What a policy does is no span but where it took
// long, which on a busy machine all of it may.
func spanOf(t *testing.T, r contract.LogRecord, kind string) (out contract.Span) {
	t.Helper()
	n := 0
	for _, s := range r.Spans {
		if s.Kind == kind {
			out = s
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d spans of kind %s: %+v", n, kind, r.Spans)
	}
	return out
}

// TestWhoDecidesToTrace: a caller's flag makes nothing but where the gateway follows
// it; failures are traced whoever decides.
func TestWhoDecidesToTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tracing contract.Tracing
		flag    string
		answer  string
		want    bool
		sent    string
	}{
		"a stranger's flag":        {contract.Tracing{}, "01", okAnswer, false, "00"},
		"a caller who is followed": {contract.Tracing{Parent: "caller"}, "01", okAnswer, true, "01"},
		"a caller who says no":     {contract.Tracing{Parent: "caller", Sample: 1}, "00", okAnswer, false, "00"},
		"other flags":              {contract.Tracing{Parent: "caller"}, "fe", okAnswer, false, "00"},
		"our own share":            {contract.Tracing{Sample: 1}, "00", okAnswer, true, "01"},
		"a failure":                {contract.Tracing{}, "00", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", true, "00"},
		"a caller's fault":         {contract.Tracing{}, "00", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, "00"},
		"slow":                     {contract.Tracing{Slow: contract.Duration(time.Microsecond)}, "00", okAnswer, true, "00"},
		"not slow":                 {contract.Tracing{Slow: contract.Duration(time.Hour)}, "00", okAnswer, false, "00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := &records{}
			b := answers(t, c.answer)
			e := newEdge(t, edgeOptions{log: lines})
			g := plain(b.url)
			g.Tracing = &c.tracing
			e.serve(g)
			e.once(traced("/a", "00-"+callerTrace+"-"+callerSpan+"-"+c.flag))
			if r := lines.of(t, "/a"); r.Traced != c.want || r.TraceID != callerTrace || (len(r.Spans) > 0) != c.want {
				t.Errorf("%+v", r)
			}
			if sent := fieldOf(b, "Traceparent"); !strings.HasSuffix(sent, "-"+c.sent) {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}

// TestTraceContextIsPassedOn: an edge that does not trace changes nothing, and drops
// what is not valid together with the state that came with it.
func TestTraceContextIsPassedOn(t *testing.T) {
	t.Parallel()
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	good := "00-" + callerTrace + "-" + callerSpan + "-03"
	e.once(traced("/a", good, "Tracestate: a=1\r\n"))
	if fieldOf(b, "Traceparent") != good || fieldOf(b, "Tracestate") != "a=1" {
		t.Errorf("%s", b.received())
	}
	for _, bad := range []string{"00-" + strings.Repeat("0", 32) + "-" + callerSpan + "-01", "nonsense", good + "\r\nTraceparent: " + good} {
		e.once(traced("/b", bad, "Tracestate: a=1\r\n"))
		if got := fieldOf(b, "Traceparent"); len(got) != 55 || strings.Contains(got, callerTrace) || !strings.HasSuffix(got, "-00") || fieldOf(b, "Tracestate") != "" {
			t.Errorf("%q becomes %q, %q", bad, got, fieldOf(b, "Tracestate"))
		}
	}
}

// TestTriesAreSpans: each try has a span of its own, which its backend is told.
func TestTriesAreSpans(t *testing.T) {
	t.Parallel()
	lines := &records{}
	bad, good := answers(t, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), answers(t, okAnswer)
	e := newEdge(t, edgeOptions{log: lines})
	g := plain(bad.url, good.url)
	g.Upstreams[0].Retries = &contract.Retries{Attempts: 1, On: []string{"503"}}
	g.Tracing = &contract.Tracing{Sample: 1}
	e.serve(g)
	for i := 0; bad.connections() == 0; i++ { // whichever target comes first
		if m := e.once(get("/" + string(rune('a'+i)))); m.status() != 200 {
			t.Fatal(m.line)
		}
		if bad.connections() == 0 {
			continue
		}
		r := lines.of(t, "/"+string(rune('a'+i)))
		if len(r.Spans) != 2 || !r.Spans[0].Failed || r.Spans[1].Failed || r.Spans[0].ID == r.Spans[1].ID {
			t.Fatalf("%+v", r.Spans)
		}
		if !strings.Contains(fieldOf(bad, "Traceparent"), r.Spans[0].ID) || !strings.Contains(fieldOf(good, "Traceparent"), r.Spans[1].ID) {
			t.Errorf("the backends were told %q and %q", fieldOf(bad, "Traceparent"), fieldOf(good, "Traceparent"))
		}
	}
}

// TestOperatorTraces: what the operator traces is exported, and the gateway's log
// stays as the gateway wants it.
func TestOperatorTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []contract.LogRecord
	share := 0.0
	lines := &records{}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{log: lines, tracing: observe.TracingOf(&contract.Tracing{Sample: 1}), export: func(line []byte) {
		var r contract.LogRecord
		must(t, json.Unmarshal(line, &r))
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
	}})
	g := plain(b.url)
	g.LogSample, g.Routes[0].Match.Path = &share, "/a"
	e.serve(g)
	e.once(get("/a?api_key=topsecret"))
	waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 1 })
	if r := got[0]; r.Traced || len(r.Spans) != 1 || r.TraceID == "" || r.ParentID != "" || strings.Contains(r.Query, "topsecret") {
		t.Errorf("%+v", r)
	}
	if m := e.once(get("/missing")); m.status() != 404 {
		t.Fatal(m.line)
	}
	lines.of(t, "/missing") // a refusal is logged always, and after what came before
	lines.mu.Lock()
	defer lines.mu.Unlock()
	if strings.Contains(lines.b.String(), `"/a"`) {
		t.Error("the gateway's log holds what it does not want")
	}
}

// TestUntracedAllocatesNothing: a request that could be traced and is not costs no
// allocation.
func TestUntracedAllocatesNothing(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		c = c.(recorded).Conn
		buf, answer := make([]byte, 4096), []byte(okAnswer)
		for {
			if n, err := c.Read(buf); err != nil || n == 0 {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	share := 0.0
	e := newEdge(t, edgeOptions{tracing: observe.TracingOf(&contract.Tracing{Sample: 0}), export: func([]byte) {}})
	g := plain(b.url)
	g.Tracing, g.LogSample = &contract.Tracing{Slow: contract.Duration(time.Minute)}, &share
	e.serve(g)
	s := e.dial()
	must(t, s.SetDeadline(time.Now().Add(2*time.Minute)))
	request, buf := []byte(traced("/v1", "00-"+callerTrace+"-"+callerSpan+"-01", "Tracestate: a=1\r\n")), make([]byte, 4096)
	round := func() {
		if _, err := s.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Conn.Read(buf); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	for range 100 {
		round()
	}
	const rounds = 200
	best := roundAllocs(rounds, rounds/20, round)
	if best > rounds/20 && !alloctest.Raced {
		t.Errorf("%d allocations in %d requests", best, rounds)
	}
}
