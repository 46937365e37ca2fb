package release_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/release"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	fine := release.Sample{Requests: 100, P50: 10, P95: 20, P99: 30}
	for name, c := range map[string]struct {
		rules           contract.ReleaseStop
		variant, stable release.Sample
		want            string
	}{
		"fine":                   {contract.ReleaseStop{}, fine, fine, ""},
		"defaults":               {contract.ReleaseStop{}, release.Sample{Requests: 20, Failed: 2}, fine, "10.0 percent of 20 requests failed, more than 5"},
		"too few":                {contract.ReleaseStop{}, release.Sample{Requests: 19, Failed: 19}, fine, ""},
		"just at the bound":      {contract.ReleaseStop{}, release.Sample{Requests: 20, Failed: 1}, fine, ""},
		"above the stable":       {contract.ReleaseStop{AboveStable: 2}, release.Sample{Requests: 100, Failed: 13}, release.Sample{Requests: 100, Failed: 10}, "2 points above the stable version's 10.0"},
		"bad as the stable is":   {contract.ReleaseStop{AboveStable: 2}, release.Sample{Requests: 100, Failed: 12}, release.Sample{Requests: 100, Failed: 10}, ""},
		"no stable to compare":   {contract.ReleaseStop{AboveStable: 2, TimesStable: 2}, release.Sample{Requests: 100, Failed: 90, P99: 900}, release.Sample{Requests: 3, P99: 1}, ""},
		"slow":                   {contract.ReleaseStop{Latency: contract.Duration(25 * time.Millisecond)}, fine, fine, "the p99 of 100 requests is 30ms, more than 25ms"},
		"slow by another figure": {contract.ReleaseStop{Latency: contract.Duration(15 * time.Millisecond), Percentile: "p50"}, fine, fine, ""},
		"slower than the stable": {contract.ReleaseStop{TimesStable: 1.5, Percentile: "p95"}, release.Sample{Requests: 100, P95: 31}, fine, "1.5 times the stable version's 20ms"},
	} {
		s := contract.ReleaseSchedule{}
		if c.rules != (contract.ReleaseStop{}) {
			s.Stop = &c.rules
		}
		got := release.Judge(s.Rules(), c.variant, c.stable)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// world is one release, its figures and the time.
type world struct {
	r               *release.Release
	now             time.Time
	variant, stable release.Sample
	from            []time.Time // of the figures that were read
	conflict        bool
	actor           core.Actor
}

func (w *world) Releasing(_ context.Context, after string, _ int) ([]release.Release, error) {
	if after != "" || w.r.State != nil && w.r.State.Outcome != contract.ReleaseRunning && w.r.State.Outcome != contract.ReleasePaused {
		return nil, nil
	}
	return []release.Release{*w.r}, nil
}

func (w *world) Move(ctx context.Context, _ *release.Release, to contract.ReleaseState) error {
	if w.conflict {
		return core.Errorf(core.CodeConflict, "another one was faster")
	}
	w.r.State, w.actor = &to, core.ActorFrom(ctx)
	return nil
}

func (w *world) Read(_ context.Context, _ *release.Release, from, _ time.Time) (variant, stable release.Sample, err error) {
	w.from = append(w.from, from)
	return w.variant, w.stable, nil
}

// after moves the time on and looks at the release; it returns its state.
func (w *world) after(t *testing.T, d time.Duration) contract.ReleaseState {
	t.Helper()
	w.now = w.now.Add(d)
	run := &release.Runner{Gateways: w, Figures: w, Clock: func() time.Time { return w.now }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := run.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.r.State == nil {
		return contract.ReleaseState{}
	}
	return *w.r.State
}

func newWorld() *world {
	begin := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	return &world{now: begin.Add(-time.Hour), r: &release.Release{Route: "rt_1", Schedule: contract.ReleaseSchedule{
		Begin: begin, Steps: []contract.ReleaseStep{{Percent: 10, For: contract.Duration(10 * time.Minute)}, {Percent: 50, For: contract.Duration(time.Hour)}},
	}}}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	w := newWorld()
	if s := w.after(t, 59*time.Minute); s.Outcome != "" {
		t.Fatalf("before its time: %+v", s)
	}
	if s := w.after(t, time.Minute); s.Outcome != contract.ReleaseRunning || s.Percent != 10 || s.Step != 0 || !s.Since.Equal(w.now) {
		t.Fatalf("begun: %+v", s)
	}
	if w.actor.Kind != core.ActorSystem || w.actor.Name != "worker" {
		t.Errorf("by %+v", w.actor)
	}
	if s := w.after(t, time.Hour); s.Step != 0 {
		t.Fatalf("nobody knows how it does: %+v", s)
	}
	w.variant = release.Sample{Requests: 20}
	w.conflict = true
	if s := w.after(t, time.Second); s.Step != 0 {
		t.Fatalf("%+v", s)
	}
	w.conflict = false
	if s := w.after(t, time.Second); s.Percent != 50 || s.Step != 1 || s.Reason != "step 2 of 2" {
		t.Fatalf("second step: %+v", s)
	}
	if s := w.after(t, 59*time.Minute); s.Outcome != contract.ReleaseRunning {
		t.Fatalf("%+v", s)
	}
	if s := w.after(t, time.Minute); s.Outcome != contract.ReleaseDone || s.Percent != 50 {
		t.Fatalf("at its end: %+v", s)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.after(t, time.Hour)
	w.variant = release.Sample{Requests: 1000}
	w.after(t, 5*time.Minute)
	if got := w.from[len(w.from)-1]; !got.Equal(w.now.Add(-time.Minute)) {
		t.Errorf("judged from %s on, at %s", got, w.now)
	}
	w.variant.Failed = 60
	s := w.after(t, 3*time.Second)
	if s.Outcome != contract.ReleaseStopped || s.Percent != 0 || !strings.Contains(s.Reason, "6.0 percent of 1000 requests") {
		t.Errorf("%+v", s)
	}
}

// TestPaused: a paused release does not rise, however long it stands, but stops
// where it does badly; afterwards the pause does not count as the step's time.
func TestPaused(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.after(t, time.Hour)
	w.variant = release.Sample{Requests: 1000}
	paused := *w.r.State
	paused.Outcome, paused.PausedAt = contract.ReleasePaused, w.now.Add(4*time.Minute)
	w.r.State = &paused
	if s := w.after(t, 24*time.Hour); s.Outcome != contract.ReleasePaused || s.Step != 0 {
		t.Fatalf("%+v", s)
	}
	bad := *w.r.State
	w.variant.Failed = 60
	if s := w.after(t, time.Second); s.Outcome != contract.ReleaseStopped {
		t.Errorf("a bad one is %+v", s)
	}
	w.variant.Failed = 0
	bad.Outcome, bad.Held, bad.PausedAt = contract.ReleaseRunning, contract.Duration(w.now.Sub(bad.PausedAt)), time.Time{}
	w.r.State = &bad
	if s := w.after(t, 5*time.Minute); s.Step != 0 {
		t.Errorf("9 of 10 minutes: %+v", s)
	}
	if s := w.after(t, 2*time.Minute); s.Step != 1 || s.Held != 0 {
		t.Errorf("11 of 10 minutes: %+v", s)
	}
}

func (w *world) Release(_ context.Context, _ core.OrganizationID, _, route string) (*release.Release, error) {
	if route != "orders" {
		return nil, core.NotFound("route", route)
	}
	return w.r, nil
}

func (w *world) Minutes(_ context.Context, _ *release.Release, from, to time.Time) ([]release.Minute, error) {
	return []release.Minute{{Time: from}, {Time: to}}, nil
}

// TestLook: what people are shown of a release before, while and after it runs.
func TestLook(t *testing.T) {
	t.Parallel()
	w := newWorld()
	watch := &release.Watch{Releases: w, Figures: w, History: w, Clock: func() time.Time { return w.now }}
	look := func() *release.View {
		t.Helper()
		v, err := watch.Look(t.Context(), "org_1", "shop", "orders")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if _, err := watch.Look(t.Context(), "org_1", "shop", "none"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a route without one: %v", err)
	}
	if v := look(); v.State.Outcome != release.ReleaseWaiting || !v.Next.Equal(w.r.Schedule.Begin) || v.Variant.Requests != 0 {
		t.Errorf("before its time: %+v", v)
	}
	w.after(t, time.Hour)
	w.variant, w.stable = release.Sample{Requests: 30, Failed: 3}, release.Sample{Requests: 300}
	w.now = w.now.Add(4 * time.Minute)
	v := look()
	if v.State.Outcome != contract.ReleaseRunning || v.Next.Sub(w.now) != 6*time.Minute || v.Variant.ErrorPercent() != 10 || v.Stable.ErrorPercent() != 0 {
		t.Errorf("running: %+v", v)
	}
	if from := w.from[len(w.from)-1]; !from.Equal(w.r.State.Since) {
		t.Errorf("the step's figures are read from %s", from)
	}
	w.r.State.Since = w.now.Add(-30 * 24 * time.Hour)
	look()
	if from := w.from[len(w.from)-1]; w.now.Sub(from) > 14*24*time.Hour {
		t.Errorf("figures are read from %s, which the ledger has forgotten", from)
	}
	w.r.State = &contract.ReleaseState{Outcome: contract.ReleaseStopped, Since: w.now, Reason: "bad"}
	w.now = w.now.Add(5 * time.Hour)
	v = look()
	if !v.Next.IsZero() || v.Rules.ErrorPercent != contract.DefaultReleaseErrors {
		t.Errorf("stopped: %+v", v)
	}
	if last := v.Minutes[1].Time; last.Sub(v.State.Since) != 10*time.Minute {
		t.Errorf("its minutes end %s behind its end", last.Sub(v.State.Since))
	}
	w.now = w.now.Add(40 * 24 * time.Hour)
	if v = look(); v.Minutes != nil {
		t.Errorf("minutes of long ago: %+v", v.Minutes)
	}
}
