package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a schedule.
const (
	maxSteps  = 20
	leastStep = 10 * time.Second
	maxStep   = 30 * 24 * time.Hour
	maxReason = 500
)

// percent is the share of callers who are in now.
func (v *Variant) percent() float64 {
	switch {
	case v.Schedule == nil:
		return v.Percent
	case v.State == nil:
		return 0
	}
	return v.State.Percent
}

// schedules checks the variants' schedules, of which there is one at most.
func (p *release) schedules(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	first := -1
	for i := range c.Variants {
		v := &c.Variants[i]
		at := contract.Pointer("variants", i)
		if v.Schedule == nil {
			if v.State != nil {
				errs.Add(at+"/state", "stands beside a schedule only")
			}
			continue
		}
		if first >= 0 {
			errs.Add(at+"/schedule", "one variant of a release can have a schedule")
			continue
		}
		first = i
		scheduled(v, at, errs)
		switch {
		case d.Scope.From == "gateway":
			errs.Add(at+"/schedule", "can't be judged for all routes at once: put the release on a route")
		case d.Scope.Upstream != "" && v.Upstream == d.Scope.Upstream:
			errs.Add(at+"/upstream", "is the route's own: what the variant does could not be told apart")
		}
		for j := range c.Variants {
			if j != i && c.Variants[j].Upstream == v.Upstream {
				errs.Add(at+"/upstream", fmt.Sprintf("is that of variant %d too: what the variant does could not be told apart", j))
			}
		}
	}
	if first >= 0 && len(c.Variants) > 1 {
		fits(c, first, errs)
	}
}

// fits checks that there is room for the largest step beside the other variants.
func fits(c *Config, i int, errs *contract.FieldErrors) {
	others := 0.0
	for j := range c.Variants {
		if j != i {
			others += c.Variants[j].Percent
		}
	}
	for n, s := range c.Variants[i].Schedule.Steps {
		if s.Percent+others > 100+1e-9 {
			errs.Add(contract.Pointer("variants", i, "schedule", "steps", n, "percent"), fmt.Sprintf("the other variants have %g percent already", others))
		}
	}
}

// scheduled checks one variant's schedule.
func scheduled(v *Variant, at string, errs *contract.FieldErrors) {
	if v.Percent != 0 {
		errs.Add(at+"/percent", "is the schedule's to say")
	}
	s := v.Schedule
	at += "/schedule"
	if n := len(s.Steps); n == 0 || n > maxSteps {
		errs.Add(at+"/steps", fmt.Sprintf("has %d steps: 1 to %d are allowed", n, maxSteps))
	}
	last := 0.0
	for i := range s.Steps {
		step, where := &s.Steps[i], at+contract.Pointer("steps", i)
		if step.Percent <= last || step.Percent > 100 {
			errs.Add(where+"/percent", fmt.Sprintf("is more than %g and at most 100: a share that fell would send callers back", last))
		}
		last = max(last, step.Percent)
		if t := step.For.Std(); t < leastStep && i < len(s.Steps)-1 || t > maxStep || t < 0 {
			errs.Add(where+"/for", "is from 10s to 720h")
		}
	}
	if s.Stop != nil {
		stops(s.Stop, at+"/stop", errs)
	}
	if st := v.State; st != nil && (len(st.Reason) > maxReason || !slices.Contains([]string{contract.ReleaseRunning, contract.ReleasePaused, contract.ReleaseDone, contract.ReleaseStopped}, st.Outcome)) {
		errs.Add(strings.TrimSuffix(at, "/schedule")+"/state", "is written by the control plane")
	}
}

func stops(r *contract.ReleaseStop, at string, errs *contract.FieldErrors) {
	for _, f := range []struct {
		name        string
		v, lo, most float64
	}{
		{"error_percent", r.ErrorPercent, 0, 100},
		{"error_percent_above_stable", r.AboveStable, 0, 100},
		{"latency_times_stable", r.TimesStable, 1, 1000},
		{"min_requests", float64(r.MinRequests), 1, 1_000_000},
	} {
		if f.v != 0 && (f.v < f.lo || f.v > f.most) {
			errs.Add(at+"/"+f.name, fmt.Sprintf("is from %g to %g", f.lo, f.most))
		}
	}
	if t := r.Latency.Std(); t < 0 || t > time.Hour {
		errs.Add(at+"/latency", "is from 1ms to 1h")
	}
	if r.Percentile != "" && !slices.Contains([]string{"p50", "p95", "p99"}, r.Percentile) {
		errs.Add(at+"/percentile", "is p50, p95 or p99")
	}
}
