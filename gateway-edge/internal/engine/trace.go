package engine

import (
	"math/rand/v2"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// tracing is what is known of a request that may be traced. Facts are noted as they
// come, so that it can be decided at the end; they become spans off the hot path.
type tracing struct {
	on      bool // the gateway or the operator traces
	chosen  bool // at the beginning, for the gateway
	export  bool // at the beginning, for the operator
	place   observe.Place
	times   policy.EngineTimes
	tries   [balance.MaxTries]tryTime
	numTry  int
	spans   []observe.Part // reused
	ownText [55]byte       // traceparent of the request's own span
}

// tryTime is one try to reach a target.
type tryTime struct {
	target       *balance.Target
	began, ended int64 // CLOCK_BOOTTIME ns
	code         contract.Code
	failed, none bool // none: there was no answer, and code says why
}

// leastTime is what a policy that does not wait must take to be worth a span.
const leastTime = 20_000 // ns

// reset makes ready for another request: what is large stays as it is.
func (t *tracing) reset() {
	if !t.on {
		return
	}
	t.on, t.chosen, t.export, t.place = false, false, false, observe.Place{}
	t.times.Reset()
	clear(t.tries[:t.numTry])
	t.numTry = 0
	clear(t.spans)
	t.spans = t.spans[:0]
}

// beginTrace takes the caller's trace on, or begins one, and decides what can be
// decided now.
func (j *job) beginTrace() {
	t := &j.tracing
	t.on = true
	given, sampled := false, false
	if tp, ok := j.traceparent(); ok {
		given, sampled = true, unhex(tp.At(54))&1 == 1
		t.place = observe.Place{High: hexAt(tp, 3), Low: hexAt(tp, 19), Parent: hexAt(tp, 36)}
	} else {
		t.place = observe.Place{High: rand.Uint64() | 1, Low: rand.Uint64()}
	}
	t.place.Span = rand.Uint64() | 1
	t.chosen, t.export = j.gw.Tracing.Head(given, sampled), j.eng.cfg.Tracing.Head(given, sampled)
	t.times.All, t.times.Least = t.chosen || t.export, leastTime
	j.e.Times = &t.times
	copy(j.e.Traced[:], t.appendParent(t.ownText[:0], t.place.Span))
}

// traceparent is the caller's, if it is one.
func (j *job) traceparent() (policy.Text, bool) {
	tp, ok := j.e.Req.Header.Get(policy.Traceparent)
	if !ok || !validTraceparent(tp) || j.e.ReqHeader.Count(policy.Traceparent) != 1 {
		return policy.Text{}, false
	}
	return tp, true
}

// traceTry notes a try that has ended: with an answer's head, or without.
func (j *job) traceTry(target *balance.Target, got *try) {
	t := &j.tracing
	if t.numTry == len(t.tries) {
		return
	}
	n := tryTime{target: target, began: j.tryBegan, ended: j.eng.clock.Boot(), failed: got.kind != tryAnswered || j.e.Resp.Status >= 500}
	if got.kind != tryAnswered {
		n.code, n.none = got.code, true
	}
	t.tries[t.numTry] = n
	t.numTry++
}

// wanted decides whether the request, which has ended, is traced for its gateway
// and exported for the operator.
func (j *job) wanted(micros int64) (traced, export bool) {
	t := &j.tracing
	if !t.on {
		return false, false
	}
	status, aborted := j.e.Outcome.Status, j.ended.String()
	return t.chosen || j.gw.Tracing.Tail(status, aborted, micros), t.export || j.eng.cfg.Tracing.Tail(status, aborted, micros)
}

// parts are the noted times as the record has them.
func (j *job) parts() []observe.Part {
	t := &j.tracing
	for i := range t.times.Of[:t.times.N] {
		n := &t.times.Of[i]
		if j.chain == nil || n.Step >= j.chain.EngineLen() {
			continue
		}
		kind := contract.SpanPolicy
		if n.Side == policy.OnTheResponse {
			kind = contract.SpanResponse
		}
		t.spans = append(t.spans, observe.Part{Kind: kind, Name: j.chain.EngineStep(n.Step), At: (n.Began - j.began) / 1000, Took: (n.Ended - n.Began) / 1000})
	}
	for i := range t.tries[:t.numTry] {
		n := &t.tries[i]
		p := observe.Part{
			Kind: contract.SpanTry, Name: n.target.URL.String(), At: (n.began - j.began) / 1000, Took: (n.ended - n.began) / 1000,
			ID: contract.ChildSpan(t.place.Span, i+1), Failed: n.failed,
		}
		if n.none {
			p.Code = n.code.String()
		}
		t.spans = append(t.spans, p)
	}
	return t.spans
}

// appendTrace appends the fields that tell a backend which trace the request
// belongs to (W3C Trace Context): under the present try's span where the edge
// traces, else as the caller sent them. A tracestate is worth nothing without the
// traceparent that it came with (3.3).
func (j *job) appendTrace(out []byte) []byte {
	tp, given := j.traceparent()
	out = append(out, "Traceparent: "...)
	switch t := &j.tracing; {
	case t.on:
		out = t.appendParent(out, contract.ChildSpan(t.place.Span, max(j.tries, 1)))
	case given:
		out = tp.AppendTo(out)
	default:
		out = appendTraceparent(out)
	}
	out = append(out, "\r\n"...)
	if !given || !j.e.Req.Header.Has(policy.Tracestate) {
		return out
	}
	fields := j.e.ReqHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && f.ID == tracestateID {
			out = append(append(append(out, "Tracestate: "...), f.Value...), "\r\n"...)
		}
	}
	return out
}

var tracestateID = policy.EngineNameID(policy.Tracestate)

// appendParent appends the traceparent of a span of the request's.
func (t *tracing) appendParent(b []byte, span uint64) []byte {
	b = append(b, "00-"...)
	b = appendHex(appendHex(b, t.place.High), t.place.Low)
	b = appendHex(append(b, '-'), span)
	if t.chosen || t.export {
		return append(b, "-01"...)
	}
	return append(b, "-00"...)
}

// hexAt reads 16 hexadecimal digits of a traceparent that is valid.
func hexAt(t policy.Text, at int) (v uint64) {
	for i := at; i < at+16; i++ {
		v = v<<4 | uint64(unhex(t.At(i)))
	}
	return v
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// appendTraceparent appends a new trace context (W3C Trace Context 3.2) that is
// not sampled.
func appendTraceparent(b []byte) []byte {
	b = append(b, "00-"...)
	b = appendHex(b, rand.Uint64()|1)
	b = appendHex(b, rand.Uint64())
	b = append(b, '-')
	b = appendHex(b, rand.Uint64()|1)
	return append(b, "-00"...)
}

func appendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[v>>shift&15])
	}
	return b
}

// validTraceparent checks the form of version 00 and accepts later versions that
// begin alike.
func validTraceparent(t policy.Text) bool {
	if t.Len() < 55 || t.At(2) != '-' || t.At(35) != '-' || t.At(52) != '-' || t.Len() > 55 && t.At(55) != '-' {
		return false
	}
	zero := true
	for i := 0; i < 55; i++ {
		c := t.At(i)
		switch {
		case i == 2 || i == 35 || i == 52:
			if i == 35 && zero {
				return false
			}
			zero = true
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			if i > 2 && c != '0' {
				zero = false
			}
		default:
			return false
		}
		if i == 51 && zero {
			return false
		}
	}
	return !(t.At(0) == 'f' && t.At(1) == 'f')
}
