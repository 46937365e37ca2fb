package observe

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tollgate/tollgate/services/contract"
)

// Metrics are the edge's Prometheus metrics. Labels are bounded: status classes,
// protocols and error codes; never a tenant's or a client's words.
type Metrics struct {
	registry *prometheus.Registry
	cells    [metricCells]cell
}

// Protocol of a request, as a metric label.
type Protocol uint8

// Protocols.
const (
	HTTP1 Protocol = iota
	HTTP2
	HTTP3
	numProtocols
)

var protocolNames = [numProtocols]string{"http1", "http2", "http3"}

// Status classes; the first is for exchanges that ended without a response.
var classNames = [...]string{"none", "2xx", "3xx", "4xx", "5xx"}

// directions of what a WebSocket carries: from its client, and to it.
var directions = [...]string{"in", "out"}

// sides of an exchange.
var sides = [...]string{"request", "response"}

// metricCells spreads the counters, so that cores seldom meet on a cache line.
const metricCells = 4

// maxCodes bounds the table of error codes.
const maxCodes = 64

// cell is one part of every counter.
type cell struct {
	open     atomic.Int64
	requests [numProtocols][len(classNames)]atomic.Uint64
	refused  [maxCodes]atomic.Uint64
	edge     histogram
	upstream histogram
	sent     [len(integrationNames)]calls
	sockets  [len(directions)]struct{ bytes, messages atomic.Uint64 }
	reports  [len(sides)]atomic.Uint64
	_        [64]byte
}

// bounds of the latency histograms, in microseconds.
var bounds = [...]int64{50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000}

// histogram counts durations; the last bucket is beyond all bounds.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // microseconds
}

func (h *histogram) add(micros int64) {
	micros = max(micros, 0)
	i := 0
	for i < len(bounds) && micros > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(micros)
}

// NewMetrics makes the edge's registry with the process's own metrics.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is for other rooms to add their metrics to.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func (m *Metrics) cell() *cell { return &m.cells[rand.Uint32()%metricCells] }

// Begin counts a request in flight; End must follow.
func (m *Metrics) Begin() { m.cell().open.Add(1) }

// End counts a finished request. refused says that the edge itself answered with
// code; status 0 means that no response was begun. Times are in microseconds.
func (m *Metrics) End(p Protocol, status int, code contract.Code, refused bool, edgeMicros, upstreamMicros int64) {
	c := m.cell()
	c.open.Add(-1)
	c.requests[min(p, numProtocols-1)][class(status)].Add(1)
	if refused {
		c.refused[min(int(code), maxCodes-1)].Add(1)
	}
	c.edge.add(edgeMicros)
	if upstreamMicros > 0 {
		c.upstream.add(upstreamMicros)
	}
}

// Carried adds what a WebSocket has carried from its client, and to it.
func (m *Metrics) Carried(in, out, messagesIn, messagesOut int64) {
	s := &m.cell().sockets
	s[0].bytes.Add(uint64(in))
	s[1].bytes.Add(uint64(out))
	s[0].messages.Add(uint64(messagesIn))
	s[1].messages.Add(uint64(messagesOut))
}

// Reported counts a request that validation let pass with faults, in the request or in
// its answer.
func (m *Metrics) Reported(request, response bool) {
	for i, found := range [...]bool{request, response} {
		if found {
			m.cell().reports[i].Add(1)
		}
	}
}

// class is a status's place in classNames; 1xx (a switch of protocols) is a success.
func class(status int) int {
	switch {
	case status <= 0:
		return 0
	case status < 300:
		return 1
	case status < 400:
		return 2
	case status < 500:
		return 3
	}
	return 4
}

// Requests is the number of finished requests, and Open of those in flight: for
// the edge's report.
func (m *Metrics) Requests() (done uint64, open int64) {
	for i := range m.cells {
		c := &m.cells[i]
		open += c.open.Load()
		for p := range c.requests {
			for s := range c.requests[p] {
				done += c.requests[p][s].Load()
			}
		}
	}
	return done, open
}

