package policy

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// MaxChain bounds the policies of one route, implicit ones included.
const MaxChain = 64

// Step is one policy of a chain with what the platform knows of it.
type Step struct {
	Policy     Policy
	Descriptor *Descriptor
	From       string // gateway | route | usage_plan | organization
}

// Chain is the policies of one route in their order, compiled once.
type Chain struct {
	steps    []chainStep
	single   []Name
	request  Need
	response Need
	auth     methods
	fork     int // where claims choose among chains that began alike; 0: nowhere
}

type chainStep struct {
	p                 Policy
	w                 Waiter
	bounded           bool
	c                 Chooser
	r                 Responder
	d                 Finisher
	phase             Phase
	identifies        bool
	request, response Need
	typ, from         string
}

func (s *chainStep) need(side Side) Need {
	if side == OnTheRequest {
		return s.request
	}
	return s.response
}

// wants asks the policy whether it wants the side's body.
func (s *chainStep) wants(x *Exchange, side Side) bool { return s.c == nil || s.c.WantsBody(x, side) }

// CompileChain puts steps together. They must be in the order of their phases.
func CompileChain(steps []Step) (*Chain, error) {
	if len(steps) > MaxChain {
		return nil, fmt.Errorf("%d policies on one route, at most %d are allowed", len(steps), MaxChain)
	}
	c := &Chain{steps: make([]chainStep, 0, len(steps))}
	last := PhaseGuard
	for _, s := range steps {
		d := s.Descriptor
		if s.Policy == nil || d == nil {
			return nil, errors.New("a step has no policy")
		}
		if d.Phase < last || d.Phase >= numPhases {
			return nil, fmt.Errorf("policy %s of phase %s stands after phase %s", d.Type, d.Phase, last)
		}
		last = d.Phase
		st := chainStep{p: s.Policy, phase: d.Phase, identifies: d.Identifies, request: d.Request, response: d.Response, typ: d.Type, from: s.From}
		if n, ok := s.Policy.(Needer); ok {
			st.request, st.response = n.Needs()
		}
		st.w, _ = s.Policy.(Waiter)
		_, st.bounded = s.Policy.(Bounded)
		st.c, _ = s.Policy.(Chooser)
		st.r, _ = s.Policy.(Responder)
		st.d, _ = s.Policy.(Finisher)
		for _, n := range []Need{st.request, st.response} {
			if n.Mode == NeedWhole && n.Max <= 0 {
				return nil, fmt.Errorf("policy %s needs a whole body without a bound", d.Type)
			}
		}
		c.single = append(c.single, d.Single...)
		c.request, c.response = merge(c.request, st.request), merge(c.response, st.response)
		c.steps = append(c.steps, st)
	}
	return c, c.several()
}

// several notes the authentication policies where there are more than one.
func (c *Chain) several() error {
	from, to := 0, 0
	for i := range c.steps {
		if c.steps[i].phase == PhaseAuthenticate {
			if to == 0 {
				from = i
			}
			to = i + 1
		}
	}
	if to-from < 2 {
		return nil
	}
	c.auth = methods{from: from, to: to}
	for i := from; i < to; i++ {
		m, ok := c.steps[i].p.(Method)
		if !ok {
			return fmt.Errorf("policy %s can't stand beside other methods of authentication", c.steps[i].typ)
		}
		c.auth.of = append(c.auth.of, m)
	}
	return nil
}

func merge(a, b Need) Need {
	if b.Mode > a.Mode {
		a.Mode = b.Mode
	}
	a.Max = max(a.Max, b.Max)
	return a
}

// EngineSingle returns the fields of which a second one is refused.
func (c *Chain) EngineSingle() []Name { return c.single }

// EngineNeeds returns the strongest need of each side, with the largest bound.
func (c *Chain) EngineNeeds() (request, response Need) { return c.request, c.response }

// EngineLen returns the number of policies.
func (c *Chain) EngineLen() int { return len(c.steps) }

