package contract

import "time"

// ReleaseSchedule raises the share of a release's variant step by step, and stops
// it where the variant does badly. A worker moves it on.
type ReleaseSchedule struct {
	// Begin is when the first step begins; zero: as soon as the schedule is there.
	// Another time makes it another schedule, which starts anew.
	Begin time.Time     `json:"begin,omitzero"`
	Steps []ReleaseStep `json:"steps"`
	Stop  *ReleaseStop  `json:"stop,omitempty"` // nil: the defaults of the fields
}

// ReleaseStep is a share and how long it stands before the next step.
type ReleaseStep struct {
	Percent float64  `json:"percent"`
	For     Duration `json:"for,omitempty"` // of the last step: how long it is watched
}

// ReleaseStop says when a variant does badly. A zero field is no rule.
type ReleaseStop struct {
	// MinRequests are fewer requests than which nothing is judged by.
	MinRequests int64 `json:"min_requests,omitempty"`
	// ErrorPercent stops where more of its requests fail: a 5xx, or no answer.
	ErrorPercent float64 `json:"error_percent,omitempty"`
	// AboveStable stops where its percentage is that many points above the route's own
	// upstream's.
	AboveStable float64 `json:"error_percent_above_stable,omitempty"`
	// Latency stops where its percentile is slower.
	Latency Duration `json:"latency,omitempty"`
	// TimesStable stops where its percentile is that many times the route's own
	// upstream's.
	TimesStable float64 `json:"latency_times_stable,omitempty"`
	Percentile  string  `json:"percentile,omitempty"` // p50, p95 or p99
}

// Defaults of ReleaseStop.
const (
	DefaultReleaseErrors   = 5
	DefaultReleaseRequests = 20
)

// Rules is the schedule's stop rules with their defaults.
func (s *ReleaseSchedule) Rules() ReleaseStop {
	r := ReleaseStop{ErrorPercent: DefaultReleaseErrors}
	if s.Stop != nil {
		r = *s.Stop
	}
	if r.MinRequests == 0 {
		r.MinRequests = DefaultReleaseRequests
	}
	if r.Percentile == "" {
		r.Percentile = "p99"
	}
	return r
}

// Outcomes of a release.
const (
	ReleaseRunning = "running"
	ReleasePaused  = "paused" // stays at its share, and is still stopped where it does badly
	ReleaseDone    = "done"
	ReleaseStopped = "stopped"
)

// ReleaseState is how far a release is. The control plane writes it beside the
// schedule; what others write there is not taken.
type ReleaseState struct {
	Outcome string    `json:"outcome"`
	Step    int       `json:"step"`    // index of the step that stands, or stood
	Percent float64   `json:"percent"` // of callers who are in now
	Since   time.Time `json:"since"`   // of the step, or of the end
	Reason  string    `json:"reason,omitempty"`
	// PausedAt is since when it is paused; Held how long the step was paused before,
	// which does not count as its time.
	PausedAt time.Time `json:"paused_at,omitzero"`
	Held     Duration  `json:"held,omitempty"`
	// Manual says that a person stopped it, not its rules.
	Manual bool `json:"manual,omitempty"`
}

// Stood is how long the step has stood at a moment, without its pauses.
func (s *ReleaseState) Stood(now time.Time) time.Duration {
	if !s.PausedAt.IsZero() {
		now = s.PausedAt
	}
	return now.Sub(s.Since) - s.Held.Std()
}
