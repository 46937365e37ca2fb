package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/contract"
)

// openTelemetry makes what sends the operator's traces; nothing where there is no
// collector.
func (p *Portal) openTelemetry() {
	o := p.config.Telemetry
	if o == nil {
		return
	}
	o.Resource["service.version"] = p.config.Version
	if host, err := os.Hostname(); err == nil {
		o.Resource["host.name"] = host
	}
	p.traces = otlp.NewExporter(o.Client, o.Resource, p.log)
	counter := func(name, help string, value func(otlp.ExporterStats) uint64) {
		p.metrics.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "portal", Name: name, Help: help},
			func() float64 { return float64(value(p.traces.Stats())) }))
	}
	counter("traces_sent_total", "Traced requests that the operator's collector took.", func(s otlp.ExporterStats) uint64 { return s.Sent })
	counter("traces_dropped_total", "Traced requests that found no room or were not taken by the operator's collector.", func(s otlp.ExporterStats) uint64 { return s.Dropped })
}

// exports are the loops that send to the operator's collector.
func (p *Portal) exports() []func(context.Context) error {
	o := p.config.Telemetry
	if o == nil {
		return nil
	}
	push := otlp.Pusher{Client: o.Client, Resource: o.Resource, From: p.metrics.registry, Every: o.Every, Logger: p.log}
	return []func(context.Context) error{p.traces.Run, push.Run}
}

// observe counts an answered operation, and traces a share of them and all that
// failed.
func (p *Portal) observe(operation string, status int, took time.Duration) {
	p.metrics.observe(operation, status, took)
	if p.traces == nil || status < 500 && rand.Float64() >= p.config.Telemetry.Tracing.Sample {
		return
	}
	r := contract.LogRecord{
		Time: p.app.Config.Clock().Add(-took).UnixMilli(), Method: "API", Route: cmp.Or(operation, "unknown"), Protocol: "HTTP/1.1", Status: status,
		TookUS: max(took.Microseconds(), 1), TraceID: fmt.Sprintf("%016x%016x", rand.Uint64()|1, rand.Uint64()), SpanID: fmt.Sprintf("%016x", rand.Uint64()|1),
	}
	if line, err := json.Marshal(&r); err == nil {
		p.traces.Add(line)
	}
}
