package app

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/release"
	"github.com/tollgate/tollgate/services/usage"
)

// releases gives the runner and the watch the gateways' schedules.
type releases struct{ gateways *gateway.Service }

func (r releases) Release(ctx context.Context, org core.OrganizationID, ref, route string) (*release.Release, error) {
	l, err := r.gateways.Release(ctx, org, ref, route)
	if err != nil {
		return nil, err
	}
	return releaseOf(l), nil
}

func releaseOf(l *gateway.Release) *release.Release {
	return &release.Release{
		Organization: l.Organization, Gateway: l.Gateway, Route: l.Route, Variant: l.Variant, Upstream: l.Upstream, Stable: l.Stable,
		Schedule: l.Schedule, State: l.State,
	}
}

func (r releases) Releasing(ctx context.Context, after string, limit int) ([]release.Release, error) {
	list, err := r.gateways.Releasing(ctx, after, limit)
	out := make([]release.Release, len(list))
	for i := range list {
		out[i] = *releaseOf(&list[i])
	}
	return out, err
}

func (r releases) Move(ctx context.Context, l *release.Release, to contract.ReleaseState) error {
	return r.gateways.MoveRelease(ctx, &gateway.Release{
		Organization: l.Organization, Gateway: l.Gateway, Route: l.Route, Variant: l.Variant, Upstream: l.Upstream, Stable: l.Stable,
		Schedule: l.Schedule, State: l.State,
	}, to)
}

// releaseFigures reads what upstreams did from the ledger: in whole minutes, of more
// than a day in whole hours.
type releaseFigures struct{ usage *usage.Service }

func (f releaseFigures) series(ctx context.Context, r *release.Release, in usage.SeriesInput) (usage.Series, error) {
	in.Gateway, in.Route, in.GroupBy, in.Page = r.Gateway, r.Route, usage.GroupTarget, core.Page{Limit: usage.MaxGroups}
	return f.usage.Series(ctx, r.Organization, in)
}

func (f releaseFigures) Read(ctx context.Context, r *release.Release, from, to time.Time) (variant, stable release.Sample, err error) {
	in := usage.SeriesInput{From: from, To: to, Interval: usage.IntervalMinute, TotalsOnly: true}
	if to.Sub(from) > 24*time.Hour {
		in.Interval = usage.IntervalHour
	}
	s, err := f.series(ctx, r, in)
	if err != nil {
		return variant, stable, err
	}
	for i := range s.Groups {
		switch g := &s.Groups[i]; g.Upstream {
		case "":
		case r.Upstream:
			add(&variant, &g.Total)
		case r.Stable:
			add(&stable, &g.Total)
		}
	}
	return variant, stable, nil
}

func (f releaseFigures) Minutes(ctx context.Context, r *release.Release, from, to time.Time) ([]release.Minute, error) {
	s, err := f.series(ctx, r, usage.SeriesInput{From: from, To: to, Interval: usage.IntervalMinute})
	if err != nil {
		return nil, err
	}
	out := make([]release.Minute, len(s.Points))
	for i := range s.Points {
		out[i].Time = s.Points[i].Time
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		for n := range g.Points {
			switch g.Upstream {
			case "":
			case r.Upstream:
				add(&out[n].Variant, &g.Points[n])
			case r.Stable:
				add(&out[n].Stable, &g.Points[n])
			}
		}
	}
	return out, nil
}

// releaseWatch shows how a release does.
func (a *App) releaseWatch() *release.Watch {
	f := releaseFigures{a.Usage}
	return &release.Watch{Releases: releases{a.Gateways}, Figures: f, History: f, Clock: a.Config.Clock}
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
