package observe

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/services/contract"
)

// Integration is how a request is sent on, as a metric label: of a fixed list,
// whatever tenants configure.
type Integration uint8

// Integrations without a policy of their own; those of policies follow.
const (
	IntegrationHTTP Integration = iota
	IntegrationGRPC
	IntegrationWebSocket
	integrationOther // a policy that is not in the list
	firstOfPolicies
)

var integrationNames = [...]string{
	IntegrationHTTP: "http", IntegrationGRPC: "grpc", IntegrationWebSocket: "websocket", integrationOther: "other",
	firstOfPolicies: "aggregate", "connect", "graphql", "grpc_transcode", "grpc_web", "http_websocket", "lambda", "sql", "static", "websocket_http",
}

// IntegrationOf is the kind of a route whose chain holds policies of these types;
// answers says that one of them stands in the place of an upstream.
func IntegrationOf(types []string, answers bool) Integration {
	for i := len(types) - 1; i >= 0; i-- { // the one that is nearest to the backend
		for k := firstOfPolicies; int(k) < len(integrationNames); k++ {
			if types[i] == integrationNames[k] {
				return k
			}
		}
	}
	if answers {
		return integrationOther
	}
	return IntegrationHTTP
}

// String is the label.
func (i Integration) String() string { return integrationNames[i] }

// calls is one part of an integration's figures.
type calls struct {
	failed  [maxCodes]atomic.Uint64 // by the edge's code
	backend atomic.Uint64           // answers of 500 and above
	time    histogram
}

// Sent counts a finished request that was sent on. Code is what the edge answered
// in place of the answer, 0: nothing; micros is how long it waited for it.
func (m *Metrics) Sent(i Integration, status int, code contract.Code, refused bool, micros int64) {
	c := &m.cell().sent[min(int(i), len(integrationNames)-1)]
	switch {
	case refused:
		c.failed[min(int(code), maxCodes-1)].Add(1)
	case status >= 500:
		c.backend.Add(1)
	}
	c.time.add(micros)
}

// backendFailed is the label of failures that are the backend's own answers.
const backendFailed = "backend_5xx"

var (
	descCalls    = prometheus.NewDesc("tollgate_edge_integration_seconds", "Time until the answer of requests that were sent on, by kind of integration.", []string{"kind"}, nil)
	descFailures = prometheus.NewDesc("tollgate_edge_integration_errors_total", "Of them those that failed: by the code that the edge answered, or backend_5xx.", []string{"kind", "code"}, nil)
)

// collectIntegrations writes every kind's times, and the failures that there were.
func (m *Metrics) collectIntegrations(ch chan<- prometheus.Metric) {
	for i, kind := range integrationNames {
		ch <- m.histogram(descCalls, func(c *cell) *histogram { return &c.sent[i].time }, kind)
		failures := func(code string, of func(*cell) *atomic.Uint64, always bool) {
			if n := m.sum(func(c *cell) uint64 { return of(c).Load() }); n > 0 || always {
				ch <- prometheus.MustNewConstMetric(descFailures, prometheus.CounterValue, float64(n), kind, code)
			}
		}
		failures(backendFailed, func(c *cell) *atomic.Uint64 { return &c.sent[i].backend }, true)
		for _, code := range contract.Codes() {
			failures(code.String(), func(c *cell) *atomic.Uint64 { return &c.sent[i].failed[min(int(code), maxCodes-1)] }, false)
		}
	}
}
