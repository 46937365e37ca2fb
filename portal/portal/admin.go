package portal

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tollgate/tollgate/services/billing"
)

// metrics are the portal's figures. Operations are the document's, so that the
// number of labels is bounded.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Subsystem: "portal", Name: "requests_total", Help: "Answered requests of the management API.",
		}, []string{"operation", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "tollgate", Subsystem: "portal", Name: "request_seconds", Help: "Time to answer, streams and waits included.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"operation"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "tollgate", Subsystem: "portal", Name: "build_info", Help: "1, with the program's version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(build, m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// billing shows what came of the payment provider's webhooks.
func (m *metrics) billing(stats func() billing.Stats) {
	for _, c := range []struct {
		outcome string
		value   func(*billing.Stats) uint64
	}{
		{"taken", func(s *billing.Stats) uint64 { return s.Events }},
		{"known", func(s *billing.Stats) uint64 { return s.Known }},
		{"ignored", func(s *billing.Stats) uint64 { return s.Ignored }},
		{"forged", func(s *billing.Stats) uint64 { return s.Forged }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "tollgate", Subsystem: "portal", Name: "payment_webhooks_total", Help: "Webhooks of the payment provider.",
			ConstLabels: prometheus.Labels{"outcome": c.outcome},
		}, func() float64 { return float64(c.value(new(stats()))) }))
	}
}

func (m *metrics) observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status/100)+"xx").Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
}

// adminRoutes are health and metrics.
func (p *Portal) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", p.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

func healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") }

// readyFor bounds what a readiness probe waits for the database.
const readyFor = 2 * time.Second

// readyz says whether requests should be sent here. Redis may be away: the API
// works without it but for what edges tell.
func (p *Portal) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyFor)
	defer cancel()
	switch {
	case p.draining.Load():
		say(w, http.StatusServiceUnavailable, "draining\n")
	case p.app.Ready(ctx) != nil:
		say(w, http.StatusServiceUnavailable, "the database can't be reached\n")
	default:
		say(w, http.StatusOK, "ok\n")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the asker is gone
}
