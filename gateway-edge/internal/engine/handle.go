package engine

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// serve carries a request whose head stands in the exchange to its end.
func (j *job) serve(ctx context.Context) {
	j.start()
	scale := j.scale()
	forward := j.decide(ctx)
	j.weigh(scale)
	switch {
	case forward:
		j.forward(ctx)
	case j.accepted:
		j.accept(ctx)
	case !j.streamed:
		j.answer(ctx)
	}
	j.end()
}

// serveFault answers a request whose head was refused.
func (j *job) serveFault(ctx context.Context, f *gate.Fault) {
	j.start()
	j.refuse(f.Code, f.Error())
	j.answer(ctx)
	j.end()
}

// start notes the arrival.
func (j *job) start() {
	j.began = j.eng.clock.Boot()
	j.e.SetNow(j.began)
	j.headIn = int64(j.head.Size)
	j.entered = true
	j.eng.open.Add(1)
	if m := j.eng.cfg.Metrics; m != nil {
		m.Begin()
	}
	j.identify()
}

// decide finds gateway and route and runs the chain's request side. It reports
// whether the request is to be sent on; else Reply holds the answer.
func (j *job) decide(ctx context.Context) bool {
	if !j.locate(ctx) || !j.route() {
		return false
	}
	return j.run(ctx)
}

// locate finds the gateway that answers for the request's host.
func (j *job) locate(ctx context.Context) bool {
	e := j.e
	e.ClientAddr, e.Port = j.peer(), j.head.Port
	if j.info.Trusted && j.head.ForwardedProto.Fold("https") {
		e.Req.Scheme = policy.Static("https")
	}
	host := policy.EngineString(e.Req.Host)
	j.host, j.path, j.query = e.Req.Host, e.Req.Path, e.Req.Query
	if j.challenged(ctx, host) {
		return false
	}
	t := j.eng.cfg.Table
	entry := t.FindString(host)
	if entry == nil {
		j.refuse(t.Missing(), "")
		return false
	}
	if j.info.TLS && j.info.SNI != "" && j.info.SNI != host && t.FindString(j.info.SNI) != entry {
		j.refuse(contract.CodeMisdirected, "")
		return false
	}
	gw := entry.Current()
	if gw == nil {
		if gw = j.load(ctx, entry); gw == nil {
			j.refuse(contract.CodeConfigUnavailable, "")
			return false
		}
	}
	j.pin(gw)
	if code, refused := gw.Org.Refuse(j.began); refused {
		j.refuse(code, "")
		return false
	}
	if !j.enter() || !j.admits(host) {
		return false
	}
	if j.head.Hops >= gate.MaxHops {
		j.refuse(contract.CodeLoopDetected, "")
		return false
	}
	if j.head.Star {
		e.Reply = policy.EngineReply{Status: 204}
		return false
	}
	return true
}

// load compiles a gateway that is not in memory.
func (j *job) load(ctx context.Context, entry *snapshot.Entry) *snapshot.Compiled {
	ctx, cancel := context.WithTimeout(ctx, j.eng.cfg.Limits.Wait)
	defer cancel()
	gw, err := entry.Load(ctx)
	if err != nil {
		j.eng.cfg.Logger.Warn("gateway can't be loaded", "gateway", entry.ID(), "error", err)
		return nil
	}
	return gw
}

// pin fixes the version of the gateway that the request is served by.
func (j *job) pin(gw *snapshot.Compiled) {
	j.gw, j.counts, j.hot = gw, gw.Meter, &gw.Meter.Hot
	j.id = contract.CounterID{
		Organization: gw.Doc.OrganizationNum, Gateway: gw.Doc.Num, Plan: gw.Org.Facts().Doc.PlanNum,
	}
	if gw.Tracing.On || j.eng.cfg.Tracing.On {
		j.beginTrace()
	}
}

// route finds the route and checks what it bounds.
func (j *job) route() bool {
	e := j.e
	j.gw.Table.Match(&e.Req, &j.found)
	preflight := false
	if j.found.Index < 0 {
		if preflight = j.preflight(); !preflight {
			j.noRoute()
			return false
		}
	}
	rt := j.gw.Routes[j.found.Index]
	j.take(rt)
	e.ParamCount = copy(e.Params[:], j.found.Params[:j.found.N])
	if detail, code := j.bounds(); code != 0 {
		j.unrouted()
		j.refuse(code, detail)
		return false
	}
	j.preflighted = preflight
	return !j.head.WebSocket || rt.Fork != nil || j.handshake()
}

// take makes a route the request's.
func (j *job) take(rt *snapshot.Route) {
	j.rt, j.chain, j.counts, j.hot = rt, rt.Chain, rt.Meter, &rt.Meter.Hot
	j.id.Route, j.e.Route = rt.Policy.Num, rt.Policy
	if c, ok := j.cl.(*conn); ok && (rt.Doc.AbortOnFIN || c.abortFIN.Load()) {
		c.abortFIN.Store(rt.Doc.AbortOnFIN)
	}
}