// EngineStatus is where a chain stands.
type EngineStatus uint8

// Where a chain stands after a run.
const (
	EngineFailed    EngineStatus = iota // Reply holds 500 internal; zero: fails closed
	EngineGo                            // all said Next: forward, or write the response
	EngineTurned                        // Reply holds an answer
	EngineSuspended                     // call Resume where blocking is allowed
	EngineNeedBody                      // collect the side's body (EngineBodyMax), then run again
	EngineStreamed                      // a policy wrote the answer through Blocking.Writer
	EngineForked                        // it is known who calls: EngineChoose, then run again
	EngineAccept                        // the integration takes the WebSocket: Accepted
)

// EngineRun runs the request side from where it stands. It never blocks.
func (c *Chain) EngineRun(x *Exchange) (st EngineStatus) {
	e := &x.e
	if e.chain == nil {
		c.begin(e)
	}
	defer e.caught(&st)
	failpoint.Hit(failpoint.EdgeInPolicy)
	end := len(c.steps)
	if c.fork > 0 && !e.chosen {
		end = c.fork
	}
	for e.pc < end {
		if e.pc < c.auth.to && e.pc >= c.auth.from {
			if e.method < 0 && c.method(x) {
				return EngineTurned
			}
			if e.pc != e.method {
				e.pc++
				e.nexted = e.pc
				continue
			}
		}
		s := &c.steps[e.pc]
		if s.request.Mode == NeedWhole && e.ReqBody == nil && e.Req.Length != 0 && s.wants(x, OnTheRequest) {
			e.now = 0
			return EngineNeedBody
		}
		e.began = e.pc + 1
		if s.request.Mode == NeedWhole && e.ReqBody != nil && e.ReqBody.size > s.request.Max {
			return e.requestAction(s, x.Reject(contract.CodeBodyTooLarge, 0)) // another policy may take more
		}
		var a Action
		if e.timing() {
			a = c.timedRequest(x, e.pc)
		} else {
			a = s.p.OnRequest(x, &e.slots[e.pc])
		}
		if st = e.requestAction(s, a); st != EngineGo {
			return st
		}
	}
	if c.fork > 0 && !e.chosen {
		return EngineForked
	}
	return EngineGo
}

// EngineFork makes the chain stop behind authentication: claims choose there which
// of several chains, whose steps are the same that far, goes on.
func (c *Chain) EngineFork() {
	for c.fork = 0; c.fork < len(c.steps) && c.steps[c.fork].phase <= PhaseAuthenticate; c.fork++ {
	}
}

// EngineChoose goes on with a chain whose steps are those that have run, and others
// behind them.
func (c *Chain) EngineChoose(x *Exchange) {
	x.e.chain, x.e.chosen = c, true
	if len(x.e.slots) < len(c.steps) {
		x.e.slots = append(x.e.slots, make([]Slot, len(c.steps)-len(x.e.slots))...)
	}
}

// Chosen reports whether claims have chosen the chain.
func (e *EngineExchange) Chosen() bool { return e.chosen }

func (c *Chain) begin(e *EngineExchange) {
	e.chain = c
	if len(e.slots) < len(c.steps) {
		e.slots = make([]Slot, len(c.steps))
	}
}

// EngineResume calls Await of the suspended policy on the calling goroutine,
// then goes on with its side.
func (c *Chain) EngineResume(b Blocking, x *Exchange) (st EngineStatus) {
	e := &x.e
	e.now = 0
	if e.responding {
		return c.resumeResponse(b, x)
	}
	if st = c.await(b, x); st != EngineGo {
		return st
	}
	return c.EngineRun(x)
}

func (c *Chain) await(b Blocking, x *Exchange) (st EngineStatus) {
	e := &x.e
	defer e.caught(&st)
	s := &c.steps[e.pc]
	a := c.timedAwait(b, x, e.pc)
	if a.k == actWait {
		a = Action{}
	}
	e.now = 0
	return e.requestAction(s, a)
}

