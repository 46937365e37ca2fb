package engine_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/errorpages"
	"github.com/tollgate/tollgate/services/contract"
)

// TestErrorPages: a gateway's pages stand on every refusal of its own: of policies,
// of the balancer, of requests that no route takes; framing stays right.
func TestErrorPages(t *testing.T) {
	d := &diary{}
	b := rawAnswer(t, "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nstack", nil)
	e := newEdge(t, edgeOptions{policies: append(actors(d, nil, "b"), &errorpages.Descriptor)})
	g := acting(b.url)
	g.Policies = []contract.Policy{{Type: "error_pages", Config: []byte(`{"html":"<h1>{status} {code}","backend":"all"}`)}}
	g.Routes[0].Match.Path, g.Routes[0].Match.Methods = "/x", []string{"GET", "POST"}
	g.Routes[0].MaxBodyBytes = 10
	e.serve(g)
	for name, c := range map[string]struct {
		send, want string
		status     int
	}{
		"no route":         {req("GET /none HTTP/1.1", "Accept: text/html\r\n"), "<h1>404 no_route", 404},
		"no method":        {req("DELETE /x HTTP/1.1", "Accept: text/html\r\n"), "<h1>405 method_not_allowed", 405},
		"too large":        {req("POST /x HTTP/1.1", "Accept: text/html\r\nContent-Length: 20\r\n") + repeat("x", 20), "<h1>413 body_too_large", 413},
		"the backend":      {req("GET /x HTTP/1.1", "Accept: text/html\r\n"), "<h1>503 backend_failed", 503},
		"as the edge does": {req("GET /none HTTP/1.1", ""), `"code":"no_route"`, 404},
		"gRPC is no page":  {req("POST /none HTTP/1.1", "Accept: text/html\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n"), "", 200},
	} {
		m := e.once(c.send)
		if m.status() != c.status || !strings.Contains(m.body, c.want) {
			t.Errorf("%s: %s %q, want %d %q", name, m.line, m.body, c.status, c.want)
		}
		if c.status != 200 && c.status != 503 && m.get("Tollgate-Error") == "" {
			t.Errorf("%s: no Tollgate-Error", name)
		}
	}
	g.Routes[0].Policies = []contract.Policy{{Type: "b", Config: []byte(`"reject"`)}}
	e.serve(g)
	if m := e.once(req("GET /x HTTP/1.1", "Accept: text/html\r\n")); m.status() != 401 || m.body != "<h1>401 key_missing" || m.get("WWW-Authenticate") == "" {
		t.Errorf("%s %q", m.line, m.body)
	}
}
