package observe

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/services/contract"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	for range 3 {
		m.Begin()
	}
	m.End(HTTP1, 200, 0, false, 80, 1500)
	m.End(HTTP2, 429, contract.CodeRateLimited, true, 40_000_000, 0)
	m.Sent(IntegrationHTTP, 200, 0, false, 300)
	m.Sent(IntegrationHTTP, 502, 0, false, 300)
	m.Sent(IntegrationOf([]string{"api_key", "sql", "jwt"}, true), 504, contract.CodeUpstreamTimeout, true, 2_000_000)
	m.Carried(10, 200, 1, 2)
	m.Carried(5, 0, 1, 0)
	m.Reported(true, true)
	m.Reported(false, true)
	m.Observe("tollgate_edge_test", "A gauge.", false, func() float64 { return 7 })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`tollgate_edge_requests_total{class="2xx",protocol="http1"} 1`,
		`tollgate_edge_requests_total{class="4xx",protocol="http2"} 1`,
		`tollgate_edge_refused_total{code="rate_limited"} 1`,
		`tollgate_edge_refused_total{code="no_route"} 0`,
		"tollgate_edge_requests_open 1\n",
		`tollgate_edge_added_seconds_bucket{le="0.0001"} 1`,
		`tollgate_edge_added_seconds_bucket{le="30"} 1`,
		"tollgate_edge_added_seconds_count 2",
		"tollgate_edge_upstream_seconds_count 1",
		"tollgate_edge_test 7",
		`tollgate_edge_integration_seconds_count{kind="http"} 2`,
		`tollgate_edge_integration_errors_total{code="backend_5xx",kind="http"} 1`,
		`tollgate_edge_integration_seconds_bucket{kind="sql",le="2.5"} 1`,
		`tollgate_edge_integration_errors_total{code="upstream_timeout",kind="sql"} 1`,
		`tollgate_edge_integration_errors_total{code="backend_5xx",kind="lambda"} 0`,
		`tollgate_edge_websocket_bytes_total{direction="in"} 15`,
		`tollgate_edge_websocket_bytes_total{direction="out"} 200`,
		`tollgate_edge_websocket_messages_total{direction="in"} 2`,
		`tollgate_edge_websocket_messages_total{direction="out"} 2`,
		`tollgate_edge_validation_reports_total{side="request"} 1`,
		`tollgate_edge_validation_reports_total{side="response"} 2`,
		"go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if done, open := m.Requests(); done != 2 || open != 1 {
		t.Errorf("%d done, %d open", done, open)
	}
	if len(contract.Codes()) > maxCodes {
		t.Errorf("%d codes do not fit", len(contract.Codes()))
	}
}

func TestMetricsDoNotAllocate(t *testing.T) {
	m := NewMetrics()
	if n := alloctest.PerRun(1000, func() {
		m.Begin()
		m.End(HTTP1, 200, 0, false, 80, 1500)
		m.Sent(IntegrationHTTP, 200, 0, false, 1500)
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkMetrics(b *testing.B) {
	m := NewMetrics()
	b.ReportAllocs()
	for b.Loop() {
		m.Begin()
		m.End(HTTP1, 200, 0, false, 80, 1500)
	}
}

func TestIntegrationOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		types   []string
		answers bool
		want    string
	}{
		{nil, false, "http"},
		{[]string{"api_key", "cache"}, false, "http"},
		{[]string{"grpc_web", "api_key"}, false, "grpc_web"},
		{[]string{"graphql", "aggregate"}, true, "aggregate"},
		{[]string{"what-a-tenant-made-up"}, true, "other"},
	} {
		if got := IntegrationOf(c.types, c.answers).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.types, got, c.want)
		}
	}
}