// requestAction applies what a policy decided on the way in.
func (e *EngineExchange) requestAction(s *chainStep, a Action) EngineStatus {
	if e.fault || e.ReqHeader.fault || e.RespHeader.fault {
		a = Action{}
	}
	if e.Trace != nil {
		e.trace(s, a, false)
	}
	switch a.k {
	case actNext:
		e.pc++
		e.nexted = e.pc
		return EngineGo
	case actWait:
		if s.w != nil {
			return EngineSuspended
		}
	case actReject, actAnswer:
		if a.k == actReject && e.challenged && e.pc == e.method {
			e.chain.challenge(e)
		}
		return EngineTurned
	case actStreamed:
		return EngineStreamed
	case actAccept:
		if s.phase == PhaseIntegrate && e.Socket.s != "" && e.Accepted != nil && e.Accepted.Handler != nil {
			return EngineAccept
		}
	}
	return e.fail()
}

func (e *EngineExchange) fail() EngineStatus {
	e.Reply = EngineReply{Code: contract.CodeInternal}
	return EngineFailed
}

// EngineRespond runs the response side in reverse for every policy that said
// Next, from where it stands. After EngineTurned the engine puts the Reply in
// the response's place and runs on.
func (c *Chain) EngineRespond(x *Exchange) (st EngineStatus) {
	e := &x.e
	if !e.responding {
		e.responding, e.ri, e.now = true, e.nexted-1, 0
	}
	defer e.caught(&st)
	for ; e.ri >= 0; e.ri-- {
		s := &c.steps[e.ri]
		if s.r == nil || c.skips(e, e.ri) {
			continue
		}
		if s.response.Mode == NeedWhole && e.RespBody == nil && e.Resp.Length != 0 && s.wants(x, OnTheResponse) {
			return EngineNeedBody
		}
		if s.response.Mode == NeedWhole && e.RespBody != nil && e.RespBody.size > s.response.Max {
			if st = e.responseAction(s, x.Reject(contract.CodeUpstreamProtocol, 0)); st != EngineGo {
				return st
			}
		}
		var a Action
		if e.timing() {
			a = c.timedResponse(x, e.ri)
		} else {
			a = s.r.OnResponse(x, &e.slots[e.ri])
		}
		if st = e.responseAction(s, a); st != EngineGo {
			return st
		}
	}
	return EngineGo
}

func (c *Chain) resumeResponse(b Blocking, x *Exchange) (st EngineStatus) {
	e := &x.e
	if st = c.awaitResponse(b, x); st != EngineGo {
		return st
	}
	e.ri--
	return c.EngineRespond(x)
}

func (c *Chain) awaitResponse(b Blocking, x *Exchange) (st EngineStatus) {
	e := &x.e
	defer e.caught(&st)
	s := &c.steps[e.ri]
	a := c.timedAwait(b, x, e.ri)
	if a.k == actWait {
		a = Action{}
	}
	e.now = 0
	return e.responseAction(s, a)
}

// responseAction applies what a policy decided on the way out. A policy that
// turned or failed is not asked again.
func (e *EngineExchange) responseAction(s *chainStep, a Action) EngineStatus {
	if e.fault || e.RespHeader.fault {
		a = Action{}
		e.fault, e.RespHeader.fault = false, false
	}
	if e.Trace != nil && (a.k != actNext || e.detail != "") {
		e.trace(s, a, true)
	}
	switch a.k {
	case actNext:
		return EngineGo
	case actWait:
		if s.w != nil {
			return EngineSuspended
		}
	case actReject, actAnswer:
		e.ri--
		return EngineTurned
	}
	e.ri--
	return e.fail()
}

// caught turns a hook's panic into 500. It keeps the value for the engine's log.
func (e *EngineExchange) caught(st *EngineStatus) {
	if v := recover(); v != nil {
		e.Panic, e.Stack = v, debug.Stack()
		if e.responding {
			e.ri--
		}
		*st = e.fail()
	}
}

