package alert

import (
	"cmp"
	"time"
)

// Statuses of an alert.
const (
	StatusOK       = "ok"
	StatusPending  = "pending"  // over the threshold, not yet long enough
	StatusFiring   = "firing"   //
	StatusClearing = "clearing" // fired, below the clear threshold, not yet long enough
	StatusUnknown  = "unknown"  // what is watched is not there any more
	StatusDisabled = "disabled"
)

// State is what an alert has come to.
type State struct {
	Status    string
	Since     time.Time // when the status began
	Value     float64
	HasValue  bool
	Subject   string // of the figure: the consumer that uses most of its quota
	Detail    string // why there is no figure, or what fires beside it
	Evaluated time.Time
	Seq       int64 // of the last transition
	Version   int64 // of this row: the writer's condition
}

// Figure is a reading of what an alert watches.
type Figure struct {
	Value   float64
	Known   bool   // false: too little to say; the value is not over the threshold
	Subject string //
	// Gone says that what is watched does not exist any more, and why.
	Gone string
	// Broken says what is wrong whatever the value is: the alert fires.
	Broken string
}

// Next is the state that follows a reading, and the transition it makes ("" for
// none). It depends on nothing else, so that two evaluators come to the same.
func Next(r *Rule, s State, f Figure, now time.Time) (State, string) {
	n := s
	n.Evaluated, n.Value, n.HasValue, n.Subject, n.Detail = now, f.Value, f.Known, f.Subject, cmp.Or(f.Gone, f.Broken)
	to := func(status string) {
		if n.Status != status {
			n.Status, n.Since = status, now
		}
	}
	firing := s.Status == StatusFiring || s.Status == StatusClearing
	lasted := now.Sub(s.Since)
	switch {
	case !r.On():
		to(StatusDisabled)
	case f.Gone != "":
		to(StatusUnknown)
	case !firing && !r.over(f):
		to(StatusOK)
	case !firing && s.Status == StatusPending && lasted >= r.For.Std(), !firing && r.For == 0:
		to(StatusFiring)
	case !firing:
		to(StatusPending)
	case !r.under(f):
		// What began to clear and came back has fired all along.
		n.Status = StatusFiring
		if s.Status == StatusClearing {
			n.Since = now
		}
	case s.Status == StatusClearing && lasted >= r.ClearFor.Std(), r.ClearFor == 0:
		to(StatusOK)
	default:
		to(StatusClearing)
	}
	was, is := firing, n.Status == StatusFiring || n.Status == StatusClearing
	switch {
	case is && !was:
		n.Seq++
		return n, TransitionFiring
	case was && !is:
		n.Seq++
		return n, TransitionResolved
	}
	return n, ""
}

// over reports whether a figure fires the alert.
func (r *Rule) over(f Figure) bool {
	switch {
	case f.Broken != "":
		return true
	case !f.Known:
		return false
	case r.low():
		return f.Value < r.Threshold
	}
	return f.Value >= r.Threshold
}

// under reports whether a figure lets the alert end. Too few requests to say
// anything about errors or latency are no reason to go on firing.
func (r *Rule) under(f Figure) bool {
	switch {
	case f.Broken != "":
		return false
	case !f.Known:
		return r.Kind != KindNoTraffic
	case r.low():
		return f.Value >= r.clear()
	}
	return f.Value < r.clear()
}

// clear is the clear threshold: a tenth below the threshold unless it is given.
func (r *Rule) clear() float64 {
	switch {
	case r.ClearThreshold != nil:
		return *r.ClearThreshold
	case r.low():
		return r.Threshold
	}
	return r.Threshold * 0.9
}
