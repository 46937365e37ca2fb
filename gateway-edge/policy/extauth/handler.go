package extauth

import (
	"context"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest goes by an answer that is kept; any other request waits.
func (p *authoriser) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if p.config.Cache > 0 {
		if hash, ok := p.question(x); ok {
			if e := p.state.kept.Get(&hash); e != nil && e.Good(x.Now(), 0) {
				if a, done := p.recall(x, e); done {
					return a
				}
				return x.Wait()
			}
		}
	}
	if x.Explaining() {
		x.TraceDetail("the authoriser is not asked for a question")
		return x.Next()
	}
	return x.Wait()
}

// recall lets a request through by a kept answer; done is false where the consumer
// has to be asked for.
func (p *authoriser) recall(x *policy.Exchange, e *entry) (a policy.Action, done bool) {
	var who *policy.Principal
	if e.known != nil {
		if who, done = e.known.Peek(x.Now()); !done {
			return a, false
		}
	}
	return p.admit(x, e, who), true
}

// Await asks the authoriser, once for all who ask the same where answers are kept.
func (p *authoriser) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	now := x.Now()
	hash, ok := p.question(x)
	r := p.request(x)
	var got *answer
	var err error
	if e := p.state.kept.Get(&hash); ok && p.config.Cache > 0 && e != nil && e.Good(now, 0) {
		return p.known(b, x, e)
	}
	if ok && p.config.Cache > 0 {
		got, err = p.state.flights.Do(b, hash, func() (*answer, error) { return p.ask(b, r) })
	} else {
		got, err = p.ask(b, r)
	}
	switch {
	case err != nil:
		return p.failed(b, x, err)
	case got.status >= 300:
		return p.deny(x, got)
	}
	e, good := p.admitted(got, hash, now)
	if !good {
		return x.RejectDetail(contract.CodeForbidden, 0, "The authoriser's answer does not say who calls as this route needs it")
	}
	if ok && p.config.Cache > 0 {
		p.state.kept.Put(e, now, p.wall().Unix())
	}
	return p.known(b, x, e)
}

// known finds the caller's consumer and lets the request through.
func (p *authoriser) known(b policy.Blocking, x *policy.Exchange, e *entry) policy.Action {
	var who *policy.Principal
	if e.known != nil {
		who, _ = e.known.Find(b, x.Now())
	}
	return p.admit(x, e, who)
}

func (p *authoriser) admit(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	if who != nil && x.Principal() == nil {
		x.SetPrincipal(who)
	}
	h := x.Request().Header
	for i, n := range p.copied {
		// What the client sent under the name goes, whether there is an answer or not.
		if e.values[i] == "" {
			h.Del(n)
		} else {
			h.Set(n, e.values[i])
		}
	}
	return x.Next()
}

// failed is what happens when the authoriser can't be asked. A client that goes away
// meanwhile says nothing about the authoriser, and gets in by that nowhere.
func (p *authoriser) failed(b policy.Blocking, x *policy.Exchange, err error) policy.Action {
	if x.Tracing() {
		x.TraceDetail(err.Error())
	}
	if p.config.OnFailure != failAllow || errors.Is(b.Context().Err(), context.Canceled) {
		return x.RejectDetail(contract.CodeProviderUnavailable, 0, "The authoriser can't be asked at the moment")
	}
	for _, n := range p.copied {
		x.Request().Header.Del(n)
	}
	return x.Next()
}

// deny answers with the refusal.
func (p *authoriser) deny(x *policy.Exchange, a *answer) policy.Action {
	if p.config.Denial == denialProblem {
		if a.status == 401 {
			x.Response().Header.Set(policy.WWWAuthenticate, "Bearer")
			return x.RejectDetail(contract.CodeTokenInvalid, 0, "The authoriser does not know the caller")
		}
		return x.RejectDetail(contract.CodeForbidden, 0, "The authoriser does not allow this")
	}
	kind := ""
	for _, n := range p.denial {
		v, ok := field(a.header, n.String())
		switch {
		case !ok || v == "":
		case n == policy.ContentType:
			kind = v
		case n == policy.SetCookie:
			for _, one := range a.header["Set-Cookie"] {
				x.Response().Header.Add(n, one)
			}
		default:
			x.Response().Header.Set(n, v)
		}
	}
	if len(a.body) == 0 {
		kind = ""
	}
	return x.Answer(a.status, kind, a.body)
}
