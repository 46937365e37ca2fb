package gateway

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Actions of a person on a release.
const (
	ReleasePause   = "pause"   // its share stays as it is
	ReleaseResume  = "resume"  // goes on where it was paused
	ReleaseStop    = "stop"    // takes all callers out again
	ReleaseRestart = "restart" // begins one anew that is at its end
)

// maxReleaseReason bounds what a person says, in bytes: the state's reason names
// them beside it.
const maxReleaseReason = 300

// Steer is what a person does to a release.
type Steer struct {
	Gateway, Route string // ids or names
	Action         string
	Reason         string // may be empty
}

// Release returns the scheduled release of a route; CodeNotFound where it has none.
func (s *Service) Release(ctx context.Context, org core.OrganizationID, ref, route string) (*Release, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	it, err := s.Routes.Get(ctx, org, g.ID, route)
	if err != nil {
		return nil, err
	}
	r := ReleaseOf(it.Value.Policies)
	if r == nil {
		return nil, noRelease(route)
	}
	r.Organization, r.Gateway, r.Route, r.RouteName, r.Stable = org, g.ID, it.Value.ID, it.Value.Name, it.Value.Upstream
	return r, nil
}

func noRelease(route string) error {
	return core.Errorf(core.CodeNotFound, "the route %q has no release with a schedule", route)
}

// SteerRelease pauses, resumes, stops or restarts a route's release as a version of
// its own, and returns that version. What does not fit what the release is at is
// CodeConflict.
func (s *Service) SteerRelease(ctx context.Context, org core.OrganizationID, in Steer) (uint64, error) {
	if err := in.check(); err != nil {
		return 0, err
	}
	const tries = 3 // a worker may be faster
	for n := 1; ; n++ {
		r, err := s.Release(ctx, org, in.Gateway, in.Route)
		if err != nil {
			return 0, err
		}
		to, err := r.steer(in.Action, s.clock().UTC().Truncate(time.Millisecond))
		if err != nil {
			return 0, err
		}
		to.Reason = spoken(in.Action, core.ActorFrom(ctx).Name, in.Reason)
		verb := in.Action
		if verb == ReleaseRestart {
			verb = "begin"
		}
		version, err := s.moveRelease(ctx, r, *to, verb, fmt.Sprintf("release %s: %s at %g percent", r.Variant, to.Outcome, to.Percent))
		if core.CodeOf(err) != core.CodeConflict || n == tries {
			return version, err
		}
	}
}

func (in *Steer) check() error {
	var bad contract.FieldErrors
	switch in.Action {
	case ReleasePause, ReleaseResume, ReleaseStop, ReleaseRestart:
	default:
		bad.Add("/action", "must be pause, resume, stop or restart")
	}
	if len(in.Reason) > maxReleaseReason || !utf8.ValidString(in.Reason) || strings.ContainsFunc(in.Reason, func(r rune) bool { return r < ' ' }) {
		bad.Add("/reason", fmt.Sprintf("must be one line of text of at most %d bytes", maxReleaseReason))
	}
	return core.Invalid(bad.Err())
}

// steer is the state that an action leads to.
func (r *Release) steer(action string, now time.Time) (*contract.ReleaseState, error) {
	var at contract.ReleaseState // has not begun
	if r.State != nil {
		at = *r.State
	}
	refuse := func(why string) (*contract.ReleaseState, error) {
		return nil, core.Errorf(core.CodeConflict, "the release %s", why)
	}
	to := at
	switch running := at.Outcome == contract.ReleaseRunning; {
	case action == ReleasePause && running:
		to.Outcome, to.PausedAt = contract.ReleasePaused, now
	case action == ReleasePause && at.Outcome == "":
		return refuse("has not begun: give its schedule another beginning, or stop it")
	case action == ReleasePause:
		return refuse("is " + at.Outcome + " already")
	case action == ReleaseResume && at.Outcome == contract.ReleasePaused:
		to.Outcome, to.PausedAt = contract.ReleaseRunning, time.Time{}
		to.Held += contract.Duration(now.Sub(at.PausedAt))
	case action == ReleaseResume:
		return refuse("is not paused")
	case action == ReleaseStop && at.Outcome == contract.ReleaseStopped:
		return refuse("is stopped already")
	case action == ReleaseStop:
		to = contract.ReleaseState{Outcome: contract.ReleaseStopped, Step: at.Step, Since: now, Manual: true}
	case running || at.Outcome == contract.ReleasePaused || at.Outcome == "":
		return refuse("is not at its end: stop it first")
	case now.Truncate(time.Minute).Equal(at.Since.Truncate(time.Minute)):
		// Usage is counted by the minute: what ended it would count again.
		return refuse("ended within this minute: begin it anew in the next one")
	default:
		to = contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: r.Schedule.Steps[0].Percent, Since: now}
	}
	return &to, nil
}

// spoken is a state's reason after a person's action.
func spoken(action, by, why string) string {
	said := map[string]string{ReleasePause: "paused", ReleaseResume: "resumed", ReleaseStop: "stopped", ReleaseRestart: "begun anew"}[action]
	if by != "" {
		said += " by " + strings.ToValidUTF8(by[:min(len(by), 128)], "")
	}
	if why != "" {
		said += ": " + why
	}
	return said
}
