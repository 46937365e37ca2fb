package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/contract"
)

// Jobs of a worker, as they are called in metrics and spans.
const (
	jobAlert        = "alert"     // one alert's evaluation
	jobTelemetry    = "telemetry" // one turn of a telemetry destination
	jobWebhook      = "webhook"   // one turn of a webhook
	jobEndings      = "endings"
	jobDomains      = "domains"
	jobPeriods      = "periods"
	jobLedger       = "billing_ledger"
	jobPosts        = "billing_posts"
	jobSettlements  = "billing_settlements"
	jobInvariants   = "billing_invariants"
	jobDeletions    = "deletions"
	jobHousekeeping = "housekeeping"
	jobSync         = "billing_sync" // customers fetched from the payment provider
	jobDunning      = "billing_dunning"
	jobShares       = "billing_shares" // 80 and 100 % of what is included, or of the cap
	jobCredits      = "billing_credits"
	jobHeal         = "billing_heal"
	jobCompare      = "billing_comparison" // what the payment provider counts
)

// jobs counts what a worker does, and sends a share of it and all that failed as
// spans to the operator's collector.
type jobs struct {
	seconds  *prometheus.HistogramVec
	failures *prometheus.CounterVec
	traces   *otlp.Exporter // nil: there is no collector
	sample   float64
}

func newJobs(r *prometheus.Registry, to *otlp.Operator, traces *otlp.Exporter) *jobs {
	j := &jobs{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "tollgate", Subsystem: "worker", Name: "job_seconds", Help: "Time that jobs took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"job"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tollgate", Subsystem: "worker", Name: "job_failures_total", Help: "Jobs that failed; they are done again.",
		}, []string{"job"}),
		traces: traces,
	}
	for _, name := range []string{
		jobAlert, jobTelemetry, jobWebhook, jobEndings, jobDomains, jobPeriods, jobLedger, jobPosts, jobSettlements, jobInvariants, jobDeletions, jobHousekeeping,
		jobSync, jobDunning, jobShares, jobCredits, jobHeal, jobCompare,
	} {
		j.seconds.WithLabelValues(name)
		j.failures.WithLabelValues(name)
	}
	r.MustRegister(j.seconds, j.failures)
	if traces == nil {
		return j
	}
	j.sample = to.Tracing.Sample
	counter := func(name, help string, value func(otlp.ExporterStats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "worker", Name: name, Help: help},
			func() float64 { return float64(value(traces.Stats())) }))
	}
	counter("traces_sent_total", "Spans of jobs that the operator's collector took.", func(s otlp.ExporterStats) uint64 { return s.Sent })
	counter("traces_dropped_total", "Spans of jobs that found no room or were not taken.", func(s otlp.ExporterStats) uint64 { return s.Dropped })
	return j
}

// done notes a job that has ended. It never waits.
func (j *jobs) done(name string, began time.Time, err error) {
	took := time.Since(began)
	j.seconds.WithLabelValues(name).Observe(took.Seconds())
	status := 200
	if err != nil {
		j.failures.WithLabelValues(name).Inc()
		status = 500
	}
	if j.traces == nil || err == nil && rand.Float64() >= j.sample {
		return
	}
	r := contract.LogRecord{
		Time: began.UnixMilli(), Method: otlp.MethodJob, Route: name, Status: status, TookUS: max(took.Microseconds(), 1),
		TraceID: fmt.Sprintf("%016x%016x", rand.Uint64()|1, rand.Uint64()), SpanID: fmt.Sprintf("%016x", rand.Uint64()|1),
	}
	if line, err := json.Marshal(&r); err == nil {
		j.traces.Add(line)
	}
}

// of makes a job that is noted.
func (j *jobs) of(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		began := time.Now()
		err := do(ctx)
		if ctx.Err() == nil {
			j.done(name, began, err)
		}
		return err
	}
}
