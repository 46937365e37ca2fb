package lambda_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/lambda"
)

// events writes a response stream: each piece a chunk, then the end, with an error
// where one is given. An end of "" is missing.
func events(t testing.TB, contentType, end string, pieces ...string) *service {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		enc := eventstream.NewEncoder()
		say := func(kind, payload string) {
			m := eventstream.Message{Payload: []byte(payload)}
			m.Headers.Set(":message-type", eventstream.StringValue("event"))
			m.Headers.Set(":event-type", eventstream.StringValue(kind))
			if kind == "InvokeComplete" {
				m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
			}
			if err := enc.Encode(w, m); err != nil {
				t.Error(err)
			}
			w.(http.Flusher).Flush()
		}
		for _, p := range pieces {
			say("PayloadChunk", p)
		}
		if end != "" {
			say("InvokeComplete", end)
		}
	})
}

// wire is an engine that records what is streamed.
type wire struct {
	status int
	closed bool
	bytes.Buffer
}

func (*wire) Context() context.Context     { return context.Background() }
func (*wire) Reader(policy.Side) io.Reader { return strings.NewReader("") }
func (w *wire) Close() error               { w.closed = true; return nil }
func (w *wire) Writer(_ policy.Origin, status int) (io.WriteCloser, error) {
	w.status = status
	return w, nil
}

func TestStream(t *testing.T) {
	t.Parallel()
	const typed = "application/vnd.awslambda.http-integration-response"
	nul := strings.Repeat("\x00", 8)
	for name, c := range map[string]struct {
		contentType, end string
		pieces           []string
		status           int
		closed           bool
		body, of         string
	}{
		"plain":              {"text/event-stream", "{}", []string{"data: 1\n\n", "data: 2\n\n"}, 200, true, "data: 1\n\ndata: 2\n\n", "text/event-stream"},
		"no type":            {"application/vnd.amazon.eventstream", "{}", []string{"a"}, 200, true, "a", "application/octet-stream"},
		"empty":              {"text/plain", "{}", nil, 200, true, "", "text/plain"},
		"with a head":        {typed, "{}", []string{`{"statusCode":201,"headers":{"Content-Type":"text/x"},"cookies":["a=1"]}` + nul + "bo", "dy"}, 201, true, "body", "text/x"},
		"the head in pieces": {typed, "{}", []string{`{"status`, `Code":202}` + nul[:3], nul[3:], "body"}, 202, true, "body", "text/plain; charset=utf-8"},
		"without a status":   {typed, "{}", []string{`{}` + nul + "x"}, 200, true, "x", "text/plain; charset=utf-8"},
		"no head":            {typed, "{}", []string{strings.Repeat("x", 17<<10)}, 0, false, "", ""},
		"a head without end": {typed, "{}", []string{`{"statusCode":200}`}, 0, false, "", ""},
		"a head that is bad": {typed, "{}", []string{`{"statusCode":"x"}` + nul}, 0, false, "", ""},
		"a failed function":  {"text/plain", `{"ErrorCode":"Unhandled","ErrorDetails":"panic"}`, []string{"a"}, 200, false, "a", "text/plain"},
		"failed before":      {typed, `{"ErrorCode":"Unhandled","ErrorDetails":"panic"}`, nil, 0, false, "", ""},
		"no end":             {"text/plain", "", []string{"a"}, 200, false, "a", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := events(t, c.contentType, c.end, c.pieces...)
			p, err := lambda.Descriptor.New([]byte(s.config(`,"invocation":"stream"`)), s.deps("/"))
			if err != nil {
				t.Fatal(err)
			}
			x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
			x.Request().Method, x.Request().Path = policy.Static("GET"), policy.Static("/")
			w := &wire{}
			p.(policy.Waiter).Await(policy.EngineMayBlock(w), x, &policy.Slot{})
			of, _ := x.Response().Header.Get(policy.ContentType)
			if w.status != c.status || w.closed != c.closed || w.String() != c.body || c.status != 0 && !of.Is(c.of) {
				t.Errorf("%d, closed %v, %q, %s", w.status, w.closed, w.String(), of.Clone())
			}
			if c.status == 0 && policy.EngineOf(x).Reply.Code == 0 {
				t.Error("nothing was answered")
			}
		})
	}
}
