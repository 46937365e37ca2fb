package edge

import (
	"context"
	"os"

	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/otlp"
)

// openTelemetry makes what sends the operator's traces, where there is somewhere to
// send them.
func (e *Edge) openTelemetry(lc *observe.LogConfig) {
	o := e.cfg.Telemetry
	if o == nil {
		return
	}
	o.Resource["service.instance.id"], o.Resource["service.version"] = e.id.Edge, e.cfg.Version
	if host, err := os.Hostname(); err == nil {
		o.Resource["host.name"] = host
	}
	e.traces = otlp.NewExporter(o.Client, o.Resource, e.cfg.Logger)
	lc.Export = e.traces.Add
}

// tracing is which requests of all gateways the operator traces.
func (e *Edge) tracing() observe.Tracing {
	if e.cfg.Telemetry == nil {
		return observe.Tracing{}
	}
	return observe.TracingOf(&e.cfg.Telemetry.Tracing)
}

// export is a loop that sends.
type export struct {
	name string
	run  func(context.Context) error
}

// exports are the loops that send to the operator's collector.
func (e *Edge) exports() []export {
	o := e.cfg.Telemetry
	if o == nil {
		return nil
	}
	push := otlp.Pusher{Client: o.Client, Resource: o.Resource, From: e.metrics.Registry(), Every: o.Every, Logger: e.cfg.Logger}
	return []export{{"traces", e.traces.Run}, {"metrics", push.Run}}
}

func (e *Edge) registerTelemetryMetrics() {
	if e.traces == nil {
		return
	}
	e.counter("tollgate_edge_traces_sent_total", "Traced requests that the operator's collector took.", func() uint64 { return e.traces.Stats().Sent })
	e.counter("tollgate_edge_traces_dropped_total", "Traced requests that found no room, were over the bound or were not taken by the operator's collector.", func() uint64 {
		return e.traces.Stats().Dropped + e.log.Stats().Unexported
	})
	e.counter("tollgate_edge_traces_send_errors_total", "Messages to the operator's collector that failed.", func() uint64 { return e.traces.Stats().Failed })
}
