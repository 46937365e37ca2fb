package httpapi

import (
	"bytes"
	"context"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/portal/internal/csvsafe"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/usage"
)

// GetUsage answers a usage query.
func (s *Server) GetUsage(ctx context.Context, r gen.GetUsageRequestObject) (gen.GetUsageResponseObject, error) {
	c, p := callOf(ctx), &r.Params
	table := wantsCSV(c, string(value(p.Format)))
	series, err := s.Usage.Series(ctx, c.org, usage.SeriesInput{
		TotalsOnly: p.Points != nil && !*p.Points && !table, Table: table, Gateway: c.ref(), From: value(p.From), To: value(p.To),
		Interval: usage.Interval(value(p.Interval)), GroupBy: usage.Group(value(p.GroupBy)),
		Route: value(p.Route), Consumer: value(p.Consumer), Key: value(p.Key),
		Status: value(p.Status), Target: value(p.Target), Code: value(p.Code),
		Compare: value(p.Compare), Sort: usage.Measure(value(p.Sort)), Page: page(p.Limit, p.Cursor),
	})
	if err != nil {
		return nil, err
	}
	if table {
		body, err := usageCSV(&series)
		return gen.GetUsage200TextCsvResponse{Body: body, ContentLength: int64(body.Len())}, err
	}
	return gen.GetUsage200JSONResponse(toUsageReport(&series)), nil
}

// wantsCSV says whether a caller asks for a table instead of JSON.
func wantsCSV(c *call, format string) bool {
	if format != "" {
		return format == "csv"
	}
	for accepted := range strings.SplitSeq(c.request.Header.Get("Accept"), ",") {
		if media, _, err := mime.ParseMediaType(strings.TrimSpace(accepted)); err == nil {
			return media == "text/csv" // the one named first
		}
	}
	return false
}

func toUsagePoint(p *usage.Point) gen.UsagePoint {
	return gen.UsagePoint{
		Time: p.Time, Requests: p.Requests, Billed: p.Billed, Refused: p.Refused, Errors: p.Errors, UpstreamErrors: p.Errors - p.Refused,
		Status2Xx: p.Status2xx, Status3Xx: p.Status3xx, Status4Xx: p.Status4xx, Status5Xx: p.Status5xx,
		BytesIn: p.BytesIn, BytesOut: p.BytesOut, EdgeMs: toLatency(p.Edge), UpstreamMs: toLatency(p.Upstream),
	}
}

func toLatency(p *usage.Percentiles) *gen.Latency {
	if p == nil {
		return nil
	}
	return &gen.Latency{P50: p.P50, P95: p.P95, P99: p.P99}
}

// optionalPoint is nil for nil.
func optionalPoint(p *usage.Point) *gen.UsagePoint {
	if p == nil {
		return nil
	}
	return new(toUsagePoint(p))
}

func toUsageReport(s *usage.Series) gen.UsageReport {
	out := gen.UsageReport{
		From: s.From, To: s.To, Interval: string(s.Interval), GroupBy: optional(string(s.GroupBy)),
		Total: toUsagePoint(&s.Total), Points: each(s.Points, toUsagePoint), Other: optionalPoint(s.Other), NextCursor: optional(s.Next),
		Measures: each(s.Measures, func(m *usage.Measure) gen.UsageReportMeasures { return gen.UsageReportMeasures(*m) }),
	}
	out.Series = make([]gen.UsageSeries, len(s.Groups))
	for i := range s.Groups {
		g := &s.Groups[i]
		out.Series[i] = gen.UsageSeries{
			ID: optional(g.ID), Name: optional(g.Name), Upstream: optional(g.Upstream),
			Total: toUsagePoint(&g.Total), Previous: optionalPoint(g.Previous), Points: each(g.Points, toUsagePoint),
		}
	}
	if p := s.Previous; p != nil {
		out.Previous = &gen.UsagePeriod{From: p.From, To: p.To, Total: toUsagePoint(&p.Total), Points: each(p.Points, toUsagePoint)}
	}
	return out
}

// usageColumns are the measures of a table, in its order.
var usageColumns = []struct {
	name string
	of   func(*usage.Point) int64
}{
	{"requests", func(p *usage.Point) int64 { return p.Requests }},
	{"billed", func(p *usage.Point) int64 { return p.Billed }},
	{"refused", func(p *usage.Point) int64 { return p.Refused }},
	{"errors", func(p *usage.Point) int64 { return p.Errors }},
	{"upstream_errors", func(p *usage.Point) int64 { return p.Errors - p.Refused }},
	{"status_2xx", func(p *usage.Point) int64 { return p.Status2xx }},
	{"status_3xx", func(p *usage.Point) int64 { return p.Status3xx }},
	{"status_4xx", func(p *usage.Point) int64 { return p.Status4xx }},
	{"status_5xx", func(p *usage.Point) int64 { return p.Status5xx }},
	{"bytes_in", func(p *usage.Point) int64 { return p.BytesIn }},
	{"bytes_out", func(p *usage.Point) int64 { return p.BytesOut }},
}

// usageCSV is a table with a row for each group and point: only the measures
// that are counted, nothing where nothing is known.
func usageCSV(s *usage.Series) (*bytes.Buffer, error) {
	counted := map[string]bool{}
	for _, m := range s.Measures {
		counted[string(m)] = true
	}
	head := []string{"time"}
	if s.GroupBy != usage.GroupNone {
		head = append(head, string(s.GroupBy)+"_id", string(s.GroupBy)+"_name")
	}
	for _, c := range usageColumns {
		if counted[c.name] {
			head = append(head, c.name)
		}
	}
	for _, side := range []string{"edge_ms", "upstream_ms"} {
		if counted[side] {
			head = append(head, side+"_p50", side+"_p95", side+"_p99")
		}
	}
	var out bytes.Buffer
	w := csvsafe.NewWriter(&out)
	if err := w.Write(head); err != nil {
		return nil, err
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		for j := range g.Points {
			if err := w.Write(usageRow(s, g, &g.Points[j], counted)); err != nil {
				return nil, err
			}
		}
	}
	return &out, w.Flush()
}

func usageRow(s *usage.Series, g *usage.GroupSeries, p *usage.Point, counted map[string]bool) []string {
	row := []string{p.Time.Format(time.RFC3339)}
	if s.GroupBy != usage.GroupNone {
		row = append(row, g.ID, g.Name)
	}
	for _, c := range usageColumns {
		if counted[c.name] {
			row = append(row, strconv.FormatInt(c.of(p), 10))
		}
	}
	for _, side := range []struct {
		name string
		p    *usage.Percentiles
	}{{"edge_ms", p.Edge}, {"upstream_ms", p.Upstream}} {
		switch {
		case !counted[side.name]:
		case side.p == nil:
			row = append(row, "", "", "")
		default:
			for _, v := range []float64{side.p.P50, side.p.P95, side.p.P99} {
				row = append(row, strconv.FormatFloat(v, 'f', -1, 64))
			}
		}
	}
	return row
}
