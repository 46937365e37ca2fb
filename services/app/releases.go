package app

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/release"
	"github.com/tollgate/tollgate/services/usage"
)

// releases gives the runner the gateways' schedules.
type releases struct{ gateways *gateway.Service }

func (r releases) Releasing(ctx context.Context, after string, limit int) ([]release.Release, error) {
	list, err := r.gateways.Releasing(ctx, after, limit)
	out := make([]release.Release, len(list))
	for i := range list {
		l := &list[i]
		out[i] = release.Release{
			Organization: l.Organization, Gateway: l.Gateway, Route: l.Route, Variant: l.Variant, Upstream: l.Upstream, Stable: l.Stable,
			Schedule: l.Schedule, State: l.State,
		}
	}
	return out, err
}

func (r releases) Move(ctx context.Context, l *release.Release, to contract.ReleaseState) error {
	return r.gateways.MoveRelease(ctx, &gateway.Release{
		Organization: l.Organization, Gateway: l.Gateway, Route: l.Route, Variant: l.Variant, Upstream: l.Upstream, Stable: l.Stable,
		Schedule: l.Schedule, State: l.State,
	}, to)
}

// releaseFigures reads what upstreams did from the ledger, in whole minutes.
type releaseFigures struct{ usage *usage.Service }

func (f releaseFigures) Read(ctx context.Context, r *release.Release, from, to time.Time) (variant, stable release.Sample, err error) {
	s, err := f.usage.Series(ctx, r.Organization, usage.SeriesInput{
		Gateway: r.Gateway, Route: r.Route, GroupBy: usage.GroupTarget, From: from, To: to, Interval: usage.IntervalMinute, TotalsOnly: true,
	})
	if err != nil {
		return variant, stable, err
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		switch g.Upstream {
		case "":
		case r.Upstream:
			add(&variant, &g.Total)
		case r.Stable:
			add(&stable, &g.Total)
		}
	}
	return variant, stable, nil
}

// add takes a target's figures. Its percentiles count as the upstream's where they
// are the worst of the targets'.
func add(s *release.Sample, p *usage.Point) {
	s.Requests += p.Requests + p.Failed
	s.Failed += p.Status5xx + p.Failed
	if u := p.Upstream; u != nil {
		s.P50, s.P95, s.P99 = max(s.P50, u.P50), max(s.P95, u.P95), max(s.P99, u.P99)
	}
}
