package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// TestSteerRelease: what a person does to a release, what does not fit, and what
// stands in the audit log.
func TestSteerRelease(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := core.WithActor(t.Context(), core.Actor{Kind: core.ActorUser, ID: "user_1", Name: "ada@example.com"})
		up, err := d.Gateways.Upstreams.Get(ctx, org, g.ID, "backend")
		if err != nil {
			t.Fatal(err)
		}
		v2 := up.Value
		v2.ID, v2.Num, v2.Name = "", 0, "v2"
		if _, err := d.Gateways.Upstreams.Put(ctx, org, gateway.Put[contract.Upstream]{Gateway: g.ID, Name: "v2", Value: v2}); err != nil {
			t.Fatal(err)
		}
		for name, policies := range map[string][]contract.Policy{"canary": {{Type: "release", Config: json.RawMessage(scheduled)}}, "plain": nil} {
			if _, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: g.ID, Name: name, Value: contract.Route{
				Match: contract.Match{Path: "/" + name}, Upstream: "backend", Public: true, Policies: policies,
			}}); err != nil {
				t.Fatal(err)
			}
		}
		look := func() *gateway.Release {
			t.Helper()
			r, err := d.Gateways.Release(ctx, org, "shop", "canary")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		steer := func(action, reason string) error {
			_, err := d.Gateways.SteerRelease(ctx, org, gateway.Steer{Gateway: "shop", Route: "canary", Action: action, Reason: reason})
			return err
		}
		do := func(action, reason string) contract.ReleaseState {
			t.Helper()
			if err := steer(action, reason); err != nil {
				t.Fatalf("%s: %v", action, err)
			}
			return *look().State
		}
		move := func(to contract.ReleaseState) {
			t.Helper()
			if err := d.Gateways.MoveRelease(core.WithActor(t.Context(), core.System("worker")), look(), to); err != nil {
				t.Fatal(err)
			}
		}

		for action, code := range map[string]core.Code{"pause": core.CodeConflict, "resume": core.CodeConflict, "restart": core.CodeConflict, "leap": core.CodeInvalid} {
			wantCode(t, steer(action, ""), code)
		}
		wantCode(t, steer("stop", "two\nlines"), core.CodeInvalid)
		wantCode(t, steer("stop", strings.Repeat("x", 301)), core.CodeInvalid)
		for _, in := range []gateway.Steer{{Gateway: "shop", Route: "plain", Action: "stop"}, {Gateway: "shop", Route: "none", Action: "stop"}, {Gateway: "none", Route: "canary", Action: "stop"}} {
			_, err := d.Gateways.SteerRelease(ctx, org, in)
			wantCode(t, err, core.CodeNotFound)
		}
		other := storetest.Organization(t, db, "other")
		_, err = d.Gateways.SteerRelease(ctx, other, gateway.Steer{Gateway: g.ID, Route: "canary", Action: "stop"})
		wantCode(t, err, core.CodeNotFound)

		began := time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)
		move(contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: 10, Since: began})
		wantCode(t, steer("restart", ""), core.CodeConflict)
		if s := do("pause", ""); s.Outcome != contract.ReleasePaused || s.Percent != 10 || !s.Since.Equal(began) || s.PausedAt.IsZero() || s.Reason != "paused by ada@example.com" {
			t.Errorf("paused: %+v", s)
		}
		if list, err := d.Gateways.Releasing(ctx, "", 10); err != nil || len(list) != 1 {
			t.Errorf("a paused release is watched no more: %v, %v", list, err)
		}
		wantCode(t, steer("pause", ""), core.CodeConflict)
		if s := do("resume", ""); s.Outcome != contract.ReleaseRunning || !s.Since.Equal(began) || !s.PausedAt.IsZero() || s.Held <= 0 {
			t.Errorf("resumed: %+v", s)
		}
		if s := do("stop", "it is slow"); s.Outcome != contract.ReleaseStopped || s.Percent != 0 || !s.Manual || s.Reason != "stopped by ada@example.com: it is slow" {
			t.Errorf("stopped: %+v", s)
		}
		wantCode(t, steer("stop", ""), core.CodeConflict)
		wantCode(t, steer("restart", ""), core.CodeConflict) // within the minute
		failed := func() int {
			t.Helper()
			list, err := d.Gateways.FailedReleases(ctx, org, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if n := failed(); n != 0 {
			t.Errorf("a release that a person stopped is %d failed ones", n)
		}
		move(contract.ReleaseState{Outcome: contract.ReleaseStopped, Since: began, Reason: "it was bad"})
		if n := failed(); n != 1 {
			t.Errorf("%d failed releases", n)
		}
		if list, err := d.Gateways.FailedReleases(ctx, other, g.ID); err != nil || len(list) != 0 {
			t.Errorf("another organization sees %v, %v", list, err)
		}
		if s := do("restart", ""); s.Outcome != contract.ReleaseRunning || s.Step != 0 || s.Percent != 10 || failed() != 0 {
			t.Errorf("begun anew: %+v", s)
		}
		for action, n := range map[string]int{"release.pause": 1, "release.resume": 1, "release.stop": 1} {
			if got := storetest.Count(t, db, "audit", `actor_kind = 'user' AND actor_name = 'ada@example.com' AND action = ? AND resource_name = 'canary'`, action); got != n {
				t.Errorf("%d lines of %s in the audit log", got, action)
			}
		}
	})
}