// EngineDone calls OnDone in reverse, exactly once for each policy whose
// OnRequest began, whatever another one does.
func (c *Chain) EngineDone(x *Exchange) {
	e := &x.e
	e.now = 0
	for i := e.began - 1; i >= 0; i-- {
		if d := c.steps[i].d; d != nil && !c.skips(e, i) {
			e.done(x, d, &e.slots[i])
		}
		e.slots[i] = Slot{}
	}
	e.began, e.nexted = 0, 0
}

func (e *EngineExchange) done(x *Exchange, d Finisher, s *Slot) {
	defer func() {
		if v := recover(); v != nil {
			e.Panic, e.Stack = v, debug.Stack()
		}
	}()
	d.OnDone(x, s)
}

// EngineAbandon ends the wait of a suspended policy that will not be resumed: the
// engine answers in its place.
func (c *Chain) EngineAbandon(x *Exchange) {
	if e := &x.e; e.responding {
		e.ri--
	}
}

// EngineVerdicts tells after the fact what each policy decided on the way in, for
// requests that no trace was made for.
func (c *Chain) EngineVerdicts(x *Exchange) []contract.PolicyTrace {
	e := &x.e
	out := make([]contract.PolicyTrace, 0, len(c.steps))
	for i := range c.steps {
		s := &c.steps[i]
		t := contract.PolicyTrace{Type: s.typ, Phase: s.phase.String(), From: s.from}
		switch {
		case c.skips(e, i) && e.method >= 0:
			t.Verdict = "skipped"
		case i < e.pc:
			t.Verdict = "next"
		case i > e.pc:
			t.Verdict = "skipped"
		case e.Reply.Status != 0:
			t.Verdict = "answer"
		default:
			t.Verdict, t.Code, t.Detail = "reject", e.Reply.Code.String(), e.Reply.Detail
		}
		for _, n := range e.notes {
			if n.step == i {
				t.Detail = n.detail
			}
		}
		out = append(out, t)
	}
	return out
}

// EngineIntegrates reports that the policy that runs is the route's integration:
// what it does counts as sent on.
func (e *EngineExchange) EngineIntegrates() bool {
	s := e.step()
	return s != nil && !e.responding && s.phase == PhaseIntegrate
}

// EngineBounded reports that the policy that waits bounds its waits itself.
func (e *EngineExchange) EngineBounded() bool {
	s := e.step()
	return s != nil && s.bounded
}

// EngineBodyMax is the bound of the policy that asked for the whole body.
func (e *EngineExchange) EngineBodyMax() int64 {
	s := e.step()
	if s == nil {
		return 0
	}
	if e.responding {
		return s.response.Max
	}
	return s.request.Max
}

func (e *EngineExchange) trace(s *chainStep, a Action, response bool) {
	t := contract.PolicyTrace{Type: s.typ, Phase: s.phase.String(), From: s.from, Detail: e.detail}
	e.detail = ""
	switch a.k {
	case actNext:
		t.Verdict = "next"
	case actWait:
		t.Verdict = "wait"
	case actAnswer, actStreamed, actAccept:
		t.Verdict = "answer"
	case actReject:
		t.Verdict, t.Code = "reject", e.Reply.Code.String()
		if t.Detail == "" {
			t.Detail = e.Reply.Detail
		}
	default:
		t.Verdict, t.Code = "reject", contract.CodeInternal.String()
	}
	if response && t.Detail == "" {
		t.Detail = "on the response"
	}
	// A policy that waited has its verdict replaced by the final one.
	if n := len(e.Trace.Policies); n > 0 && e.Trace.Policies[n-1].Verdict == "wait" {
		e.Trace.Policies[n-1] = t
		return
	}
	e.Trace.Policies = append(e.Trace.Policies, t)
}
