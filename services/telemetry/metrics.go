package telemetry

import (
	"context"
	"time"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
)

// maxRoutes bounds the routes of a gateway that have points of their own; the others
// are one together.
const maxRoutes = 200

// otherRoutes is what those are called.
const otherRoutes = "(other)"

// push is what is sent of one moment: totals since the day began.
type push struct {
	from, to uint64 // Unix ns
	used     int64
	limit    int64 // 0: none
	requests *metrics.Sum
	refused  *metrics.Sum
	billed   *metrics.Sum
	in, out  *metrics.Sum
	edge     *metrics.Histogram
	upstream *metrics.Histogram
}

// of is one gateway's part.
type part struct {
	gateway Gateway
	routes  []RouteFigures
}

func total() *metrics.Sum {
	return &metrics.Sum{IsMonotonic: true, AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE}
}

func spread() *metrics.Histogram {
	return &metrics.Histogram{AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE}
}

// dayOf is where the day of a time begins.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// pushOf makes what is sent.
func pushOf(now time.Time, used int64, parts []part) *push {
	p := &push{
		from: uint64(dayOf(now).UnixNano()), to: uint64(now.UnixNano()), used: used,
		requests: total(), refused: total(), billed: total(), in: total(), out: total(), edge: spread(), upstream: spread(),
	}
	for i := range parts {
		for j := range bounded(parts[i].routes) {
			p.add(parts[i].gateway.Name, &parts[i].routes[j])
		}
	}
	return p
}

// bounded merges the routes past the bound into the last one.
func bounded(routes []RouteFigures) []RouteFigures {
	if len(routes) <= maxRoutes {
		return routes
	}
	rest := &routes[maxRoutes-1]
	rest.Route = otherRoutes
	for i := maxRoutes; i < len(routes); i++ {
		rest.plus(&routes[i])
	}
	return routes[:maxRoutes]
}

func (f *RouteFigures) plus(o *RouteFigures) {
	for i := range f.Status {
		f.Status[i] += o.Status[i]
	}
	f.Refused, f.Billed, f.BytesIn, f.BytesOut = f.Refused+o.Refused, f.Billed+o.Billed, f.BytesIn+o.BytesIn, f.BytesOut+o.BytesOut
	f.Edge, f.Upstream = sum(f.Edge, o.Edge), sum(f.Upstream, o.Upstream)
	if len(f.Bounds) == 0 {
		f.Bounds = o.Bounds
	}
}

func sum(a, b []uint64) []uint64 {
	if len(a) == 0 {
		return b
	}
	for i := range min(len(a), len(b)) {
		a[i] += b[i]
	}
	return a
}

// add adds a route's points.
func (p *push) add(gateway string, f *RouteFigures) {
	labels := func(more ...*common.KeyValue) []*common.KeyValue {
		return append([]*common.KeyValue{word("tollgate.gateway", gateway), word("tollgate.route", f.Route)}, more...)
	}
	point := func(s *metrics.Sum, n int64, of []*common.KeyValue) {
		s.DataPoints = append(s.DataPoints, &metrics.NumberDataPoint{
			Attributes: of, StartTimeUnixNano: p.from, TimeUnixNano: p.to, Value: &metrics.NumberDataPoint_AsInt{AsInt: n},
		})
	}
	for i, class := range [...]string{"2xx", "3xx", "4xx", "5xx"} {
		if f.Status[i] > 0 {
			point(p.requests, f.Status[i], labels(word("http.response.status_class", class)))
		}
	}
	point(p.refused, f.Refused, labels())
	point(p.billed, f.Billed, labels())
	point(p.in, f.BytesIn, labels())
	point(p.out, f.BytesOut, labels())
	for _, h := range []struct {
		to     *metrics.Histogram
		counts []uint64
	}{{p.edge, f.Edge}, {p.upstream, f.Upstream}} {
		n := uint64(0)
		for _, c := range h.counts {
			n += c
		}
		if n > 0 {
			h.to.DataPoints = append(h.to.DataPoints, &metrics.HistogramDataPoint{
				Attributes: labels(), StartTimeUnixNano: p.from, TimeUnixNano: p.to, Count: n, BucketCounts: h.counts, ExplicitBounds: f.Bounds,
			})
		}
	}
}

func word(k, v string) *common.KeyValue {
	return &common.KeyValue{Key: k, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}}
}

// list is the push as metrics.
func (p *push) list() []*metrics.Metric {
	level := func(v int64) *metrics.Metric_Gauge {
		return &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{{TimeUnixNano: p.to, Value: &metrics.NumberDataPoint_AsInt{AsInt: v}}}}}
	}
	out := []*metrics.Metric{
		{Name: "tollgate.requests", Unit: "{request}", Description: "Answers since 00:00 UTC.", Data: &metrics.Metric_Sum{Sum: p.requests}},
		{Name: "tollgate.requests.refused", Unit: "{request}", Description: "Of them errors that the edge itself made.", Data: &metrics.Metric_Sum{Sum: p.refused}},
		{Name: "tollgate.requests.billed", Unit: "{request}", Description: "Of them billed.", Data: &metrics.Metric_Sum{Sum: p.billed}},
		{Name: "tollgate.bytes.in", Unit: "By", Description: "Bytes of requests.", Data: &metrics.Metric_Sum{Sum: p.in}},
		{Name: "tollgate.bytes.out", Unit: "By", Description: "Bytes of answers.", Data: &metrics.Metric_Sum{Sum: p.out}},
		{Name: "tollgate.latency.edge", Unit: "s", Description: "Time that the edge added.", Data: &metrics.Metric_Histogram{Histogram: p.edge}},
		{Name: "tollgate.latency.upstream", Unit: "s", Description: "Time that requests waited for the backend.", Data: &metrics.Metric_Histogram{Histogram: p.upstream}},
		{Name: "tollgate.quota.used", Unit: "{request}", Description: "Requests of the billing period.", Data: level(p.used)},
	}
	if p.limit > 0 {
		out = append(out, &metrics.Metric{Name: "tollgate.quota.limit", Unit: "{request}", Description: "Requests that the plan includes.", Data: level(p.limit)})
	}
	return out
}

// sendMetrics sends a push.
func (s *Service) sendMetrics(ctx context.Context, d *Destination, p *push) error {
	header, err := s.headers(d)
	if err != nil {
		return &otlp.Error{Err: err}
	}
	if err := s.guard.CheckWebhook(d.Spec.URL); err != nil {
		return &otlp.Error{Err: err}
	}
	return s.collector(d, header).Send(ctx, otlp.PathMetrics, otlp.ResourceMetrics(resource, p.list()))
}
