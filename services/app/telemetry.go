package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/telemetry"
	"github.com/tollgate/tollgate/services/usage"
)

// telemetryFigures reads what metrics are made of from the ledger.
type telemetryFigures struct {
	a     *App
	store store.AlertFigures
}

// Day sums a gateway's day by route, the busiest first.
func (f telemetryFigures) Day(ctx context.Context, org core.OrganizationID, g telemetry.Gateway, now time.Time) ([]telemetry.RouteFigures, error) {
	q := usage.SeriesQuery{
		Gateway: g.Num, From: now.UTC().Truncate(24 * time.Hour), To: now.UTC().Truncate(time.Minute).Add(time.Minute),
		Interval: usage.IntervalTotal, GroupBy: usage.GroupRoute,
	}
	counts, err := f.a.ledger.Counters(ctx, org, q)
	if err != nil {
		return nil, err
	}
	latencies, err := f.a.ledger.Latencies(ctx, org, q)
	if err != nil {
		return nil, err
	}
	byRoute := map[uint64]*usage.LatencySum{}
	for i := range latencies {
		byRoute[latencies[i].Group] = &latencies[i]
	}
	nums := make([]uint64, 0, len(counts))
	for i := range counts {
		nums = append(nums, counts[i].Group)
	}
	names, err := f.a.ledger.Names(ctx, org, usage.Gateway{ID: g.ID, Num: g.Num}, usage.GroupRoute, nums)
	if err != nil {
		return nil, err
	}
	out := make([]telemetry.RouteFigures, 0, len(counts))
	for i := range counts {
		c := &counts[i].Counts
		r := telemetry.RouteFigures{
			Route:  names[counts[i].Group].Name,
			Status: [4]int64{int64(c.C2xx), int64(c.C3xx), int64(c.C4xx), int64(c.C5xx)}, Refused: int64(c.Refused), Billed: int64(c.Billed),
			BytesIn: int64(c.BytesIn), BytesOut: int64(c.BytesOut),
		}
		if l := byRoute[counts[i].Group]; l != nil {
			r.Bounds, r.Edge = l.Edge.Octaves()
			_, r.Upstream = l.Upstream.Octaves()
		}
		out = append(out, r)
	}
	busy := func(r *telemetry.RouteFigures) int64 { return r.Status[0] + r.Status[1] + r.Status[2] + r.Status[3] }
	slices.SortFunc(out, func(x, y telemetry.RouteFigures) int {
		return cmp.Or(cmp.Compare(busy(&y), busy(&x)), cmp.Compare(x.Route, y.Route))
	})
	return out, nil
}

// Quota is what of the plan's requests is used.
func (f telemetryFigures) Quota(ctx context.Context, org core.OrganizationID) (used, limit int64, err error) {
	o, err := f.a.Tenants.Organization(ctx, org)
	if err != nil {
		return 0, 0, err
	}
	p := f.a.Plans.Of(o.Plan)
	used, err = f.store.Billed(ctx, org, o.PeriodStart)
	return used, p.IncludedRequests, err
}

// telemetryMetrics registers what becomes of organizations' telemetry.
func (w *Worker) telemetryMetrics(r *prometheus.Registry) {
	counter := func(name, help string, value func(telemetry.ShipperStats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "telemetry", Name: name, Help: help},
			func() float64 { return float64(value(w.shipper.Stats())) }))
	}
	counter("sent_total", "Access log records that organizations' destinations took.", func(s telemetry.ShipperStats) uint64 { return s.Sent })
	counter("dropped_total", "Access log records that were skipped since a destination was away for too long or refused them.", func(s telemetry.ShipperStats) uint64 { return s.Dropped })
	counter("failures_total", "Turns of destinations that failed.", func(s telemetry.ShipperStats) uint64 { return s.Failed })
}
