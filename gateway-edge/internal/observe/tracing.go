package observe

import (
	"math/rand/v2"

	"github.com/tollgate/tollgate/services/contract"
)

// Tracing says which requests are traced; zero: none. It is made of a
// contract.Tracing once, when a gateway is compiled.
type Tracing struct {
	On     bool
	share  Share
	caller bool
	slow   int64 // microseconds; 0: none is slow
}

// TracingOf compiles t; nil is no tracing.
func TracingOf(t *contract.Tracing) Tracing {
	if t == nil {
		return Tracing{}
	}
	return Tracing{On: true, share: ShareOf(&t.Sample), caller: t.Parent == contract.TraceParentCaller, slow: t.Slow.Std().Microseconds()}
}

// Head decides at a request's beginning. told says that the caller decided, and how.
// The share is by chance of our own: an id that the caller chose decides nothing.
func (t *Tracing) Head(told, sampled bool) bool {
	switch {
	case !t.On:
		return false
	case told && t.caller:
		return sampled
	}
	return t.share != 0 && rand.Uint32() <= uint32(t.share)
}

// Tail decides at a request's end, for one that Head did not want: failures that
// are not the caller's, and what was slow. What the edge refuses for the caller's
// fault is not among them, so that nobody makes traces by asking for nonsense.
func (t *Tracing) Tail(status int, aborted string, micros int64) bool {
	return t.On && (status >= 500 || aborted != "" && aborted != "client" || t.slow > 0 && micros >= t.slow)
}

// Place is a request's place in a trace (W3C Trace Context): nothing when it is zero.
type Place struct {
	High, Low uint64 // of the trace's id
	Parent    uint64 // the caller's span; 0: none
	Span      uint64 // the request's own
}

// Part is a contract.Span before it is written.
type Part struct {
	Kind, Name string
	At, Took   int64  // microseconds
	ID         uint64 // 0: contract.ChildSpan tells it
	Failed     bool
	Code       string
}

// place writes where a record stands in its trace, and the trace's parts.
func (e *encoder) place(r *Record) {
	if r.Place.Span == 0 {
		return
	}
	e.key("trace_id")
	e.b = append(appendHex(appendHex(append(e.b, '"'), r.Place.High), r.Place.Low), '"')
	e.id("span_id", r.Place.Span)
	if r.Place.Parent != 0 {
		e.id("parent_id", r.Place.Parent)
	}
	if r.Traced {
		e.key("traced")
		e.b = append(e.b, "true"...)
	}
	if r.TookMicros > 0 {
		e.number("took_us", r.TookMicros)
	}
	if len(r.Parts) == 0 {
		return
	}
	e.key("spans")
	e.b = append(e.b, '[')
	for i := range r.Parts {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.part(&r.Parts[i])
	}
	e.b = append(e.b, ']')
}

func (e *encoder) part(p *Part) {
	e.b = append(e.b, '{')
	e.text("kind", p.Kind, maxName)
	e.text("name", p.Name, maxHost)
	e.number("at_us", p.At)
	e.number("took_us", p.Took)
	if p.ID != 0 {
		e.id("id", p.ID)
	}
	if p.Failed {
		e.key("failed")
		e.b = append(e.b, "true"...)
	}
	e.optional("code", p.Code, maxName)
	e.b = append(e.b, '}')
}

func (e *encoder) id(name string, v uint64) {
	e.key(name)
	e.b = append(appendHex(append(e.b, '"'), v), '"')
}

// appendHex appends 16 hexadecimal digits.
func appendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[v>>shift&15])
	}
	return b
}
