package app

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// TestReleaseOfDays: a step may stand for weeks, of which the ledger does not give
// minutes; and an alert on releases fires for one that stopped itself, and ends
// when it is stopped no more.
func TestReleaseOfDays(t *testing.T) {
	t.Parallel()
	a, db := started(t)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "acme")
	g := d.Gateway(t, org, "shop")
	ctx := t.Context()
	v2 := contract.Upstream{Name: "v2", Targets: []contract.Target{{URL: "http://127.0.0.1:9100"}}}
	if _, err := a.Gateways.Upstreams.Put(ctx, org, gateway.Put[contract.Upstream]{Gateway: g.ID, Name: "v2", Value: v2}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: g.ID, Name: "orders", Value: contract.Route{
		Match: contract.Match{Path: "/orders"}, Upstream: "backend", Public: true,
		Policies: []contract.Policy{{Type: "release", Config: json.RawMessage(`{"variants":[{"name":"canary","upstream":"v2","schedule":{"steps":[{"percent":10,"for":"300h"},{"percent":50}]}}]}`)}},
	}}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	move := func(to contract.ReleaseState) {
		t.Helper()
		r, err := a.Gateways.Release(ctx, org, g.ID, "orders")
		if err == nil {
			err = a.Gateways.MoveRelease(core.WithActor(ctx, core.System("worker")), r, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move(contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: 10, Since: now.Add(-290 * time.Hour)})
	v, err := a.Releases.Look(ctx, org, "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.Minutes); n < 60 || n > 61 {
		t.Errorf("%d minutes", n)
	}
	f := figures{a, store.AlertFigures{Usage: a.ledger}}
	read := func(route string) alert.Figure {
		t.Helper()
		got, err := f.Read(ctx, &alert.Alert{Organization: org, Gateway: g.ID, Rule: alert.Rule{Kind: alert.KindRelease, Route: route, Threshold: 1}}, now)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(""); got.Value != 0 || !got.Known {
		t.Errorf("one that runs: %+v", got)
	}
	move(contract.ReleaseState{Outcome: contract.ReleaseStopped, Step: 0, Since: now, Reason: "6.0 percent of 50 requests failed, more than 5"})
	want := "The release canary of route orders stopped at step 1: 6.0 percent of 50 requests failed, more than 5."
	for _, route := range []string{"", "orders"} {
		if got := read(route); got.Value != 1 || got.Subject != want {
			t.Errorf("one that stopped, of %q: %+v", route, got)
		}
	}
	if got := read("none"); got.Gone == "" {
		t.Errorf("of a route that is none: %+v", got)
	}
	move(contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: 10, Since: now})
	if got := read(""); got.Value != 0 || !got.Known {
		t.Errorf("begun anew: %+v", got)
	}
}
