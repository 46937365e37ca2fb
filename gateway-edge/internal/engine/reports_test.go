package engine_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/validaterequest"
	"github.com/tollgate/tollgate/gateway-edge/policy/validateresponse"
	"github.com/tollgate/tollgate/services/contract"
)

// TestReports: what validation lets pass with faults is counted, once a request and
// side; what it refuses, and what has none, is not.
func TestReports(t *testing.T) {
	b := answers(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
	metrics := observe.NewMetrics()
	e := newEdge(t, edgeOptions{metrics: metrics, policies: []*policy.Descriptor{&validaterequest.Descriptor, &validateresponse.Descriptor}})
	g := plain(b.url)
	use := func(typ, config string) contract.Policy {
		return contract.Policy{Type: typ, Config: json.RawMessage(config)}
	}
	number := `"parameters":[{"name":"n","in":"query","required":true,"schema":{"type":"integer"}},{"name":"m","in":"query","required":true,"schema":{"type":"integer"}}]`
	object := `"responses":{"200":{"schema":{"type":"object"}}}`
	route := func(name string, policies ...contract.Policy) {
		r := g.Routes[0]
		r.Name, r.ID, r.Num, r.Match.Path, r.Policies = name, "rt_"+name, uint64(len(g.Routes)+1), "/"+name, policies
		g.Routes = append(g.Routes, r)
	}
	route("both", use("validate_request", `{"mode":"report",`+number+`}`), use("validate_response", `{"mode":"report",`+object+`}`))
	route("refuses", use("validate_request", `{`+number+`}`))
	e.serve(g)
	for path, status := range map[string]int{"/both?n=1&m=2": 200, "/both?n=x&m=y": 200, "/both": 200, "/refuses": 400, "/refuses?n=1&m=2": 200, "/else": 200} {
		if m := e.once(get(path)); m.status() != status {
			t.Errorf("%s: %s %s", path, m.line, m.body)
		}
	}
	var body string
	eventually(t, func() bool {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		body = w.Body.String()
		return strings.Contains(body, `tollgate_edge_validation_reports_total{side="request"} 2`) && strings.Contains(body, `tollgate_edge_validation_reports_total{side="response"} 3`)
	})
}
