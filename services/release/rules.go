package release

import (
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Sample is what an upstream did on a route in some time.
type Sample struct {
	Requests int64 // answered, or failed
	Failed   int64 // with a 5xx, or without an answer
	// P50, P95 and P99 are how long answers took, in milliseconds; 0: not known.
	P50, P95, P99 float64
}

// errors is the percentage of requests that failed.
func (s *Sample) errors() float64 {
	if s.Requests == 0 {
		return 0
	}
	return 100 * float64(s.Failed) / float64(s.Requests)
}

func (s *Sample) percentile(which string) float64 {
	switch which {
	case "p50":
		return s.P50
	case "p95":
		return s.P95
	}
	return s.P99
}

// Judge says why a variant is to be stopped, "" for no reason.
func Judge(r contract.ReleaseStop, variant, stable Sample) string {
	if variant.Requests < r.MinRequests {
		return ""
	}
	bad, good := variant.errors(), stable.errors()
	const of = "%.1f percent of %d requests failed, "
	switch {
	case r.ErrorPercent > 0 && bad > r.ErrorPercent:
		return fmt.Sprintf(of+"more than %g", bad, variant.Requests, r.ErrorPercent)
	case r.AboveStable > 0 && stable.Requests >= r.MinRequests && bad > good+r.AboveStable:
		return fmt.Sprintf(of+"more than %g points above the stable version's %.1f", bad, variant.Requests, r.AboveStable, good)
	}
	slow, usual := variant.percentile(r.Percentile), stable.percentile(r.Percentile)
	const took = "the %s of %d requests is %s, "
	switch {
	case r.Latency > 0 && slow > float64(r.Latency.Std())/1e6:
		return fmt.Sprintf(took+"more than %s", r.Percentile, variant.Requests, millis(slow), r.Latency)
	case r.TimesStable > 0 && stable.Requests >= r.MinRequests && usual > 0 && slow > usual*r.TimesStable:
		return fmt.Sprintf(took+"more than %g times the stable version's %s", r.Percentile, variant.Requests, millis(slow), r.TimesStable, millis(usual))
	}
	return ""
}

func millis(ms float64) string {
	return time.Duration(ms * 1e6).Round(100 * time.Microsecond).String()
}

// begin is the state of a schedule that begins now.
func begin(s *contract.ReleaseSchedule, now time.Time) contract.ReleaseState {
	return contract.ReleaseState{Outcome: contract.ReleaseRunning, Percent: s.Steps[0].Percent, Since: now, Reason: stepReason(s, 0)}
}

func stepReason(s *contract.ReleaseSchedule, i int) string {
	return fmt.Sprintf("step %d of %d", i+1, len(s.Steps))
}

// due reports whether the present step has stood long enough. One that is paused
// stands until somebody goes on.
func due(s *contract.ReleaseSchedule, at *contract.ReleaseState, now time.Time) bool {
	return at.Outcome == contract.ReleaseRunning && at.Stood(now) >= s.Steps[at.Step].For.Std()
}

// next is the state after the present step.
func next(s *contract.ReleaseSchedule, at *contract.ReleaseState, now time.Time) contract.ReleaseState {
	if at.Step+1 >= len(s.Steps) {
		return contract.ReleaseState{Outcome: contract.ReleaseDone, Step: at.Step, Percent: at.Percent, Since: now, Reason: "all steps are done"}
	}
	i := at.Step + 1
	return contract.ReleaseState{Outcome: contract.ReleaseRunning, Step: i, Percent: s.Steps[i].Percent, Since: now, Reason: stepReason(s, i)}
}

// stopped is the state of a release whose callers are all out again.
func stopped(at *contract.ReleaseState, reason string, now time.Time) contract.ReleaseState {
	return contract.ReleaseState{Outcome: contract.ReleaseStopped, Step: at.Step, Since: now, Reason: reason}
}
