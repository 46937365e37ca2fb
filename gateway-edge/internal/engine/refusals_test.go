package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestGateRefuses is what the gate refuses of requests over HTTP/2 and HTTP/3, where
// net/http's and quic-go's servers have read them: none reaches the backend.
func TestGateRefuses(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	g := plain(b.url)
	g.Routes[0].MaxBodyBytes = 1000
	e.serve(g)
	const h2, h3 = "HTTP/2", "HTTP/3"
	for _, row := range []struct {
		name   string
		only   string // the protocol whose client can send it; "": both
		change func(r *http.Request)
		status int
		code   string
	}{
		{"unknown host", "", func(r *http.Request) { r.Host = "nobody.localhost" }, 404, "no_route"},
		{"escaped slash", h2, func(r *http.Request) { r.URL.Opaque = "/a%2fb" }, 400, "request_invalid"},
		{"unknown method", "", func(r *http.Request) { r.Method = "XGET" }, 501, "method_unknown"},
		{"SMG26 CONNECT-like", "", func(r *http.Request) { r.Method = "TRACE" }, 405, "method_not_allowed"},
		{"two keys", "", func(r *http.Request) { r.Header["X-Api-Key"] = []string{"a", "b"} }, 400, "ambiguous_credentials"},
		{"underscore twin", "", func(r *http.Request) { r.Header["X_api_key"] = []string{"a"} }, 400, "request_invalid"},
		{"too many fields", "", func(r *http.Request) {
			for i := range 120 {
				r.Header.Set(fmt.Sprintf("X-%d", i), "a")
			}
		}, 431, "headers_too_large"},
		{"a large head", h3, func(r *http.Request) { r.Header.Set("X-Large", repeat("y", 66_000)) }, 431, "headers_too_large"},
		{"body too large", "", func(r *http.Request) {
			r.Method, r.Body = "POST", io.NopCloser(strings.NewReader(repeat("x", 5000)))
			r.ContentLength = -1
		}, 413, "body_too_large"},
	} {
		for protocol, client := range map[string]*http.Client{h2: e.h2Client(true), h3: e.h3Client()} {
			if row.only != "" && row.only != protocol {
				continue
			}
			t.Run(protocol+" "+row.name, func(t *testing.T) {
				r, err := http.NewRequest("GET", "https://demo.localhost/", nil)
				must(t, err)
				row.change(r)
				resp, err := client.Do(r)
				must(t, err)
				defer resp.Body.Close()
				if resp.StatusCode != row.status || resp.Header.Get("Tollgate-Error") != row.code {
					t.Errorf("%d %s", resp.StatusCode, resp.Header.Get("Tollgate-Error"))
				}
			})
		}
	}
	if got := b.received(); strings.Contains(got, "GET") || strings.Contains(got, "api") {
		t.Errorf("the backend got %q", got)
	}
}
