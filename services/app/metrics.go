package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/publish"
)

// handler answers /healthz, /readyz and /metrics.
func (w *Worker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { answer(rw, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", w.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	return mux
}

func answer(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text)) // the asker is gone
}

// readyFor bounds what a readiness probe waits for the stores.
const readyFor = 2 * time.Second

func (w *Worker) readyz(rw http.ResponseWriter, r *http.Request) {
	if w.draining.Load() {
		answer(rw, http.StatusServiceUnavailable, "draining\n")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyFor)
	defer cancel()
	switch {
	case w.app.Ready(ctx) != nil:
		answer(rw, http.StatusServiceUnavailable, "the database can't be reached\n")
	case redisbus.Ping(ctx, w.app.redis) != nil:
		answer(rw, http.StatusServiceUnavailable, "Redis can't be reached\n")
	default:
		answer(rw, http.StatusOK, "ok\n")
	}
}

// metrics registers the worker's figures.
func (w *Worker) metrics() {
	r := w.registry
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, value func(publish.Stats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tollgate", Subsystem: "publisher", Name: name, Help: help},
			func() float64 { return value(w.publisher.Stats()) }))
	}
	counter := func(name, help string, value func(publish.Stats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "publisher", Name: name, Help: help},
			func() float64 { return float64(value(w.publisher.Stats())) }))
	}
	gauge("leading", "1 while this worker publishes.", func(s publish.Stats) float64 {
		if s.Leading {
			return 1
		}
		return 0
	})
	gauge("revision", "Newest revision that was sent.", func(s publish.Stats) float64 { return float64(s.Rev) })
	gauge("head_timestamp_seconds", "When the head was last signed.", func(s publish.Stats) float64 {
		if s.LastHead.IsZero() {
			return 0
		}
		return float64(s.LastHead.UnixMilli()) / 1000
	})
	counter("notices_total", "Notices sent.", func(s publish.Stats) uint64 { return s.Published })
	counter("failures_total", "Passes that failed and were tried again.", func(s publish.Stats) uint64 { return s.Failures })
	counter("refills_total", "Times that Redis was filled again.", func(s publish.Stats) uint64 { return s.Refills })
	counter("deposed_total", "Times that another worker took over.", func(s publish.Stats) uint64 { return s.Deposed })
	w.usageMetrics(r)
	w.certificateMetrics(r)
	w.telemetryMetrics(r)
	w.ledgerMetrics(r)
}

// certificateMetrics registers how the edge domain's certificate stands.
func (w *Worker) certificateMetrics(r *prometheus.Registry) {
	if w.certificates == nil {
		return
	}
	gauge := func(name, help string, value func(acme.OwnStats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tollgate", Subsystem: "edge_domain_certificate", Name: name, Help: help},
			func() float64 { return value(w.certificates.OwnStats()) }))
	}
	gauge("expiry_timestamp_seconds", "When the edge domain's wildcard certificate ends; 0: there is none.", func(s acme.OwnStats) float64 {
		if s.NotAfter.IsZero() {
			return 0
		}
		return float64(s.NotAfter.Unix())
	})
	gauge("failed_attempts", "Orders of it that failed in a row.", func(s acme.OwnStats) float64 { return float64(s.Attempts) })
}

// usageMetrics registers the figures of what becomes of edges' counters.
func (w *Worker) usageMetrics(r *prometheus.Registry) {
	counter := func(name, help string, value func(redisbus.UsageStats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "usage", Name: name, Help: help},
			func() float64 { return float64(value(w.usage.Stats())) }))
	}
	counter("batches_total", "Batches of edges' counters that were applied to the ledger.", func(s redisbus.UsageStats) uint64 { return s.Batches })
	counter("counters_total", "Counters in the batches applied.", func(s redisbus.UsageStats) uint64 { return s.Counters })
	counter("bad_batches_total", "Batches dropped: malformed, forged or out of range.", func(s redisbus.UsageStats) uint64 { return s.Bad })
	counter("failed_transactions_total", "Transactions on the ledger that failed and were repeated.", func(s redisbus.UsageStats) uint64 { return s.Failed })
}
