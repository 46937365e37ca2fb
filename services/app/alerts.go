package app

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/tenant"
	"github.com/tollgate/tollgate/services/usage"
)

// webhookGuard lets webhooks go where upstreams may, over HTTPS; where private
// upstreams are allowed, one's own network may be reached without TLS.
type webhookGuard struct{ *match.Guard }

func (g webhookGuard) CheckWebhook(raw string) error {
	if _, err := g.CheckFetchURL(raw); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(raw), "https://") && !g.AllowPrivate {
		return &match.Forbidden{Reason: "must begin with https://"}
	}
	return nil
}

func (g webhookGuard) CheckDial(addr netip.AddrPort) error { return g.CheckAddr(addr) }

// letters seals the mails of alerts.
type letters struct{ tenants *tenant.Service }

func (l letters) Letter(to, subject, text string) (*alert.Letter, error) {
	q, err := l.tenants.Letter(tenant.Mail{To: to, Subject: subject, Text: text})
	return &alert.Letter{ID: q.ID, Sealed: q.Sealed}, err
}

// figures reads what alerts watch from the ledger.
type figures struct {
	a     *App
	store store.AlertFigures
}

// Read reads an alert's figure. What is not there any more is a Figure too.
func (f figures) Read(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	var out alert.Figure
	var err error
	if a.Rule.Kind == alert.KindQuota {
		out, err = f.quota(ctx, a, now)
	} else {
		out, err = f.window(ctx, a, now)
	}
	if core.CodeOf(err) == core.CodeNotFound {
		return alert.Figure{Gone: "What the alert watches does not exist any more: " + detailOf(err) + "."}, nil
	}
	return out, err
}

func detailOf(err error) string {
	if e, ok := err.(*core.Error); ok { //nolint:errorlint // the outermost text is the caller's
		return e.Detail
	}
	return "it was deleted"
}

// window reads a figure of the last full minutes and the present one.
func (f figures) window(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	r := &a.Rule
	s, err := f.a.Usage.Series(ctx, a.Organization, usage.SeriesInput{
		Gateway: a.Gateway, From: now.Add(-r.Window.Std()), To: now, Interval: usage.IntervalMinute, Route: r.Route, Consumer: r.Consumer,
	})
	if err != nil {
		return alert.Figure{}, err
	}
	t := &s.Total
	enough := r.MinRequests == nil || t.Requests >= *r.MinRequests
	switch r.Kind {
	case alert.KindNoTraffic:
		return alert.Figure{Value: float64(t.Requests), Known: true}, nil
	case alert.KindLatency:
		p := t.Upstream
		if r.Latency == "edge" {
			p = t.Edge
		}
		if p == nil {
			return alert.Figure{}, nil
		}
		value := map[string]float64{"p50": p.P50, "p95": p.P95, "p99": p.P99}[r.Percentile]
		return alert.Figure{Value: value, Known: enough}, nil
	}
	bad := t.Errors
	switch r.Errors {
	case "edge":
		bad = t.Refused
	case "backend":
		bad = t.Errors - t.Refused
	}
	if t.Requests == 0 {
		return alert.Figure{}, nil
	}
	return alert.Figure{Value: 100 * float64(bad) / float64(t.Requests), Known: enough}, nil
}

// quota reads how much of a quota is used in its present period, in percent.
func (f figures) quota(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	switch a.Rule.Quota {
	case "organization":
		return f.organization(ctx, a)
	case "consumer":
		return f.consumer(ctx, a, now)
	}
	q, err := f.planQuota(ctx, a, a.Rule.UsagePlan)
	if err != nil || q == nil {
		return alert.Figure{}, err
	}
	name, used, err := f.store.PlanUse(ctx, a.Organization, a.Gateway, a.Rule.UsagePlan, periodStart(q.Period, now), now)
	if err != nil || name == "" {
		return alert.Figure{Known: err == nil}, err
	}
	return alert.Figure{Value: percent(used, q.Limit), Known: true, Subject: "Consumer " + name}, nil
}

func (f figures) consumer(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	c, err := f.a.Consumers.Get(ctx, a.Organization, a.Gateway, a.Rule.Consumer)
	if err != nil || c.UsagePlan == "" {
		return alert.Figure{}, err
	}
	q, err := f.planQuota(ctx, a, c.UsagePlan)
	if err != nil || q == nil {
		return alert.Figure{}, err
	}
	s, err := f.a.Usage.Series(ctx, a.Organization, usage.SeriesInput{
		Gateway: a.Gateway, From: periodStart(q.Period, now), To: now, Interval: usage.IntervalTotal, Consumer: a.Rule.Consumer,
	})
	if err != nil {
		return alert.Figure{}, err
	}
	return alert.Figure{Value: percent(s.Total.Requests-s.Total.Refused, q.Limit), Known: true, Subject: "Consumer " + c.Name}, nil
}

func (f figures) organization(ctx context.Context, a *alert.Alert) (alert.Figure, error) {
	o, err := f.a.Tenants.Organization(ctx, a.Organization)
	if err != nil {
		return alert.Figure{}, err
	}
	p, err := f.a.Plans.Get(o.Plan)
	if err != nil || p.IncludedRequests == 0 {
		return alert.Figure{}, err
	}
	used, err := f.store.Billed(ctx, a.Organization, o.PeriodStart)
	return alert.Figure{Value: percent(used, p.IncludedRequests), Known: true, Subject: "The organization"}, err
}

// planQuota is a usage plan's quota, nil for none.
func (f figures) planQuota(ctx context.Context, a *alert.Alert, plan string) (*contract.Quota, error) {
	it, err := f.a.Gateways.UsagePlans.Get(ctx, a.Organization, a.Gateway, plan)
	if err != nil {
		return nil, err
	}
	return it.Value.Quota, nil
}

func percent(used, limit int64) float64 {
	if limit <= 0 {
		return 0
	}
	return 100 * float64(used) / float64(limit)
}

// periodStart is where a quota's calendar period began, in UTC; weeks begin on
// Monday.
func periodStart(period string, now time.Time) time.Time {
	now = now.UTC()
	day := now.Truncate(24 * time.Hour)
	switch period {
	case "hour":
		return now.Truncate(time.Hour)
	case "week":
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case "month":
		return day.AddDate(0, 0, 1-day.Day())
	}
	return day
}
