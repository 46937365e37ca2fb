package engine_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestTranslate: who came with one protocol is told of errors in it, whatever the
// request was turned into, and a backend of gRPC gets calls as it wants them.
func TestTranslate(t *testing.T) {
	got := make(chan *http.Request, 10)
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r
		w.Header().Set("Content-Type", "application/grpc")
	})
	e := newEdge(t, edgeOptions{policies: append(
		actors(&diary{}, nil, "a", "b"),
		actors(&diary{}, map[string][2]policy.Need{"w": {{Mode: policy.NeedWhole, Max: 4}, {}}}, "w")...)})
	both := func(t *testing.T, f func(t *testing.T, get func(kind string) *http.Response)) {
		for name, c := range map[string]*http.Client{"http1": {Transport: e.transport1()}, "http2": e.h2Client(false)} {
			t.Run(name, func(t *testing.T) {
				f(t, func(kind string) *http.Response {
					r, err := http.NewRequest("PUT", "http://demo.localhost/x", strings.NewReader("hello"))
					must(t, err)
					if kind != "" {
						r.Header.Set("Content-Type", kind)
					}
					resp, err := c.Do(r)
					must(t, err)
					_, _ = io.Copy(io.Discard, resp.Body)
					must(t, resp.Body.Close())
					return resp
				})
			})
		}
	}
	t.Run("sent on", func(t *testing.T) {
		e.serve(withProtocol(acting(url, "a", "translate"), "h2c"))
		both(t, func(t *testing.T, get func(kind string) *http.Response) {
			resp, r := get("text/plain"), <-got
			if resp.StatusCode != 200 || r.Method != "POST" || r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("Te") != "trailers" {
				t.Errorf("%d; the backend got %s %v", resp.StatusCode, r.Method, r.Header)
			}
		})
	})
	for name, steps := range map[string][]string{
		"refused behind it": {"a", "translate", "b", "reject"}, "a body too large": {"a", "translate", "w", "whole"}, "twice": {"a", "translate", "b", "translate", "w", "whole"},
	} {
		t.Run(name, func(t *testing.T) {
			e.serve(withProtocol(acting(url, steps...), "h2c"))
			both(t, func(t *testing.T, get func(kind string) *http.Response) {
				if resp := get(""); resp.StatusCode < 400 || resp.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%d %v", resp.StatusCode, resp.Header)
				}
				if resp := get("application/grpc-web"); resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/grpc-web" || resp.Header.Get("Grpc-Status") == "" {
					t.Errorf("%d %v", resp.StatusCode, resp.Header)
				}
			})
		})
	}
}

// transport1 speaks HTTP/1.1 to the edge.
func (e *testEdge) transport1() *http.Transport {
	tr := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, e.addr)
	}}
	e.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// TestTranslatedHEAD: who asked by HEAD gets no body, whatever the request became:
// on a kept connection it would be read as the next answer.
func TestTranslatedHEAD(t *testing.T) {
	b := answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad...")
	e := newEdge(t, edgeOptions{policies: actors(&diary{}, map[string][2]policy.Need{"w": {{}, {Mode: policy.NeedWhole, Max: 100}}}, "a", "w")})
	for name, steps := range map[string][]string{
		"passed on": {"a", "translate"}, "held": {"a", "translate", "w", "whole-response"}, "another body": {"a", "translate", "w", "replace-response"},
	} {
		t.Run(name, func(t *testing.T) {
			e.serve(acting(b.url, steps...))
			s := e.dial()
			s.send("HEAD /x HTTP/1.1\r\nHost: demo.localhost\r\n\r\n" + get("/gone"))
			first, err := http.ReadResponse(s.r, &http.Request{Method: "HEAD"})
			must(t, err)
			second, err := http.ReadResponse(s.r, &http.Request{Method: "GET"})
			must(t, err)
			if first.Header.Get("X-Request-Id") == "" || second.Header.Get("X-Request-Id") == "" {
				t.Errorf("%v, then %v", first.Header, second.Header)
			}
			must(t, second.Body.Close())
		})
	}
}
