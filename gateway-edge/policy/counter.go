package policy

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Verdict is a counter's answer to one request.
type Verdict uint8

// Verdicts. The zero Verdict refuses, so that a forgotten branch fails closed.
const (
	Denied      Verdict = iota // used up; Cell.RetryAfter says for how long
	Took                       // one unit was debited here
	Dry                        // nothing is left here, perhaps elsewhere: say Wait, then call Cell.Wait
	Unavailable                // nothing is left here and the others can't be asked
)

// CounterKind says what a counter counts.
type CounterKind uint8

// Kinds of counters.
const (
	CountQuota       CounterKind = iota + 1 // requests in a period
	CountRate                               // a token bucket
	CountConcurrency                        // requests at once
)

// By says whose requests share a counter.
type By uint8

// Subjects of a counter. A request without the subject (a public route's has no
// key) shares one counter with all others of its kind, so that leaving a
// credential out is never a way around a limit.
const (
	ByOrganization By = iota + 1 // everything that reaches the policy
	ByRoute
	ByConsumer
	ByKey
	ByIP // IPv6 by its /64; always local to the edge
)

var byNames = [...]string{"", "organization", "route", "consumer", "key", "ip"}

// String returns the word that configurations use.
func (b By) String() string {
	if int(b) < len(byNames) {
		return byNames[b]
	}
	return ""
}

// ParseBy reads a configuration's word.
func ParseBy(s string) (By, bool) {
	for i, n := range byNames[1:] {
		if n == s {
			return By(i + 1), true
		}
	}
	return 0, false
}

// CounterSpec describes a family of counters, one for each subject. Scope, Name,
// By and Period are its identity: a later version of the configuration that says
// the same goes on with the same counters, whatever its limit has become.
type CounterSpec struct {
	Kind  CounterKind
	Scope Scope
	Name  string // the policy's type
	By    By
	// Local counters are each edge's own (scope: edge).
	Local bool
	Limit int64         // of a quota or of concurrency: at least 1
	Rate  contract.Rate // of a rate
	// Period of a quota: hour, day, week or month (UTC, weeks from Monday).
	Period string
}

// Counters makes families of counters. The control plane's dry run passes one
// whose families refuse use.
type Counters interface {
	// Family checks the spec and returns its counters. It asks nobody and may be
	// called again for each version of a configuration.
	Family(spec CounterSpec) (Family, error)
}

// Family finds the counter of one exchange's subject.
type Family interface {
	// Of returns the subject's cell as of now. It never blocks, and does not
	// allocate but for a subject not seen for long. Ask again after a Wait: the
	// period may have changed.
	Of(x *Exchange) Cell
}

// Cell is what is left of one counter at this edge.
type Cell interface {
	// Take debits one unit, if there is one. now is the exchange's Now.
	Take(now int64) Verdict
	// Wait asks where the budget is kept and takes; it never answers Dry.
	Wait(b Blocking) Verdict
	// Credit gives one unit back that Take or Wait took from this very cell.
	Credit()
	// RetryAfter says when asking again makes sense, after a verdict but Took.
	RetryAfter(now int64) time.Duration
	// State tells what is left without spending it.
	State(now int64) CellState
}

// CellState is what a limit's header fields and traces show.
type CellState struct {
	Limit  int64         // units in Window; of concurrency: at once
	Left   int64         // as far as this edge knows; never negative
	Window time.Duration // 0 for concurrency
	Reset  time.Duration // until Left is Limit again if nothing is spent; of a quota: to the period's end
}

// WindowName is what people call the window: second, minute, hour, day, week or month;
// a duration for any other, and empty for concurrency.
func (s CellState) WindowName() string {
	const day = 24 * time.Hour
	switch w := s.Window; {
	case w == 0:
		return ""
	case w == time.Second:
		return "second"
	case w == time.Minute:
		return "minute"
	case w == time.Hour:
		return "hour"
	case w == day:
		return "day"
	case w == 7*day:
		return "week"
	case w >= 28*day && w <= 31*day && w%day == 0:
		return "month"
	default:
		return w.Round(time.Millisecond).String()
	}
}

// LimitRefused reports, in OnDone, that a limit refused this request: then every
// unit that other limits took for it comes back, those of a rate too.
func (x *Exchange) LimitRefused() bool {
	switch x.e.Reply.Code {
	case contract.CodeRateLimited, contract.CodeQuotaExceeded, contract.CodeQuotaUnavailable, contract.CodeConcurrencyExceeded:
		return true
	}
	return false
}

// LimitCode is the error that a limit of that kind answers a verdict with.
func LimitCode(k CounterKind, v Verdict) contract.Code {
	switch {
	case v == Unavailable:
		return contract.CodeQuotaUnavailable
	case k == CountQuota:
		return contract.CodeQuotaExceeded
	case k == CountConcurrency:
		return contract.CodeConcurrencyExceeded
	}
	return contract.CodeRateLimited
}

// Bounds of limits: Redis' scripts count in float64.
const (
	MaxQuota       = 1 << 50
	MaxConcurrency = 1 << 30
	MaxRate        = 10_000_000  // tokens a second
	MaxBurst       = 100_000_000 // tokens at once
)

// RatePer returns the length of a rate's unit; "" is a second.
func RatePer(per string) (time.Duration, bool) {
	switch per {
	case "", "second":
		return time.Second, true
	case "minute":
		return time.Minute, true
	case "hour":
		return time.Hour, true
	}
	return 0, false
}

// CheckRate adds what is wrong with a rate, with pointers relative to it.
func CheckRate(r contract.Rate, errs *contract.FieldErrors) {
	per, ok := RatePer(r.Per)
	if !ok {
		errs.Add("/per", "must be second, minute or hour")
		per = time.Second
	}
	if r.Rate < 1 || float64(r.Rate)/per.Seconds() > MaxRate {
		errs.Add("/rate", "must be at least 1 and at most 10000000 a second")
	}
	if r.Burst < 0 || r.Burst > MaxBurst {
		errs.Add("/burst", "must be at most 100000000")
	}
}

// NoCounters are counters for a check of a configuration: they can't be used.
type NoCounters struct{}

// Family implements Counters.
func (NoCounters) Family(CounterSpec) (Family, error) { return noFamily{}, nil }

type noFamily struct{}

func (noFamily) Of(*Exchange) Cell { return noCell{} }

type noCell struct{}

func (noCell) Take(int64) Verdict             { return Unavailable }
func (noCell) Wait(Blocking) Verdict          { return Unavailable }
func (noCell) Credit()                        {}
func (noCell) RetryAfter(int64) time.Duration { return 0 }
func (noCell) State(int64) CellState          { return CellState{} }
