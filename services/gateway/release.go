package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Release is a variant with a schedule on a route.
type Release struct {
	Organization core.OrganizationID
	Gateway      string // id
	Route        string // id
	RouteName    string
	Variant      string
	Upstream     string // the variant's
	Stable       string // the route's own
	Schedule     contract.ReleaseSchedule
	State        *contract.ReleaseState

	policy, variant int // where it stands
}

// ReleaseOf finds the scheduled variant of a route's policies; nil: there is none.
// What can't be read is none: documents are checked when they are written.
func ReleaseOf(policies []contract.Policy) *Release {
	for i := range policies {
		if policies[i].Type != "release" {
			continue
		}
		var c struct {
			Variants []struct {
				Name     string                    `json:"name"`
				Upstream string                    `json:"upstream"`
				Schedule *contract.ReleaseSchedule `json:"schedule"`
				State    *contract.ReleaseState    `json:"state"`
			} `json:"variants"`
		}
		if json.Unmarshal(policies[i].Config, &c) != nil {
			continue
		}
		for j := range c.Variants {
			if v := &c.Variants[j]; v.Schedule != nil && len(v.Schedule.Steps) > 0 {
				return &Release{Variant: v.Name, Upstream: v.Upstream, Schedule: *v.Schedule, State: v.State, policy: i, variant: j}
			}
		}
	}
	return nil
}

// Failed reports whether its own rules stopped the release, and nobody began it anew.
func (r *Release) Failed() bool {
	return r != nil && r.State != nil && r.State.Outcome == contract.ReleaseStopped && !r.State.Manual
}

// Running reports whether the release is not at its end; one that is paused is not.
func (r *Release) Running() bool {
	return r != nil && (r.State == nil || r.State.Outcome == contract.ReleaseRunning || r.State.Outcome == contract.ReleasePaused)
}

// same reports whether two are one release: what was learnt of it stays true.
func (r *Release) same(s *Release) bool {
	a, b := r.Schedule, s.Schedule
	equal := a.Begin.Equal(b.Begin)
	a.Begin = b.Begin
	return equal && r.Variant == s.Variant && r.Upstream == s.Upstream && reflect.DeepEqual(a, b)
}

// write returns the policies with the release's state.
func (r *Release) write(policies []contract.Policy, state *contract.ReleaseState) ([]contract.Policy, error) {
	v, ok := destinationsOf(&policies[r.policy])
	if !ok {
		return nil, fmt.Errorf("the policy of variant %s can't be read", r.Variant)
	}
	variant := v.(map[string]any)["variants"].([]any)[r.variant].(map[string]any)
	if delete(variant, "state"); state != nil {
		variant["state"] = state
	}
	config, err := encode(v)
	if err != nil {
		return nil, err
	}
	out := append([]contract.Policy(nil), policies...)
	out[r.policy].Config = config
	return out, nil
}

// keepReleases gives every release of now the state that it has: a release that
// was there before keeps it, whatever is written, and a new one has none.
func keepReleases(before, now *Config) error {
	old := map[string]*Release{}
	for i := range before.Routes {
		if r := ReleaseOf(before.Routes[i].Policies); r != nil {
			old[before.Routes[i].ID] = r
		}
	}
	for i := range now.Routes {
		route := &now.Routes[i]
		r := ReleaseOf(route.Policies)
		if r == nil {
			continue
		}
		var state *contract.ReleaseState
		if was := old[route.ID]; was != nil && was.same(r) {
			state = was.State
		}
		if reflect.DeepEqual(state, r.State) {
			continue
		}
		policies, err := r.write(route.Policies, state)
		if err != nil {
			return err
		}
		route.Policies = policies
	}
	return nil
}

// Releasing returns releases of all organizations that are not at their end, by
// their routes' ids, behind one.
func (s *Service) Releasing(ctx context.Context, after string, limit int) ([]Release, error) {
	return s.store.Releasing(ctx, after, limit)
}

// FailedReleases returns those of a gateway that their own rules stopped, and that
// nobody began anew.
func (s *Service) FailedReleases(ctx context.Context, org core.OrganizationID, gateway string) ([]Release, error) {
	return s.store.FailedReleases(ctx, org, gateway)
}

// MoveRelease writes a release's next state as a version of its own. Where the
// route, the schedule or the state is another one by now, it is CodeConflict.
func (s *Service) MoveRelease(ctx context.Context, r *Release, to contract.ReleaseState) error {
	_, err := s.moveRelease(ctx, r, to, releaseVerb(&to), fmt.Sprintf("release %s: %g percent", r.Variant, to.Percent))
	return err
}

func (s *Service) moveRelease(ctx context.Context, r *Release, to contract.ReleaseState, verb, summary string) (version uint64, err error) {
	about := &event.Release{
		Route: event.Ref{ID: r.Route}, Variant: r.Variant, Step: to.Step + 1, Steps: len(r.Schedule.Steps), Percent: to.Percent, Reason: to.Reason,
	}
	done, err := s.change(ctx, r.Organization, edit{
		gateway: r.Gateway, action: "release." + verb, reason: to.Reason, release: true, summary: summary,
		events: []event.Event{{Type: releaseEvents[verb], About: about}},
		apply: func(d *draft) error {
			for i := range d.config.Routes {
				route := &d.config.Routes[i]
				if route.ID != r.Route {
					continue
				}
				is := ReleaseOf(route.Policies)
				if is == nil || !is.same(r) || !sameState(is.State, r.State) {
					break
				}
				about.Route.Name = route.Name
				policies, err := is.write(route.Policies, &to)
				route.Policies = policies
				return err
			}
			return core.Errorf(core.CodeConflict, "the release is another one by now")
		},
	})
	if err != nil {
		return 0, err
	}
	return done.gateway.Version, nil
}

func sameState(a, b *contract.ReleaseState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Outcome == b.Outcome && a.Step == b.Step && a.Since.Equal(b.Since) && a.Held == b.Held
}

// releaseEvents are what webhooks are told of the moves.
var releaseEvents = map[string]string{
	"begin": event.ReleaseBegun, "step": event.ReleaseAdvanced, "stop": event.ReleaseStopped, "finish": event.ReleaseFinished,
	ReleasePause: event.ReleasePaused, ReleaseResume: event.ReleaseResumed,
}

// releaseVerb is the move's word in the audit log.
func releaseVerb(to *contract.ReleaseState) string {
	switch {
	case to.Outcome == contract.ReleaseStopped:
		return "stop"
	case to.Outcome == contract.ReleaseDone:
		return "finish"
	case to.Step == 0:
		return "begin"
	}
	return "step"
}
