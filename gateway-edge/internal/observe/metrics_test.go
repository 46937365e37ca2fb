package observe

import (
	"net/http/httptest"
	"strings"
	"testing"

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
	if n := testing.AllocsPerRun(1000, func() {
		m.Begin()
		m.End(HTTP1, 200, 0, false, 80, 1500)
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
