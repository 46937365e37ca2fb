package contract

import (
	"fmt"
	"time"
)

// Tracing says which requests of a gateway are traced: what becomes of each is
// kept with the time that every part of it took, and sent to the organization's
// telemetry destinations.
type Tracing struct {
	// Sample is the share of requests that are traced whatever becomes of them, 0
	// to 1. Those that end in a status of 500 or more, are cut off behind the edge
	// or are slow are traced too.
	Sample float64 `json:"sample"`
	// Parent says whose decision counts: "own" (default) or "caller", that in the
	// caller's traceparent where there is one. Only callers who may cause what
	// traces cost should be followed.
	Parent string `json:"parent,omitempty"`
	// Slow is how long a request takes that is traced for it; 0: none is.
	Slow Duration `json:"slow,omitempty"`
}

// Whose decision to trace counts.
const (
	TraceParentOwn    = "own"
	TraceParentCaller = "caller"
)

// maxSlow bounds Tracing.Slow.
const maxSlow = Duration(time.Hour)

// Check names every bad field.
func (t *Tracing) Check() (errs FieldErrors) {
	if !(t.Sample >= 0 && t.Sample <= 1) { // NaN too
		errs.Add("/sample", "is a share: from 0 to 1")
	}
	if p := t.Parent; p != "" && p != TraceParentOwn && p != TraceParentCaller {
		errs.Add("/parent", fmt.Sprintf("is %.40q, want %s or %s", p, TraceParentOwn, TraceParentCaller))
	}
	if t.Slow < 0 || t.Slow > maxSlow {
		errs.Add("/slow", "must be from 0s to 1h")
	}
	return errs
}

// Span is a part of a traced request's time: a policy, or a try to reach a target.
type Span struct {
	Kind string `json:"kind"` // SpanPolicy, SpanResponse or SpanTry
	Name string `json:"name"` // the policy's type, the target's URL
	// At is when it began after the request's arrival, Took how long it lasted,
	// both in microseconds.
	At   int64 `json:"at_us"`
	Took int64 `json:"took_us"`
	// ID is the span's id, 16 hexadecimal digits; empty: ChildSpan of FirstPartSpan
	// and its place.
	ID string `json:"id,omitempty"`
	// Failed says that a try gave no answer that was passed on, with Code as the
	// reason where the edge knows one.
	Failed bool   `json:"failed,omitempty"`
	Code   string `json:"code,omitempty"`
}

// Kinds of spans.
const (
	SpanPolicy   = "policy"   // a policy on the way in
	SpanResponse = "response" // a policy on the way out
	SpanTry      = "try"
)

// FirstPartSpan is where the numbers of a request's spans begin that nobody was told
// of; those below it are of tries.
const FirstPartSpan = 64

// ChildSpan is the id of a request's n-th span, from 1, below the span with the id
// root: both sides can tell it, so that it is not kept. Never 0.
func ChildSpan(root uint64, n int) uint64 {
	// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): different for different n.
	z := root + uint64(n)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	if z ^= z >> 31; z == 0 {
		return 1
	}
	return z
}
