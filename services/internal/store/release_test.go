package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

const scheduled = `{"variants":[{"name":"canary","upstream":"v2","schedule":{"steps":[{"percent":10,"for":"10m"},{"percent":50}]}}]}`

// forged is the same with a state that nobody but the control plane may write.
const forged = `{"variants":[{"name":"canary","upstream":"v2","schedule":{"steps":[{"percent":10,"for":"10m"},{"percent":50}]},"state":{"outcome":"done","percent":50}}]}`

func TestReleases(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		up, err := d.Gateways.Upstreams.Get(ctx, org, g.ID, "backend")
		if err != nil {
			t.Fatal(err)
		}
		v2 := up.Value
		v2.ID, v2.Num, v2.Name = "", 0, "v2"
		if _, err := d.Gateways.Upstreams.Put(ctx, org, gateway.Put[contract.Upstream]{Gateway: g.ID, Name: "v2", Value: v2}); err != nil {
			t.Fatal(err)
		}
		put := func(config, path string) *gateway.Release {
			t.Helper()
			saved, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: g.ID, Name: "canary", Value: contract.Route{
				Match: contract.Match{Path: path}, Upstream: "backend", Public: true,
				Policies: []contract.Policy{{Type: "release", Config: json.RawMessage(config)}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			return gateway.ReleaseOf(saved.Value.Policies)
		}
		running := func() []gateway.Release {
			t.Helper()
			list, err := d.Gateways.Releasing(ctx, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if r := put(forged, "/a"); r.State != nil {
			t.Errorf("a new release has the state %+v", r.State)
		}
		list := running()
		if len(list) != 1 || list[0].Organization != org || list[0].Gateway != g.ID || list[0].Variant != "canary" || list[0].Upstream != "v2" || list[0].Stable != "backend" {
			t.Fatalf("%+v", list)
		}
		at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		first := contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: 10, Since: at, Reason: "step 1 of 2"}
		worker := core.WithActor(ctx, core.System("worker"))
		if err := d.Gateways.MoveRelease(worker, &list[0], first); err != nil {
			t.Fatal(err)
		}
		wantCode(t, d.Gateways.MoveRelease(worker, &list[0], first), core.CodeConflict) // from a state that is gone
		for _, config := range []string{forged, scheduled} {                            // a person's change leaves it
			if r := put(config, "/b"); r.State == nil || r.State.Percent != 10 || !r.State.Since.Equal(at) {
				t.Errorf("the state is %+v", r.State)
			}
		}
		list = running()
		stop := contract.ReleaseState{Outcome: contract.ReleaseStopped, Since: at.Add(time.Minute), Reason: "it was bad"}
		if err := d.Gateways.MoveRelease(worker, &list[0], stop); err != nil {
			t.Fatal(err)
		}
		if n := len(running()); n != 0 {
			t.Errorf("%d releases run", n)
		}
		if n := storetest.Count(t, db, "audit", `actor_kind = 'system' AND actor_name = 'worker' AND action = 'release.stop' AND resource_type = 'route' AND resource_name = 'canary' AND detail LIKE '%"reason":"it was bad"%' AND gateway_id = ?`, g.ID); n != 1 {
			t.Errorf("%d audit lines", n)
		}
		if n := storetest.Count(t, db, "gateway_versions", "summary = 'release canary: 0 percent' AND gateway_id = ?", g.ID); n != 1 {
			t.Errorf("%d versions", n)
		}
		if r := put(scheduled, "/c"); r.State.Outcome != contract.ReleaseStopped {
			t.Errorf("written again, it is %+v", r.State)
		}
		anew := `{"variants":[{"name":"canary","upstream":"v2","schedule":{"begin":"2026-12-01T09:00:00Z","steps":[{"percent":10,"for":"10m"},{"percent":50}]}}]}`
		if r := put(anew, "/c"); r.State != nil || len(running()) != 1 {
			t.Errorf("with another beginning it is %+v", r.State)
		}
		if err := d.Gateways.Delete(ctx, org, g.ID, core.IfMatch{}); err != nil {
			t.Fatal(err)
		}
		if n := len(running()); n != 0 {
			t.Errorf("%d releases of a deleted gateway run", n)
		}
	})
}
