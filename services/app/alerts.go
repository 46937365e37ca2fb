package app

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/mailform"
	"github.com/tollgate/tollgate/services/tenant"
	"github.com/tollgate/tollgate/services/usage"
)

// webhookGuard lets webhooks go where upstreams may, over HTTPS; where private
// upstreams are allowed, one's own network may be reached without TLS.
type webhookGuard struct{ *match.Guard }

func (g webhookGuard) CheckWebhook(raw string) error {
	switch lower := strings.ToLower(raw); {
	case strings.HasPrefix(lower, "https://"), g.AllowPrivate && strings.HasPrefix(lower, "http://"):
	default:
		return &match.Forbidden{Reason: "must begin with https://"}
	}
	_, err := g.CheckFetchURL(raw)
	return err
}

// CheckDial tells the tenant nothing of where a name leads in our own network.
func (g webhookGuard) CheckDial(addr netip.AddrPort) error {
	if g.CheckAddr(addr) != nil {
		return &match.Forbidden{Reason: "its name leads to an address that is not public, is Tollgate's own, or has a port that is not allowed"}
	}
	return nil
}

// letters seals the mails of alerts.
type letters struct{ tenants *tenant.Service }

func (l letters) Letter(to string, form mailform.Form) (*alert.Letter, error) {
	q, err := l.tenants.Letter(tenant.Compose(to, form))
	return &alert.Letter{ID: q.ID, Sealed: q.Sealed}, err
}

// sealed seals the mails of webhooks.
type sealed struct{ tenants *tenant.Service }

func (s sealed) Letter(to string, form mailform.Form) (string, []byte, error) {
	q, err := s.tenants.Letter(tenant.Compose(to, form))
	return q.ID, q.Sealed, err
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
	switch a.Rule.Kind {
	case alert.KindQuota:
		out, err = f.quota(ctx, a, now)
	case alert.KindRelease:
		out, err = f.releases(ctx, a)
	case alert.KindCertificate:
		out, err = f.certificate(ctx, a, now)
	case alert.KindTelemetry:
		out, err = f.telemetry(ctx, a, now)
	default:
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

// releases counts the gateway's releases, or the route's, that stopped themselves.
func (f figures) releases(ctx context.Context, a *alert.Alert) (alert.Figure, error) {
	if a.Rule.Route != "" {
		if _, err := f.a.Gateways.Routes.Get(ctx, a.Organization, a.Gateway, a.Rule.Route); err != nil {
			return alert.Figure{}, err
		}
	}
	list, err := f.a.Gateways.FailedReleases(ctx, a.Organization, a.Gateway)
	out := alert.Figure{Known: err == nil}
	for _, r := range list {
		if a.Rule.Route != "" && r.RouteName != a.Rule.Route {
			continue
		}
		if out.Value++; out.Subject == "" {
			out.Subject = fmt.Sprintf("The release %s of route %s stopped at step %d: %s.", r.Variant, r.RouteName, r.State.Step+1, r.State.Reason)
		}
	}
	if out.Value > 1 {
		out.Subject += fmt.Sprintf(" %g more stand stopped as well.", out.Value-1)
	}
	return out, err
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

// quota reads how much of a quota is used in its present period, in percent: of
// several, the one that is used most.
func (f figures) quota(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	q := store.QuotaFilter{Organization: a.Organization, Gateway: a.Gateway}
	var plans []string
	switch a.Rule.Quota {
	case "organization":
		return f.organization(ctx, a)
	case "consumer":
		c, err := f.a.Consumers.Get(ctx, a.Organization, a.Gateway, a.Rule.Consumer)
		if err != nil {
			return alert.Figure{}, err
		}
		q.Consumer = c.Name
		if plans, err = f.store.Plans(ctx, q); err != nil {
			return alert.Figure{}, err
		}
	default:
		q.Plan, plans = a.Rule.UsagePlan, []string{a.Rule.UsagePlan}
	}
	most, err := f.ownQuotas(ctx, q, now)
	if err != nil {
		return alert.Figure{}, err
	}
	for _, name := range plans {
		of := q
		of.Plan = name
		one, err := f.planUse(ctx, a, of, now)
		if err != nil {
			return alert.Figure{}, err
		}
		if one.Known && (!most.Known || one.Value > most.Value) {
			most = one
		}
	}
	return most, nil
}

// planUse reads the consumer that has used most of a usage plan's quota.
func (f figures) planUse(ctx context.Context, a *alert.Alert, of store.QuotaFilter, now time.Time) (alert.Figure, error) {
	q, err := f.planQuota(ctx, a, of.Plan)
	if err != nil || q == nil {
		return alert.Figure{}, err
	}
	name, used, err := f.store.PlanUse(ctx, of, periodStart(q.Period, now), now)
	if name = cmp.Or(name, of.Consumer); err != nil || name == "" {
		return alert.Figure{Known: err == nil}, err
	}
	return alert.Figure{Value: percent(used, q.Limit), Known: true, Subject: "Consumer " + name}, nil
}

// ownQuotas reads the key that has used most of a quota of its own, which stands
// in for its usage plan's.
func (f figures) ownQuotas(ctx context.Context, of store.QuotaFilter, now time.Time) (most alert.Figure, err error) {
	keys, err := f.store.OwnQuotas(ctx, of)
	if err != nil {
		return most, err
	}
	spent := map[string]map[uint64]int64{}
	for i := range keys {
		k := &keys[i]
		used, read := spent[k.Quota.Period]
		if !read {
			if used, err = f.store.KeyUse(ctx, of, periodStart(k.Quota.Period, now), now); err != nil {
				return most, err
			}
			spent[k.Quota.Period] = used
		}
		if value := percent(used[k.CountedAs], k.Quota.Limit); !most.Known || value > most.Value {
			subject := "Key key_" + contract.FormatKID(k.Key) + " of consumer " + k.Consumer
			most = alert.Figure{Value: value, Known: true, Subject: subject}
		}
	}
	return most, nil
}

func (f figures) organization(ctx context.Context, a *alert.Alert) (alert.Figure, error) {
	o, err := f.a.Tenants.Organization(ctx, a.Organization)
	if err != nil {
		return alert.Figure{}, err
	}
	p := f.a.Plans.Of(o.Plan)
	if p.IncludedRequests == 0 {
		return alert.Figure{}, nil
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
