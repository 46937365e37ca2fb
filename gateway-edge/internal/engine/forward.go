package engine

import (
	"context"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
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

// payload is a request's body as it is sent.
type payload struct {
	parts  [][]byte // all of it, when memory is set
	memory bool     // it can be sent again
	length int64    // -1: not known
	one    [1][]byte
}

// forward sends the request to a backend, with tries, and writes the answer.
func (j *job) forward(ctx context.Context) {
	up := j.rt.Upstream
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
	var hash balance.Hash
	if up.NeedsHash() {
		hash = up.Hash(&j.e.Req, j.e.ClientAddr, j.e.Params[:j.e.ParamCount])
	}
	j.sent = j.eng.clock.Boot()
	j.deadline = j.sent + int64(j.total())
	var o origin = &j.up
	if up.Protocol != "" && up.Protocol != "http1" {
		o = &upstream2{j: j}
	}
	if !j.attempts(ctx, o, hash) {
		j.answered = j.eng.clock.Boot()
		j.answer(ctx)
	}
}

// total bounds all tries to the answer's head.
func (j *job) total() contract.Duration {
	if j.rt.Doc.Timeout > 0 {
		return j.rt.Doc.Timeout
	}
	return contract.Duration(j.rt.Upstream.Timeouts.Total)
}

// attempts tries targets until one answers and its answer is written. It reports
// false when the edge must answer itself: then Reply says what.
func (j *job) attempts(ctx context.Context, o origin, hash balance.Hash) bool {
	up := j.rt.Upstream
	t, code := up.Pick(hash, &j.tried)
	for t != nil {
		j.tried.Add(t)
		j.tries++
		j.target = t
		t.Begin()
		got := o.send(ctx, t)
		switch {
		case got.kind == tryAnswered:
			next := j.another(got, hash)
			if next == nil {
				j.deliver(ctx, o, t)
				return true
			}
			o.finish(false)
			t.End(balance.ResultError)
			t = next
		case got.kind == tryClient:
			t.End(balance.ResultNone)
			j.bodyFault(got.err)
			return false
		default:
			t.End(got.result)
			code = got.code
			if t = nil; j.again(got, 0) {
				t, _ = up.Pick(hash, &j.tried)
			}
		}
	}
	j.refuse(code, "")
	return false
}

// another returns the target that is tried instead of taking this answer, nil to
// take it: a bad answer is better than none.
func (j *job) another(got try, hash balance.Hash) *balance.Target {
	if s := j.e.Resp.Status; s < 502 || s > 504 || !j.again(got, s) {
		return nil
	}
	t, _ := j.rt.Upstream.Pick(hash, &j.tried)
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
	r := &j.rt.Upstream.Retry
	want := false
	switch {
	case t.kind == tryReset:
		want = r.OnReset
	case t.kind == tryTimeout:
		want = r.OnTimeout
	case t.kind == tryAnswered:
		want = status == 502 && r.On502 || status == 503 && r.On503 || status == 504 && r.On504
	}
	return want && j.tries <= r.Attempts && j.repeatable() && j.rt.Upstream.AllowRetry()
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

// prepare decides how the request's body is sent. False: Reply says why not.
func (j *job) prepare() bool {
	p := &j.payload
	*p = payload{length: j.e.Req.Length}
	switch {
	case j.e.ReqBody != nil:
		p.parts, p.length, p.memory = j.e.ReqBody.Chunks(), j.e.ReqBody.Size(), true
	case j.body.done && j.e.Req.Length == 0:
		p.length, p.memory = 0, true
	default:
		if b, ok, err := j.cl.ahead(j); err != nil {
			j.bodyFault(err)
			return false
		} else if ok {
			p.one[0], p.length, p.memory = b, int64(len(b)), true
			p.parts = p.one[:]
		}
	}
	on, same := j.e.Filtered(policy.OnTheRequest)
	if !on {
		return true
	}
	if !p.memory {
		if !same {
			p.length = -1
		}
		return true
	}
	return j.filterRequest()
}

// filterRequest sends a body that is in memory through the request's filters.
func (j *job) filterRequest() bool {
	p := &j.payload
	var out []byte
	for i, b := range p.parts {
		q, err := j.e.Push(j.x, policy.OnTheRequest, b, i == len(p.parts)-1, maxFiltered)
		if err != nil {
			j.filterFault(err)
			return false
		}
		out = append(out, q...)
	}
	if len(p.parts) == 0 {
		q, err := j.e.Push(j.x, policy.OnTheRequest, nil, true, maxFiltered)
		if err != nil {
			j.filterFault(err)
			return false
		}
		out = append(out, q...)
	}
	p.one[0], p.length = out, int64(len(out))
	p.parts = p.one[:]
	return true
}

func (j *job) filterFault(err error) {
	j.panicked()
	if errors.Is(err, policy.ErrBodyBudget) {
		j.refuse(contract.CodeBodyTooLarge, "")
		return
	}
	j.refuse(contract.CodeRequestInvalid, "the request's body is not acceptable")
}

// deliver runs the response side over a backend's answer and writes it.
func (j *job) deliver(ctx context.Context, o origin, t *balance.Target) {
	j.answered = j.eng.clock.Boot()
	e := j.e
	e.Resp.Origin = policy.FromBackend
	j.cleanResponse()
	body, whole, ok := j.respondBackend(ctx, o)
	switch {
	case whole:
		// The answer is in memory now: the backend has done its part.
		o.finish(ok)
		t.End(endOf(ok))
		if !ok {
			j.refuse(contract.CodeUpstreamReset, "")
			body = j.reply()
		}
		j.send(body)
	case !ok:
		o.finish(false)
		t.End(balance.ResultNone)
		j.cl.abort(j)
	default:
		done, result := j.stream(o)
		o.finish(done)
		t.End(result)
	}
}

func endOf(ok bool) balance.Result {
	if ok {
		return balance.ResultOK
	}
	return balance.ResultError
}

// respondBackend runs the chain's response side. whole says that the body, or the
// edge's own answer in its place, is in memory.
func (j *job) respondBackend(ctx context.Context, o origin) (body []byte, whole, ok bool) {
	st := j.chainRespond()
	for range 4 * policy.MaxChain {
		switch st {
		case policy.EngineGo:
			if whole {
				body, ok = j.filtered(body)
				return body, true, ok
			}
			return nil, false, true
		case policy.EngineNeedBody:
			if body, ok = j.collectResponse(o, j.e.EngineBodyMax()); !ok {
				return nil, true, false
			}
			whole = true
			st = j.chainRespond()
		case policy.EngineSuspended:
			st = j.await(ctx)
		case policy.EngineTurned, policy.EngineFailed:
			j.panicked()
			body, whole = j.reply(), true
			st = j.chainRespond()
		default:
			return nil, false, false
		}
	}
	return nil, false, false
}

// chainRespond runs the response side; a filter of a request's body that is still
// being sent waits meanwhile, so that the exchange has one owner.
func (j *job) chainRespond() policy.EngineStatus {
	j.pump.lock()
	defer j.pump.unlock()
	return j.chain.EngineRespond(j.x)
}

// collectResponse reads the whole answer into memory for a policy.
func (j *job) collectResponse(o origin, limit int64) ([]byte, bool) {
	w := &j.whole[policy.OnTheResponse]
	w.Reset()
	var out []byte
	for last := false; !last; {
		var p []byte
		var err error
		if p, last, err = o.next(); err != nil || int64(len(out)+len(p)) > limit {
			return nil, false
		}
		if j.held += int64(len(p)); j.eng.collected.Add(int64(len(p))) > j.eng.cfg.Limits.Collected {
			return nil, false
		}
		out = append(out, p...)
	}
	w.Add(out)
	j.e.RespBody = w
	return out, true
}

// stream writes a backend's body as it comes. done says that it was read to its
// end.
func (j *job) stream(o origin) (done bool, r balance.Result) {
	e := j.e
	has := !e.Req.Method.Is("HEAD") && e.Resp.Status != 204 && e.Resp.Status != 304
	on, same := e.Filtered(policy.OnTheResponse)
	length := e.Resp.Length
	if on && !same {
		length = -1
	}
	j.cl.begin(j, length, has)
	if !has {
		return j.put(nil, true), balance.ResultOK
	}
	if !o.ready() && !j.put(nil, false) { // the head must not wait for the body
		return false, balance.ResultNone
	}
	if !o.ready() {
		j.watch()
	}
	defer j.unwatch()
	for {
		p, last, err := o.next()
		if err != nil && j.committed == 0 && err != errClientGone {
			j.tooBad(err)
			return false, balance.ResultError
		}
		if err != nil {
			return false, j.broke(err)
		}
		if on {
			if p, err = j.pushResponse(p, last); err != nil {
				j.panicked()
				j.ended = policy.EndedByEdge
				j.cl.abort(j)
				return false, balance.ResultNone
			}
		}
		if !j.put(p, last) {
			return false, balance.ResultNone
		}
		if last {
			return true, balance.ResultOK
		}
		j.watch()
	}
}

func (j *job) pushResponse(p []byte, last bool) ([]byte, error) {
	j.pump.lock()
	defer j.pump.unlock()
	return j.e.Push(j.x, policy.OnTheResponse, p, last, maxFiltered)
}

// put writes a piece of the answer.
func (j *job) put(p []byte, last bool) bool {
	if err := j.cl.write(j, p, last); err != nil {
		j.ended = endedBy(err)
		j.cl.abort(j)
		return false
	}
	return true
}

// watch lets the sweeper end a stream whose caller's credential is revoked
// meanwhile. An answer that comes in one piece is none.
func (j *job) watch() {
	if p := j.e.Principal(); p != nil && j.timers != nil && !j.watched {
		j.watched = true
		j.timers.who.Store(p)
	}
}

// unwatch ends what watch began.
func (j *job) unwatch() {
	if !j.watched {
		return
	}
	j.watched = false
	j.timers.who.Store(nil)
	if j.timers.dead.Load() {
		j.ended = policy.EndedByEdge
	}
}

// tooBad answers in the place of a backend whose body failed before anything of
// its answer was written.
func (j *job) tooBad(err error) {
	code := contract.CodeUpstreamReset
	var f *gate.Fault
	switch {
	case err == errUpstreamSlow:
		code = contract.CodeUpstreamTimeout
	case errors.As(err, &f):
		code = contract.CodeUpstreamProtocol
	}
	j.refuse(code, "")
	j.send(j.reply())
}

// broke ends an answer whose backend failed in the middle of the body. The
// client must see that it is not complete.
func (j *job) broke(err error) balance.Result {
	j.cl.abort(j)
	switch {
	case err == errClientGone:
		j.ended = policy.EndedByClient
		return balance.ResultNone
	case err == errUpstreamSlow:
		j.ended = policy.EndedByTimeout
	default:
		j.ended = policy.EndedByUpstream
	}
	return balance.ResultError
}
