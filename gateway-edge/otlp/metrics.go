package otlp

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
)

// Pusher sends what a Prometheus registry shows to a collector, at an interval.
type Pusher struct {
	Client   *Client
	Resource map[string]string
	From     prometheus.Gatherer
	Every    time.Duration
	Logger   *slog.Logger
}

// Run pushes until ctx ends, then once more. A push that fails is not repeated: the
// next one says all, since counters are sent as totals.
func (p *Pusher) Run(ctx context.Context) error {
	began := time.Now()
	t := time.NewTicker(p.Every)
	defer t.Stop()
	failing := false
	for ended := false; !ended; {
		in, cancel := ctx, context.CancelFunc(func() {})
		select {
		case <-ctx.Done():
			ended = true
			in, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastSend)
		case <-t.C:
		}
		err := p.push(in, began)
		cancel()
		if err != nil && !failing {
			p.Logger.Warn("otlp: the collector does not take metrics", "error", err)
		}
		failing = err != nil
	}
	return nil
}

func (p *Pusher) push(ctx context.Context, began time.Time) error {
	families, err := p.From.Gather()
	if len(families) == 0 && err != nil {
		return err
	}
	return p.Client.Send(ctx, PathMetrics, ResourceMetrics(p.Resource, Families(families, began, time.Now())))
}

// ResourceMetrics puts metrics under a resource.
func ResourceMetrics(of map[string]string, list []*metrics.Metric) *metrics.MetricsData {
	return &metrics.MetricsData{ResourceMetrics: []*metrics.ResourceMetrics{{
		Resource: Resource(of), ScopeMetrics: []*metrics.ScopeMetrics{{Scope: &common.InstrumentationScope{Name: Scope}, Metrics: list}},
	}}}
}

// Families converts metrics of Prometheus, under the names that they have there:
// counters become cumulative sums since began, histograms with bounds stay what they
// are, summaries become their sum and count with quantiles. Others are left out.
func Families(families []*dto.MetricFamily, began, now time.Time) []*metrics.Metric {
	out := make([]*metrics.Metric, 0, len(families))
	for _, f := range families {
		m := &metrics.Metric{Name: f.GetName(), Description: f.GetHelp()}
		c := converter{from: uint64(began.UnixNano()), to: uint64(now.UnixNano())}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			m.Data = &metrics.Metric_Sum{Sum: &metrics.Sum{
				IsMonotonic: true, AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
				DataPoints: c.numbers(f.GetMetric(), func(m *dto.Metric) float64 { return m.GetCounter().GetValue() }),
			}}
		case dto.MetricType_GAUGE:
			m.Data = &metrics.Metric_Gauge{Gauge: &metrics.Gauge{
				DataPoints: c.numbers(f.GetMetric(), func(m *dto.Metric) float64 { return m.GetGauge().GetValue() }),
			}}
		case dto.MetricType_HISTOGRAM:
			m.Data = &metrics.Metric_Histogram{Histogram: &metrics.Histogram{
				AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, DataPoints: c.histograms(f.GetMetric()),
			}}
		case dto.MetricType_SUMMARY:
			m.Data = &metrics.Metric_Summary{Summary: &metrics.Summary{DataPoints: c.summaries(f.GetMetric())}}
		default:
			continue
		}
		out = append(out, m)
	}
	return out
}

// converter makes data points of a time.
type converter struct{ from, to uint64 } // Unix ns

func labels(m *dto.Metric) (out []*common.KeyValue) {
	for _, l := range m.GetLabel() {
		out = append(out, text(l.GetName(), l.GetValue()))
	}
	return out
}

func (c converter) numbers(list []*dto.Metric, value func(*dto.Metric) float64) (out []*metrics.NumberDataPoint) {
	for _, m := range list {
		out = append(out, &metrics.NumberDataPoint{
			Attributes: labels(m), StartTimeUnixNano: c.from, TimeUnixNano: c.to, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: value(m)},
		})
	}
	return out
}

func (c converter) histograms(list []*dto.Metric) (out []*metrics.HistogramDataPoint) {
	for _, m := range list {
		h := m.GetHistogram()
		p := &metrics.HistogramDataPoint{Attributes: labels(m), StartTimeUnixNano: c.from, TimeUnixNano: c.to, Count: h.GetSampleCount(), Sum: h.SampleSum}
		below := uint64(0) // Prometheus counts what is below each bound, OTLP what is between two
		for _, b := range h.GetBucket() {
			if b.GetUpperBound() > maxBound {
				continue
			}
			p.ExplicitBounds = append(p.ExplicitBounds, b.GetUpperBound())
			p.BucketCounts = append(p.BucketCounts, b.GetCumulativeCount()-below)
			below = b.GetCumulativeCount()
		}
		p.BucketCounts = append(p.BucketCounts, h.GetSampleCount()-below)
		out = append(out, p)
	}
	return out
}

// maxBound is above every bound but infinity, which OTLP does not write.
const maxBound = 1e300

func (c converter) summaries(list []*dto.Metric) (out []*metrics.SummaryDataPoint) {
	for _, m := range list {
		s := m.GetSummary()
		p := &metrics.SummaryDataPoint{Attributes: labels(m), StartTimeUnixNano: c.from, TimeUnixNano: c.to, Count: s.GetSampleCount(), Sum: s.GetSampleSum()}
		for _, q := range s.GetQuantile() {
			p.QuantileValues = append(p.QuantileValues, &metrics.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
		}
		out = append(out, p)
	}
	return out
}
