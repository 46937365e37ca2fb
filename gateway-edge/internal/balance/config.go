package balance

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Defaults of what an upstream leaves out.
const (
	defaultConnect     = time.Second
	defaultPerTry      = 30 * time.Second
	defaultTotal       = time.Minute
	defaultIdle        = time.Minute
	defaultMaxIdle     = 512 // as many as a burst used; what nobody needs goes after the idle time
	defaultIdleTimeout = time.Minute
	defaultAttempts    = 1
	defaultBudget      = 20 // percent
	defaultErrors      = 5
	defaultEjection    = 5 * time.Second
	defaultMaxEjection = 5 * time.Minute
	defaultEjected     = 50 // percent
	defaultThreshold   = 2  // checks in a row
	defaultOutlierMin  = 50 // requests
	defaultBackoff     = 25 * time.Millisecond
	defaultMaxBackoff  = 250 * time.Millisecond
	defaultQueue       = 128
	defaultQueueTime   = 5 * time.Second
	defaultDrain       = 5 * time.Minute
)

// Timeouts of an upstream with every default filled in.
type Timeouts struct {
	Connect time.Duration
	PerTry  time.Duration // to the response head
	Total   time.Duration // all tries to the response head
	Idle    time.Duration // between two pieces of a body
}

// Retry says what may be tried again, defaults filled in. What was never sent,
// because no connection could be made, always may, up to MaxTries.
type Retry struct {
	Attempts                   int // further tries
	OnReset, OnTimeout         bool
	On500, On502, On503, On504 bool
	Backoff, MaxBackoff        time.Duration // before a further try to the same target
	budget                     uint64        // percent of the requests
}

// On reports whether a backend's answer of this status may be tried again.
func (r *Retry) On(status int) bool {
	switch status {
	case 500:
		return r.On500
	case 502:
		return r.On502
	case 503:
		return r.On503
	case 504:
		return r.On504
	}
	return false
}

// outlier is OutlierDetection with every default filled in.
type outlier struct {
	disabled   bool
	errors     int32
	fives      int32  // 0: not looked at
	success    uint64 // percent; 0: not looked at
	least      uint64 // requests that success is judged by
	base, most time.Duration
	maxPercent int
}

func timeoutsOf(t *contract.Timeouts) Timeouts {
	var in contract.Timeouts
	if t != nil {
		in = *t
	}
	return Timeouts{
		Connect: or(in.Connect, defaultConnect),
		PerTry:  or(in.PerTry, defaultPerTry),
		Total:   or(in.Total, defaultTotal),
		Idle:    or(in.Idle, defaultIdle),
	}
}

func retryOf(r *contract.Retries) Retry {
	if r == nil {
		r = &contract.Retries{}
	}
	out := Retry{
		Attempts: r.Attempts, budget: uint64(r.BudgetPercent),
		Backoff: or(r.Backoff, defaultBackoff), MaxBackoff: or(r.MaxBackoff, defaultMaxBackoff),
	}
	if out.Attempts == 0 {
		out.Attempts = defaultAttempts
	}
	if out.budget == 0 {
		out.budget = defaultBudget
	}
	if len(r.On) == 0 {
		out.OnReset = true
	}
	for _, on := range r.On {
		switch on {
		case "reset":
			out.OnReset = true
		case "timeout":
			out.OnTimeout = true
		case "500":
			out.On500 = true
		case "502":
			out.On502 = true
		case "503":
			out.On503 = true
		case "504":
			out.On504 = true
		}
	}
	return out
}

func outlierOf(o *contract.OutlierDetection) outlier {
	if o == nil {
		o = &contract.OutlierDetection{}
	}
	out := outlier{
		disabled: o.Disabled, errors: int32(o.ConsecutiveErrors), fives: int32(o.Consecutive5xx),
		success: uint64(o.MinSuccessPercent), least: uint64(o.MinRequests),
		base: or(o.BaseEjection, defaultEjection), most: or(o.MaxEjection, defaultMaxEjection), maxPercent: o.MaxEjectedPercent,
	}
	if out.least == 0 {
		out.least = defaultOutlierMin
	}
	if out.errors == 0 {
		out.errors = defaultErrors
	}
	if out.maxPercent == 0 {
		out.maxPercent = defaultEjected
	}
	return out
}

func or(d contract.Duration, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d.Std()
}