// bounds holds the request to what its route bounds; where claims have yet to choose
// the route, to what any of them does.
func (j *job) bounds() (detail string, code contract.Code) {
	e := j.e
	own := j.rt.Doc.MaxBodyBytes
	if f := j.rt.Fork; f != nil && !j.chosen {
		for _, i := range f.Routes {
			if n := j.gw.Routes[i].Doc.MaxBodyBytes; own != 0 && (n == 0 || n > own) {
				own = n
			}
		}
	}
	j.maxBody = least(own, j.gw.Org.Facts().Doc.MaxBodyBytes)
	if j.maxBody > 0 && (e.Req.Length > j.maxBody || e.ReqBody != nil && e.ReqBody.Size() > j.maxBody) {
		return "", contract.CodeBodyTooLarge
	}
	for _, n := range j.chain.EngineSingle() {
		if e.ReqHeader.Count(n) > 1 {
			return "a field that may stand only once is repeated", contract.CodeRequestInvalid
		}
	}
	return "", 0
}

// branch finds the route that the caller's claims lead to, among those that are alike
// but for them, and goes on with it.
func (j *job) branch() bool {
	j.chosen = true
	i := j.rt.Fork.Choose(j.e.Principal())
	if i < 0 {
		j.refuse(contract.CodeNoRoute, "")
		return false
	}
	if rt := j.gw.Routes[i]; rt != j.rt {
		j.take(rt)
	}
	j.chain.EngineChoose(j.x)
	if detail, code := j.bounds(); code != 0 {
		j.refuse(code, detail)
		return false
	}
	return !j.head.WebSocket || j.handshake()
}

// preflight looks for the route that a CORS preflight asks about: one that takes
// the method that the browser wants to use. Only a policy can answer it; it is
// never sent on.
func (j *job) preflight() bool {
	e := j.e
	if j.found.Allow == "" || !e.Req.Method.Is("OPTIONS") || !e.Req.Header.Has(policy.OriginHeader) {
		return false
	}
	want, ok := e.Req.Header.Get(policy.AccessControlRequestMethod)
	if !ok {
		return false
	}
	allow := j.found.Allow
	method := e.Req.Method
	e.Req.Method = want
	j.gw.Table.Match(&e.Req, &j.found)
	e.Req.Method = method
	if j.found.Index < 0 {
		j.found.Allow = allow
		return false
	}
	return true
}

// unrouted puts what the gateway does with refusals in the place of a route's
// chain, which has not begun.
func (j *job) unrouted() {
	if j.chain = j.gw.Unrouted; j.chain != nil {
		j.chain.EngineRun(j.x)
	}
}

// noRoute answers for a path that no route takes, or none with this method.
func (j *job) noRoute() {
	j.unrouted()
	if j.found.TooLong {
		j.refuse(contract.CodeURITooLong, "")
		return
	}
	if j.found.Allow == "" {
		j.refuse(contract.CodeNoRoute, "")
		return
	}
	j.refuse(contract.CodeMethodNotAllowed, "")
	j.e.Resp.Header.Set(policy.Allow, j.found.Allow)
}

