package httpapi

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/release"
)

// GetRelease tells how a route's release does.
func (s *Server) GetRelease(ctx context.Context, r gen.GetReleaseRequestObject) (gen.GetReleaseResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Releases.Look(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.GetRelease200JSONResponse(toRelease(v)), nil
}

// SteerRelease pauses, resumes, stops or restarts a route's release.
func (s *Server) SteerRelease(ctx context.Context, r gen.SteerReleaseRequestObject) (gen.SteerReleaseResponseObject, error) {
	c := callOf(ctx)
	version, err := s.Gateways.SteerRelease(ctx, c.org, gateway.Steer{
		Gateway: c.ref(), Route: r.Name, Action: string(r.Body.Action), Reason: value(r.Body.Reason),
	})
	if err != nil {
		return nil, err
	}
	v, err := s.Releases.Look(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.SteerRelease200JSONResponse{Body: toRelease(v), Headers: gen.SteerRelease200ResponseHeaders{TollgateVersion: versionHeader(version)}}, nil
}

func toRelease(v *release.View) gen.Release {
	at, rules := &v.State, &v.Rules
	out := gen.Release{
		Variant: v.Release.Variant, Upstream: v.Release.Upstream, Stable: optional(v.Release.Stable),
		Outcome: gen.ReleaseOutcome(at.Outcome), Step: at.Step, Percent: at.Percent,
		Since: moment(at.Since), PausedAt: moment(at.PausedAt), NextAt: moment(v.Next),
		Reason: optional(at.Reason), Manual: optional(at.Manual),
		InVariant: toSample(&v.Variant), InStable: toSample(&v.Stable),
	}
	for _, step := range v.Release.Schedule.Steps {
		one := gen.ReleaseStep{Percent: step.Percent}
		if step.For != 0 {
			one.For = new(step.For.String())
		}
		out.Steps = append(out.Steps, one)
	}
	out.Rules = gen.ReleaseRules{
		MinRequests: rules.MinRequests, Percentile: gen.ReleaseRulesPercentile(rules.Percentile), ErrorPercent: optional(rules.ErrorPercent),
		ErrorPercentAboveStable: optional(rules.AboveStable), LatencyTimesStable: optional(rules.TimesStable),
	}
	if rules.Latency != contract.Duration(0) {
		out.Rules.Latency = new(rules.Latency.String())
	}
	out.Minutes = make([]gen.ReleaseMinute, len(v.Minutes))
	for i := range v.Minutes {
		m := &v.Minutes[i]
		out.Minutes[i] = gen.ReleaseMinute{Time: m.Time, Variant: toSample(&m.Variant), Stable: toSample(&m.Stable)}
	}
	return out
}

func toSample(s *release.Sample) gen.ReleaseSample {
	return gen.ReleaseSample{
		Requests: s.Requests, Failed: s.Failed, ErrorPercent: s.ErrorPercent(),
		P50Ms: optional(s.P50), P95Ms: optional(s.P95), P99Ms: optional(s.P99),
	}
}

// moment is a time, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
