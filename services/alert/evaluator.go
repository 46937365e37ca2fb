package alert

import (
	"context"
	"log/slog"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Timing of evaluation.
const (
	evaluateEvery = time.Second      // looks for alerts that are due
	evaluateClaim = 30 * time.Second // longer than a batch takes
	evaluateBatch = 50
	// How often an alert is evaluated: a window moves by minutes, quotas and
	// certificates slowly.
	windowEvery = 10 * time.Second
	slowEvery   = time.Minute
	// settle is how long a worker that has just begun lets usage flow in before
	// it believes that there was no traffic.
	settle = 30 * time.Second
	// historyKept is how long events and deliveries are kept.
	historyKept = 90 * 24 * time.Hour
	trimEvery   = time.Hour
)

// Evaluator evaluates the alerts of all organizations. Several may run.
type Evaluator struct {
	Service *Service
	Figures Figures
	Logger  *slog.Logger
	// Done is told of each evaluation, when it began and what went wrong.
	Done  func(began time.Time, err error)
	began time.Time
}

// Run evaluates what is due until ctx ends.
func (e *Evaluator) Run(ctx context.Context) error {
	e.began = e.Service.clock()
	tick := time.NewTicker(evaluateEvery)
	defer tick.Stop()
	failing, trimmed := false, time.Time{}
	for {
		err := e.Evaluate(ctx)
		if now := e.Service.clock(); err == nil && now.Sub(trimmed) >= trimEvery {
			trimmed = now
			err = e.Service.store.Trim(ctx, now.Add(-historyKept))
		}
		if err != nil && ctx.Err() == nil && !failing {
			e.Logger.Warn("alerts can't be evaluated now", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Evaluate evaluates what is due now, once.
func (e *Evaluator) Evaluate(ctx context.Context) error {
	for {
		now := e.Service.clock()
		due, err := e.Service.store.ClaimDue(ctx, now, now.Add(evaluateClaim), evaluateBatch)
		if err != nil {
			return err
		}
		for i := range due {
			at := time.Now()
			err := e.one(ctx, &due[i])
			if e.Done != nil && ctx.Err() == nil {
				e.Done(at, err)
			}
			if err != nil {
				return err
			}
		}
		if len(due) < evaluateBatch {
			return nil
		}
	}
}

// one evaluates an alert. A figure that can't be read now leaves its state as it
// is: it is tried again when its claim has run out.
func (e *Evaluator) one(ctx context.Context, a *Alert) error {
	now := e.Service.clock()
	var f Figure
	if a.Rule.On() {
		var err error
		if f, err = e.read(ctx, a, now); err != nil {
			if ctx.Err() != nil || core.CodeOf(err) == core.CodeStoreUnavailable {
				return err
			}
			e.Logger.Warn("an alert's figure can't be read", "alert", a.ID, "error", err)
			return nil
		}
	}
	state, transition := Next(&a.Rule, a.State, f, now)
	var ev *Event
	var notices []Delivery
	if transition != "" {
		ev = &Event{
			ID: core.NewID("event"), Alert: a.ID, At: now, Transition: transition, Value: f.Value, Threshold: a.Rule.Threshold,
			Detail: describe(&a.Rule, f),
		}
		if !a.Rule.On() {
			ev.Detail = "The alert was switched off."
		}
		var err error
		if notices, err = e.Service.notices(a, ev); err != nil {
			return err
		}
		ev.Told = e.Service.told(a, ev)
	}
	next := windowEvery
	if a.Rule.slow() || !a.Rule.On() {
		next = slowEvery
	}
	_, err := e.Service.store.SaveState(ctx, a, state, now.Add(next), ev, notices)
	return err
}

func (e *Evaluator) read(ctx context.Context, a *Alert, now time.Time) (Figure, error) {
	f, err := e.Figures.Read(ctx, a, now)
	// Neither the time before the alert was made nor usage that has not reached
	// the ledger yet is silence.
	if a.Rule.Kind == KindNoTraffic && (now.Sub(a.CreatedAt) < a.Rule.Window.Std() || now.Sub(e.began) < settle) {
		f.Known = f.Known && f.Value >= a.Rule.Threshold
	}
	return f, err
}