var (
	descRequests = prometheus.NewDesc("tollgate_edge_requests_total", "Finished requests by protocol and status class.", []string{"protocol", "class"}, nil)
	descRefused  = prometheus.NewDesc("tollgate_edge_refused_total", "Requests that the edge itself answered with an error, by code.", []string{"code"}, nil)
	descOpen     = prometheus.NewDesc("tollgate_edge_requests_open", "Requests in flight.", nil, nil)
	descEdge     = prometheus.NewDesc("tollgate_edge_added_seconds", "Time that the edge itself added to a request.", nil, nil)
	descBytes    = prometheus.NewDesc("tollgate_edge_websocket_bytes_total", "Bytes that WebSockets carried from their clients (in) and to them (out).", []string{"direction"}, nil)
	descMessages = prometheus.NewDesc("tollgate_edge_websocket_messages_total", "Messages that WebSockets carried from their clients (in) and to them (out).", []string{"direction"}, nil)
	descReports  = prometheus.NewDesc("tollgate_edge_validation_reports_total", "Requests that validation in mode report let pass with faults, by the side where they were.", []string{"side"}, nil)
	descUpstream = prometheus.NewDesc("tollgate_edge_upstream_seconds", "Time that requests waited for their upstream.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRequests, descRefused, descOpen, descEdge, descUpstream, descCalls, descFailures, descBytes, descMessages, descReports} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for p, protocol := range protocolNames {
		for s, status := range classNames {
			n := m.sum(func(c *cell) uint64 { return c.requests[p][s].Load() })
			ch <- prometheus.MustNewConstMetric(descRequests, prometheus.CounterValue, float64(n), protocol, status)
		}
	}
	for _, code := range contract.Codes() {
		n := m.sum(func(c *cell) uint64 { return c.refused[min(int(code), maxCodes-1)].Load() })
		ch <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(n), code.String())
	}
	_, open := m.Requests()
	ch <- prometheus.MustNewConstMetric(descOpen, prometheus.GaugeValue, float64(open))
	for i, direction := range directions {
		n := m.sum(func(c *cell) uint64 { return c.sockets[i].bytes.Load() })
		ch <- prometheus.MustNewConstMetric(descBytes, prometheus.CounterValue, float64(n), direction)
		n = m.sum(func(c *cell) uint64 { return c.sockets[i].messages.Load() })
		ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(n), direction)
	}
	for i, side := range sides {
		n := m.sum(func(c *cell) uint64 { return c.reports[i].Load() })
		ch <- prometheus.MustNewConstMetric(descReports, prometheus.CounterValue, float64(n), side)
	}
	ch <- m.histogram(descEdge, func(c *cell) *histogram { return &c.edge })
	ch <- m.histogram(descUpstream, func(c *cell) *histogram { return &c.upstream })
	m.collectIntegrations(ch)
}

func (m *Metrics) sum(of func(*cell) uint64) (n uint64) {
	for i := range m.cells {
		n += of(&m.cells[i])
	}
	return n
}

func (m *Metrics) histogram(d *prometheus.Desc, of func(*cell) *histogram, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(bounds))
	count, micros := uint64(0), int64(0)
	for i := range bounds {
		count += m.sum(func(c *cell) uint64 { return of(c).buckets[i].Load() })
		buckets[float64(bounds[i])/1e6] = count
	}
	count += m.sum(func(c *cell) uint64 { return of(c).buckets[len(bounds)].Load() })
	for i := range m.cells {
		micros += of(&m.cells[i]).sum.Load()
	}
	return prometheus.MustNewConstHistogram(d, count, float64(micros)/1e6, buckets, labels...)
}

// Observe adds the access log's and other totals as metrics that are read when
// they are asked for.
func (m *Metrics) Observe(name, help string, total bool, value func() float64) {
	if total {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}
