package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestOperator suspends an organization of two edges and drains one of them from the
// operator's console.
func TestOperator(t *testing.T) {
	t.Parallel()
	s := harness.NewTrafficSite(t, harness.Options{Edges: 2, Env: []string{"TOLLGATE_OPERATORS=boss@example.com"}}, "boss")
	o := s.Operator("boss")
	caller := harness.NewCaller(4)
	s.Put("routes/open", harness.Object{"match": harness.Object{"path": "/open"}, "public": true, "policies": []harness.Object{{"type": "mock", "config": harness.Object{"status": 200}}}})
	host := s.API.Must("GET", "/v1/gateways/boss", nil)["hostname"].(string)
	answers := func(status int) {
		t.Helper()
		for _, e := range s.Edges {
			err := harness.Until(t.Context(), 10*time.Second, func() error {
				if r := caller.Get(e.Addr(), host, "/open", ""); r.Status != status {
					return fmt.Errorf("%s answers %d, want %d: %s", e.ID, r.Status, status, r.Body)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	answers(200)
	org := s.API.Must("GET", "/v1/organization", nil)["id"].(string)
	o.Must("POST", "/v1/operator/organizations/"+org+"/suspend", harness.Object{"reason": "a test"})
	answers(403)
	o.Must("POST", "/v1/operator/organizations/"+org+"/resume", harness.Object{"reason": "it is over"})
	answers(200)

	ready := func(e *harness.Edge) int {
		t.Helper()
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", e.Admin))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	a, b := s.Edges[0], s.Edges[1]
	if e := o.Must("POST", "/v1/operator/edges/"+a.ID+"/drain", harness.Object{"reason": "a new disk"}); e["resting"] != true || e["draining"] != true || e["ready"] != false {
		t.Errorf("drained, the edge is %v", e)
	}
	if x, y := ready(a), ready(b); x != 503 || y != 200 {
		t.Errorf("readyz answers %d and %d, want 503 and 200", x, y)
	}
	answers(200) // what still comes is served
	list := o.Must("GET", "/v1/operator/edges", nil)["items"].([]any)
	if len(list) != 2 || list[1].(harness.Object)["draining"] != false || list[1].(harness.Object)["memory_bytes"] == nil {
		t.Errorf("edges: %v", list)
	}
	if e := o.Must("POST", "/v1/operator/edges/"+a.ID+"/undrain", harness.Object{"reason": "it is in"}); e["resting"] != false || e["draining"] != false {
		t.Errorf("undrained, the edge is %v", e)
	}
	if x := ready(a); x != 200 {
		t.Errorf("readyz answers %d", x)
	}
}
