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
	defaultMaxIdle     = 64
	defaultIdleTimeout = time.Minute
	defaultAttempts    = 1
	defaultBudget      = 20 // percent
	defaultErrors      = 5
	defaultEjection    = 5 * time.Second
	maxEjection        = 5 * time.Minute
	defaultEjected     = 50 // percent
	defaultThreshold   = 2  // checks in a row
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
	Attempts                                int // further tries
	OnReset, OnTimeout, On502, On503, On504 bool
	budget                                  uint64 // percent of the requests
}

// On reports whether a backend's answer of this status may be tried again.
func (r *Retry) On(status int) bool {
	switch status {
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
	base       time.Duration
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
	out := Retry{Attempts: r.Attempts, budget: uint64(r.BudgetPercent)}
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
	out := outlier{disabled: o.Disabled, errors: int32(o.ConsecutiveErrors), base: or(o.BaseEjection, defaultEjection), maxPercent: o.MaxEjectedPercent}
	if out.errors == 0 {
		out.errors = defaultErrors
	}
	if out.maxPercent == 0 {
		out.maxPercent = defaultEjected
	}
	return out
}

// Check is an upstream's active health check with every default filled in.
type Check struct {
	HTTP              bool
	Path, Host        string // Host is empty for the target's own
	Statuses          []int  // empty: 200 to 399
	Interval, Timeout time.Duration
	unhealthy         int // checks in a row
	healthy           int
}

// Good reports whether a status is that of a healthy target.
func (c *Check) Good(status int) bool {
	if len(c.Statuses) == 0 {
		return status >= 200 && status < 400
	}
	for _, s := range c.Statuses {
		if s == status {
			return true
		}
	}
	return false
}

func checkOf(h *contract.HealthCheck) *Check {
	if h == nil {
		return nil
	}
	c := &Check{
		HTTP: h.Type == "http", Path: h.Path, Host: h.Host, Statuses: h.Statuses,
		Interval: or(h.Interval, 2*time.Second), Timeout: or(h.Timeout, time.Second),
		unhealthy: h.Unhealthy, healthy: h.Healthy,
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.unhealthy == 0 {
		c.unhealthy = defaultThreshold
	}
	if c.healthy == 0 {
		c.healthy = defaultThreshold
	}
	return c
}

func or(d contract.Duration, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d.Std()
}
