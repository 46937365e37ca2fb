package engine_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestIntegration: a route's integration answers in the place of an upstream, has
// as long as one, and is not asked by an explanation.
func TestIntegration(t *testing.T) {
	asked := make(chan struct{}, 8)
	var takes atomic.Int64
	takes.Store(int64(100 * time.Millisecond))
	d := &policy.Descriptor{
		Type: "slow", Phase: policy.PhaseIntegrate, Answers: true,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return slow{asked, &takes}, nil },
	}
	metrics := observe.NewMetrics()
	e := newEdge(t, edgeOptions{metrics: metrics, policies: []*policy.Descriptor{d}, limits: engine.Limits{Wait: 10 * time.Millisecond}})
	g := plain()
	g.Upstreams = nil
	g.Routes[0].Upstream, g.Routes[0].Integration = "", &contract.Policy{Type: "slow"}
	e.serve(g)
	if m := e.once(get("/")); m.status() != 200 || m.body != "done" {
		t.Errorf("%s %q", m.line, m.body)
	}
	<-asked
	a := e.Explain(context.Background(), contract.Ask{ID: "q", Gateway: "gw_1", Method: "GET", URL: "http://demo.localhost/"})
	if a.Error != "" || a.Trace.Status != 0 || len(a.Trace.Policies) != 1 || a.Trace.Policies[0].Verdict != "wait" {
		t.Errorf("%+v %+v", a, a.Trace)
	}
	if len(asked) != 0 {
		t.Error("an explanation asked the integration")
	}
	takes.Store(int64(30 * time.Second))
	g.Routes[0].Timeout = contract.Duration(300 * time.Millisecond)
	e.serve(g)
	if m := e.once(get("/")); m.status() != 504 || m.code() != "upstream_timeout" {
		t.Errorf("%s", m.line)
	}
	// Both were sent on, and one of them failed; an explanation counts for nothing.
	want := []string{`tollgate_edge_integration_seconds_count{kind="other"} 2`, `tollgate_edge_integration_errors_total{code="upstream_timeout",kind="other"} 1`}
	eventually(t, func() bool {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return strings.Contains(w.Body.String(), want[0]) && strings.Contains(w.Body.String(), want[1])
	})
}

// slow takes longer than a policy may.
type slow struct {
	asked chan struct{}
	takes *atomic.Int64 // ns
}

func (slow) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (s slow) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	s.asked <- struct{}{}
	select {
	case <-b.Context().Done():
		return x.Reject(contract.CodeUpstreamTimeout, 0)
	case <-time.After(time.Duration(s.takes.Load())):
	}
	return x.AnswerFrom(policy.FromIntegration, 200, "text/plain", []byte("done"))
}
