package release

import (
	"context"
	"log/slog"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Timing.
const (
	every = 3 * time.Second
	batch = 100
	// recent is what a variant is judged by first, so that one that turns bad after a
	// good while is seen at once; the ledger counts by the minute.
	recent = time.Minute
	// longer is what it is judged by where that was too little.
	longer = 10 * time.Minute
)

// Release is a route's schedule that is not at its end.
type Release struct {
	Organization core.OrganizationID
	Gateway      string // id
	Route        string // id
	Variant      string
	Upstream     string // the variant's
	Stable       string // the route's own
	Schedule     contract.ReleaseSchedule
	State        *contract.ReleaseState // nil: not begun
}

// Gateways holds the schedules.
type Gateways interface {
	// Releasing returns releases that run or wait, by their routes' ids, behind one.
	Releasing(ctx context.Context, after string, limit int) ([]Release, error)
	// Move writes a release's next state where the present one is still r's;
	// otherwise CodeConflict or CodeNotFound.
	Move(ctx context.Context, r *Release, to contract.ReleaseState) error
}

// Figures reads what the variant's and the stable upstream did on the route.
type Figures interface {
	Read(ctx context.Context, r *Release, from, to time.Time) (variant, stable Sample, err error)
}

// Runner moves all releases on.
type Runner struct {
	Gateways Gateways
	Figures  Figures
	Clock    core.Clock
	Logger   *slog.Logger
}

// Run looks at the releases until ctx ends.
func (w *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := w.Pass(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			w.Logger.Warn("releases can't be moved on now", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Pass looks at every release once. One that can't be judged or moved does not
// keep the others waiting; the first such error is returned.
func (w *Runner) Pass(ctx context.Context) (first error) {
	after := ""
	for {
		list, err := w.Gateways.Releasing(ctx, after, batch)
		if err != nil {
			return err
		}
		for i := range list {
			after = list[i].Route
			if err := w.one(ctx, &list[i]); err != nil && first == nil {
				first = err
			}
		}
		if len(list) < batch {
			return first
		}
	}
}

func (w *Runner) one(ctx context.Context, r *Release) error {
	now := w.Clock().UTC().Truncate(time.Millisecond)
	if r.State == nil {
		if r.Schedule.Begin.After(now) {
			return nil
		}
		return w.move(ctx, r, begin(&r.Schedule, now))
	}
	if r.State.Step >= len(r.Schedule.Steps) {
		return nil // nobody wrote such a state
	}
	why, err := w.judge(ctx, r, now)
	switch {
	case err != nil:
		return err
	case why != "":
		return w.move(ctx, r, stopped(r.State, why, now))
	case !due(&r.Schedule, r.State, now):
		return nil
	}
	seen, _, err := w.Figures.Read(ctx, r, r.State.Since, now)
	if err != nil || seen.Requests < r.Schedule.Rules().MinRequests {
		return err // nobody knows yet how it does
	}
	return w.move(ctx, r, next(&r.Schedule, r.State, now))
}

// judge looks at the last minutes of the step, and at more of them where those
// hold too few requests.
func (w *Runner) judge(ctx context.Context, r *Release, now time.Time) (string, error) {
	rules := r.Schedule.Rules()
	for _, back := range []time.Duration{recent, longer} {
		from := now.Add(-back)
		if from.Before(r.State.Since) {
			from = r.State.Since
		}
		variant, stable, err := w.Figures.Read(ctx, r, from, now)
		if err != nil {
			return "", err
		}
		if why := Judge(rules, variant, stable); why != "" || variant.Requests >= rules.MinRequests {
			return why, nil
		}
	}
	return "", nil
}

func (w *Runner) move(ctx context.Context, r *Release, to contract.ReleaseState) error {
	err := w.Gateways.Move(core.WithActor(ctx, core.System("worker")), r, to)
	if code := core.CodeOf(err); code == core.CodeConflict || code == core.CodeNotFound {
		return nil // by another worker, or changed meanwhile
	}
	if err == nil && to.Outcome == contract.ReleaseStopped {
		w.Logger.Warn("a release was stopped", "gateway", r.Gateway, "route", r.Route, "variant", r.Variant, "reason", to.Reason)
	}
	return err
}
