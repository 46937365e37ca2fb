package release

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of what a View shows.
const (
	shown = time.Hour // of minutes
	// after is how long behind its end a release's minutes are shown.
	after = 10 * time.Minute
	// kept is how far back figures are read, well within the ledger's minutes.
	kept = 13 * 24 * time.Hour
)

// ReleaseWaiting is the outcome that a View tells before a release begins.
const ReleaseWaiting = "waiting"

// Finder finds a route's release; CodeNotFound where it has none.
type Finder interface {
	Release(ctx context.Context, org core.OrganizationID, gateway, route string) (*Release, error)
}

// History reads what both upstreams did on the route, minute by minute.
type History interface {
	Minutes(ctx context.Context, r *Release, from, to time.Time) ([]Minute, error)
}

// Minute is what the variant's and the stable upstream did in one minute.
type Minute struct {
	Time            time.Time
	Variant, Stable Sample
}

// ErrorPercent is the percentage of requests that failed; 0 of none.
func (s *Sample) ErrorPercent() float64 { return s.errors() }

// Watch shows people how a release does.
type Watch struct {
	Releases Finder
	Figures  Figures
	History  History
	Clock    core.Clock
}

// View is a release with its figures.
type View struct {
	Release *Release
	State   contract.ReleaseState // Outcome is ReleaseWaiting before its time
	Rules   contract.ReleaseStop  // with their defaults
	// Next is when the next step begins, or the release is done, at the earliest;
	// zero where nothing is next.
	Next time.Time
	// Variant and Stable are what happened in the present step, or in the time that
	// ended it.
	Variant, Stable Sample
	// Minutes are the last hour, or the one around the release's end.
	Minutes []Minute
}

// Look reads a route's release and its figures.
func (w *Watch) Look(ctx context.Context, org core.OrganizationID, gateway, route string) (*View, error) {
	r, err := w.Releases.Release(ctx, org, gateway, route)
	if err != nil {
		return nil, err
	}
	now := w.Clock().UTC()
	v := &View{Release: r, Rules: r.Schedule.Rules(), State: contract.ReleaseState{Outcome: ReleaseWaiting}}
	from, to := now, now
	switch at := r.State; {
	case at == nil:
		if v.Next = r.Schedule.Begin; v.Next.Before(now) {
			v.Next = now
		}
	case at.Outcome == contract.ReleaseRunning || at.Outcome == contract.ReleasePaused:
		v.State, from = *at, at.Since
		if at.Outcome == contract.ReleaseRunning && at.Step < len(r.Schedule.Steps) {
			v.Next = now.Add(max(0, r.Schedule.Steps[at.Step].For.Std()-at.Stood(now)))
		}
	default:
		// What ended it is judged by what came before: the last minutes.
		v.State, from, to = *at, at.Since.Add(-longer), at.Since
	}
	if oldest := now.Add(-kept); to.After(oldest) {
		if from = latest(from, oldest); from.Before(to) {
			if v.Variant, v.Stable, err = w.Figures.Read(ctx, r, from, to); err != nil {
				return nil, err
			}
		}
		end := now
		if to.Before(now) && to.Add(after).Before(now) {
			end = to.Add(after)
		}
		if v.Minutes, err = w.History.Minutes(ctx, r, end.Add(-shown), end); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
