package engine

import (
	"context"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/services/contract"
)

// origin is a backend's side of an exchange: HTTP/1.1 or HTTP/2.
type origin interface {
	// send sends the request to a target and reads the head of the answer into
	// j.e.Resp. After anything but tryAnswered nothing is left to finish.
	send(ctx context.Context, t *balance.Target) try
	// ready reports whether next would return at once.
	ready() bool
	// next returns the next piece of the answer's body, valid until the next
	// call, and whether it was the last; then j.e.RespTrailer is filled.
	next() (p []byte, last bool, err error)
	// finish ends what send began; whole says that the answer was read to its
	// end.
	finish(whole bool)
}

// tryKind is how a try ended.
type tryKind uint8

const (
	tryAnswered tryKind = iota
	tryConnect          // nothing was sent
	tryReset
	tryTimeout
	tryProtocol
	tryClient // the client's fault, or its wish
)

type try struct {
	kind   tryKind
	code   contract.Code
	result balance.Result // what it says about the target
	err    error
}

// failedTry is a try that got as far as sending.
func failedTry(k tryKind, err error) try {
	t := try{kind: k, code: contract.CodeUpstreamReset, result: balance.ResultError, err: err}
	switch k {
	case tryTimeout:
		t.code = contract.CodeUpstreamTimeout
	case tryProtocol:
		t.code = contract.CodeUpstreamProtocol
	}
	return t
}

// forward sends the request to a backend, with tries, and writes the answer.
func (j *job) forward(ctx context.Context) {
	up := j.upstream()
	if up == nil || j.e.Fault() {
		j.refuse(contract.CodeInternal, "no integration answers on this route")
		j.answer(ctx)
		return
	}
	j.admit()
	if !j.prepare() {
		j.answer(ctx)
		return
	}
	j.call = balance.Call{}
	if !up.Plain() {
		up.Call(&j.call, &j.e.Req, j.e.ClientAddr, j.e.Params[:j.e.ParamCount])
	}
	j.sent = j.eng.clock.Boot()
	j.deadline = j.sent + int64(j.total())
	var o origin = &j.up
	if up.Protocol != "" && up.Protocol != "http1" {
		o = newUpstream2(j)
	}
	if !j.attempts(ctx, o) {
		j.answered = j.eng.clock.Boot()
		j.answer(ctx)
	}
}

// upstream is where the request goes: the route's upstream, or another one that a
// policy chose. Nil: nowhere.
func (j *job) upstream() *balance.Upstream {
	if j.e.SentTo != nil {
		if c, ok := j.e.SentTo.(interface{ Upstream() *balance.Upstream }); ok {
			return c.Upstream()
		}
	}
	return j.rt.Upstream
}

// total bounds all tries to the answer's head.
func (j *job) total() contract.Duration {
	if j.rt.Doc.Timeout > 0 {
		return j.rt.Doc.Timeout
	}
	return contract.Duration(j.upstream().Timeouts.Total)
}

// attempts tries targets until one answers and its answer is written. It reports
// false when the edge must answer itself: then Reply says what.
func (j *job) attempts(ctx context.Context, o origin) bool {
	j.tryBegan = j.sent
	t, code := j.pick(ctx)
	for t != nil {
		j.tries++
		j.target = t
		got := o.send(ctx, t)
		if j.tracing.on {
			j.traceTry(t, &got)
		}
		switch {
		case got.kind == tryAnswered:
			if t = j.another(ctx, o, got); t == nil {
				j.deliver(ctx, o)
				return true
			}
		case got.kind == tryClient:
			j.call.End(balance.ResultNone, 0)
			j.bodyFault(got.err)
			return false
		default:
			j.call.End(got.result, 0)
			j.failed(t)
			code = got.code
			if t = nil; j.again(got, 0) {
				t = j.repick(ctx, got.kind != tryConnect)
			}
		}
	}
	if j.timers != nil && j.timers.gone.Load() {
		j.bodyFault(errClientGone)
		return false
	}
	j.refuse(code, "")
	return false
}

// another returns the target that is tried instead of taking this answer, nil to
// take it: a bad answer is better than none.
func (j *job) another(ctx context.Context, o origin, got try) *balance.Target {
	s := j.e.Resp.Status
	if s < 500 || !j.again(got, s) {
		return nil
	}
	held := j.call.Hold()
	t := j.repick(ctx, true)
	if t == nil {
		j.call.Keep(held)
		return nil
	}
	o.finish(false)
	j.failed(held.Target())
	held.End(balance.ResultOf(s), 0)
	return t
}

// again reports whether another target is tried. A connection that could not be
// made always leads to the next; everything else only where the request can be
// sent twice without harm, the upstream says so, and the budget allows.
func (j *job) again(t try, status int) bool {
	if j.tries >= balance.MaxTries || j.eng.clock.Boot() >= j.deadline || j.timers != nil && j.timers.gone.Load() {
		return false
	}
	if t.kind == tryConnect {
		return true
	}
	r := &j.upstream().Retry
	want := false
	switch t.kind {
	case tryReset:
		want = r.OnReset
	case tryTimeout:
		want = r.OnTimeout
	case tryAnswered:
		want = r.On(status)
	}
	return want && j.tries <= r.Attempts && j.repeatable() && j.upstream().AllowRetry()
}

// repeatable reports whether the request can be sent a second time: its method
// is idempotent (RFC 9110 9.2.2) and its body is at hand.
func (j *job) repeatable() bool {
	if !j.payload.memory {
		return false
	}
	m := &j.e.Req.Method
	return m.Is("GET") || m.Is("HEAD") || m.Is("PUT") || m.Is("DELETE") || m.Is("OPTIONS") || m.Is("QUERY") ||
		m.Is("PROPFIND") || m.Is("SEARCH") || m.Is("REPORT")
}