// least is the smaller bound of two, of which 0 is none.
func least(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// run runs the chain's request side to its decision.
func (j *job) run(ctx context.Context) bool {
	st := j.chain.EngineRun(j.x)
	for {
		switch st {
		case policy.EngineGo:
			j.attribute()
			if j.preflighted {
				j.refuse(contract.CodeMethodNotAllowed, "")
				return false
			}
			return true
		case policy.EngineNeedBody:
			if !j.collect(j.e.EngineBodyMax()) {
				return false
			}
			st = j.chain.EngineRun(j.x)
		case policy.EngineForked:
			if !j.branch() {
				j.attribute()
				return false
			}
			st = j.chain.EngineRun(j.x)
		case policy.EngineSuspended:
			if j.e.EngineIntegrates() {
				if j.e.Dry { // it would be asked now
					j.attribute()
					return true
				}
				j.integrate()
			}
			st = j.await(ctx)
		case policy.EngineStreamed:
			j.attribute()
			j.unfinished()
			return false
		case policy.EngineAccept:
			j.attribute()
			j.accepted = true
			return false
		default:
			j.attribute()
			j.panicked()
			return false
		}
	}
}

// unfinished ends an answer that a policy began to stream and did not end.
func (j *job) unfinished() {
	if !j.unended {
		return
	}
	j.unended = false
	if j.ended == policy.EndedWell {
		j.ended = policy.EndedByUpstream
	}
	j.cl.abort(j)
}

// integrate counts a request that the route's integration is about to be asked for,
// as one that is sent on.
func (j *job) integrate() {
	if !j.admitted {
		j.attribute()
		j.admit()
	}
	j.sent = j.eng.clock.Boot()
}

// patience is how long the waiting policy may take: an integration as long as an
// upstream.
func (j *job) patience() time.Duration {
	switch {
	case !j.e.EngineIntegrates():
		return j.eng.cfg.Limits.Wait
	case j.rt.Doc.Timeout > 0:
		return j.rt.Doc.Timeout.Std()
	}
	return j.eng.cfg.Limits.Integrate
}

// attribute notes whose counters the request belongs to.
func (j *job) attribute() {
	p := j.e.Principal()
	if p == nil {
		return
	}
	j.id.Key, j.id.Consumer = p.Key, p.Consumer
	j.hot = hotOf(p)
}

// panicked logs a hook's panic.
func (j *job) panicked() {
	if j.e.Panic == nil {
		return
	}
	j.eng.cfg.Logger.Error("policy panicked", "gateway", j.gw.ID, "version", j.gw.Doc.Version,
		"panic", j.e.Panic, "stack", string(j.e.Stack))
	j.e.Panic, j.e.Stack = nil, nil
}

// await calls the waiting policy where blocking is allowed: here, on the
// exchange's own goroutine. How many may wait at once is bounded.
func (j *job) await(ctx context.Context) policy.EngineStatus {
	release, ok := j.mayWait()
	if !ok {
		j.chain.EngineAbandon(j.x)
		j.refuse(contract.CodeOverloaded, "")
		return policy.EngineTurned
	}
	defer release()
	long, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := context.WithTimeout(long, j.patience())
	defer stop()
	if j.timers != nil {
		j.timers.cancel.Store(&cancel)
		defer j.timers.cancel.Store(nil)
	}
	st := j.chain.EngineResume(policy.EngineMayBlock(&blocking{j: j, ctx: ctx, long: long, release: release}), j.x)
	if st == policy.EngineStreamed {
		j.unwatch()
	}
	return st
}

// collect reads the whole request body into memory for a policy. Filters of those
// before it come first: it sees what they let through, as does all that is behind it.
func (j *job) collect(limit int64) bool {
	filtered, same := j.e.Filtered(policy.OnTheRequest)
	most := limit // of what the client sends
	if !same {
		most = 2 * limit // a filter may take a coding off
	}
	if j.e.Req.Length > most {
		j.refuse(contract.CodeBodyTooLarge, "")
		return false
	}
	body := &j.whole[policy.OnTheRequest]
	for last := false; !last; {
		var p []byte
		var err error
		if p, last, err = j.cl.read(j); err != nil {
			j.bodyFault(err)
			return false
		}
		most -= int64(len(p))
		if filtered && most >= 0 {
			if p, err = j.e.Push(j.x, policy.OnTheRequest, p, last, limit); err != nil {
				j.filterFault(err)
				return false
			}
		}
		if most < 0 || body.Size()+int64(len(p)) > limit {
			j.refuse(contract.CodeBodyTooLarge, "")
			return false
		}
		if !j.hold(body, p) {
			j.refuse(contract.CodeOverloaded, "")
			return false
		}
	}
	if j.e.ReqBody = body; filtered {
		j.e.Unfilter(policy.OnTheRequest)
		j.e.Req.Length = body.Size()
	}
	return true
}

// hold copies a piece of a body that is collected, within the bound on all.
func (j *job) hold(body *policy.EngineBody, p []byte) bool {
	n := int64(len(p))
	if n == 0 {
		return true
	}
	if j.eng.collected.Add(n) > j.eng.cfg.Limits.Collected {
		j.eng.collected.Add(-n)
		return false
	}
	j.held += n
	body.Add(append(make([]byte, 0, n), p...))
	return true
}

// bodyFault turns the failure to read the request's body into the answer. It is
// the client's fault alone: no backend is blamed.
func (j *job) bodyFault(err error) {
	switch err {
	case errBodyOver:
		j.refuse(contract.CodeBodyTooLarge, "")
	case errClientSlow:
		j.ended = policy.EndedByTimeout
		j.refuse(contract.CodeRequestTimeout, "the request's body did not arrive in time")
	case errClientGone:
		j.ended = policy.EndedByClient
		j.refuse(contract.CodeRequestInvalid, "the request's body ended early")
	default:
		j.refuse(contract.CodeRequestInvalid, err.Error())
	}
}

// mayWait takes a place for a request that waits. release gives it back, once: what
// is called again does nothing.
func (j *job) mayWait() (release func(), ok bool) {
	if !j.e.EngineBounded() || j.share == nil {
		return j.eng.mayWait(j.gw.Doc.Num)
	}
	g, t, held := j.eng.cfg.Guard, j.share, true
	g.Wait(t)
	return func() {
		if held {
			held = false
			g.Waited(t)
		}
	}, true
}

// mayWait takes a place among the waiting requests of a gateway.
func (e *Engine) mayWait(gateway uint64) (release func(), ok bool) {
	n, _ := e.waiters.LoadOrStore(gateway, new(counter))
	c := n.(*counter)
	all, own := e.waiting.Add(1), c.Add(1)
	held := true
	release = func() {
		if held {
			held = false
			e.waiting.Add(-1)
			c.Add(-1)
		}
	}
	if all > e.cfg.Limits.Waiters || own > e.cfg.Limits.GatewayWaiters {
		release()
		return nil, false
	}
	return release, true
}
