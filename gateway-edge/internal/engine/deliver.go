package engine

import (
	"context"
	"errors"
	"net/http"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// deliver runs the response side over a backend's answer and writes it.
func (j *job) deliver(ctx context.Context, o origin) {
	j.answered = j.eng.clock.Boot()
	e := j.e
	t, took, came := j.target, j.answered-j.tryBegan, balance.ResultOf(e.Resp.Status)
	e.Resp.Origin = policy.FromBackend
	switches := e.Resp.Status == http.StatusSwitchingProtocols
	if !switches && j.noSwitch(ctx, o) {
		return
	}
	if cookie := j.call.Cookie(); cookie != "" {
		e.RespHeader.AppendString("Set-Cookie", cookie)
	}
	j.cleanResponse()
	if switches {
		j.switched(ctx, o)
		return
	}
	body, whole, ok := j.respondBackend(ctx, o)
	switch {
	case whole:
		// The answer is in memory now: the backend has done its part.
		o.finish(ok)
		if !ok {
			came = balance.ResultError
		}
		j.call.End(came, took)
		if !ok {
			j.failed(t)
			j.refuse(contract.CodeUpstreamReset, "")
			body = j.reply()
		}
		j.send(body)
	case !ok:
		o.finish(false)
		j.call.End(balance.ResultNone, 0)
		j.cl.abort(j)
	default:
		done, result := j.stream(o)
		o.finish(done)
		if result == balance.ResultOK {
			result = came
		}
		j.call.End(result, took)
	}
}

// respondBackend runs the chain's response side. whole says that the body, or the
// edge's own answer in its place, is in memory.
func (j *job) respondBackend(ctx context.Context, o origin) (body []byte, whole, ok bool) {
	st := j.chainRespond()
	for range 4 * policy.MaxChain {
		switch st {
		case policy.EngineGo:
			if b, replaced := j.e.Replacement(); replaced {
				body, whole = b, true
			}
			if whole {
				body, ok = j.filtered(body)
				return body, true, ok
			}
			return nil, false, true
		case policy.EngineNeedBody:
			if whole { // the edge's own answer stands in the backend's place
				body, ok = j.collected(body)
			} else {
				body, ok = j.collectResponse(o, j.e.EngineBodyMax())
			}
			if whole = true; !ok {
				return nil, true, false
			}
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
	// Policies nearer to the backend see the body before the one that collects it.
	if on, _ := j.e.Filtered(policy.OnTheResponse); on {
		p, err := j.e.Push(j.x, policy.OnTheResponse, out, true, maxFiltered)
		if err != nil {
			j.panicked()
			return nil, false
		}
		out = append([]byte(nil), p...)
		j.e.Unfilter(policy.OnTheResponse)
	}
	w.Add(out)
	j.e.RespBody = w
	return out, true
}

// stream writes a backend's body as it comes. done says that it was read to its
// end.
func (j *job) stream(o origin) (done bool, r balance.Result) {
	e := j.e
	has := !e.CameMethod().Is("HEAD") && e.Resp.Status != 204 && e.Resp.Status != 304
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
		j.charge()
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
// meanwhile, or whose target must be free by then. An answer that comes in one
// piece is none.
func (j *job) watch() {
	if j.timers == nil || j.watched {
		return
	}
	j.watched = true
	j.timers.target.Store(j.target)
	if p := j.e.Principal(); p != nil {
		j.timers.who.Store(p)
	}
}

// unwatch ends what watch began.
func (j *job) unwatch() {
	if !j.watched {
		return
	}
	j.watched = false
	j.timers.target.Store(nil)
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

// endEvents ends a stream of events when the edge goes away: whoever reads one
// connects again after its end. It reports whether it was one.
func (j *job) endEvents() bool {
	if !j.eng.ending.Load() || j.e.Resp.Length >= 0 {
		return false
	}
	if ct, _ := j.e.Resp.Header.Get(policy.ContentType); !ct.HasPrefixFold("text/event-stream") {
		return false
	}
	return j.cl.write(j, nil, true) == nil
}

// broke ends an answer whose backend failed in the middle of the body. The
// client must see that it is not complete.
func (j *job) broke(err error) balance.Result {
	if err == errClientGone || !j.endCall(err) && !j.endEvents() {
		j.cl.abort(j)
	}
	switch {
	case err != errClientGone && j.eng.ending.Load():
		j.ended = policy.EndedByEdge
		return balance.ResultNone
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
