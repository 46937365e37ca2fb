package oidclogin

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	noConsumerText = "Who signed in is not a consumer of this gateway"
	awayText       = "The sign-in provider can't be reached at the moment"
	awayFor        = 5 * time.Second
)

// OnRequest decides on a session that was opened before; anything else waits. The
// Slot's first number is 1 where this request renews the tokens.
func (p *login) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	if p.own(x) {
		if x.Explaining() {
			x.TraceDetail("one of the policy's own paths: nobody is signed in or out by a question")
			return x.Answer(302, "", nil)
		}
		return x.Wait()
	}
	c := p.session(x)
	if c.n == 0 || c.bad {
		return p.enter(x, contract.CodeTokenMissing)
	}
	hash := p.hash(&c)
	e := p.state.sessions.Get(&hash)
	if e == nil {
		return x.Wait()
	}
	unix := p.wall().Unix()
	if next := e.next.Load(); next != nil {
		e, s.P = next.entry, next
	}
	switch at := e.renew.Load(); {
	case e.over.Load() || !e.Good(0, unix):
		return p.enter(x, contract.CodeTokenExpired)
	case e.expired(unix) && !x.Explaining():
		return x.Wait()
	case at != 0 && unix >= at && !x.Explaining() && e.renew.CompareAndSwap(at, unix+renewAgain):
		s.N[0] = 1
		return x.Wait()
	}
	if e.granted.Refused != "" {
		return p.decide(x, e, nil)
	}
	who, ok := e.known.Peek(x.Now())
	if !ok {
		return x.Wait()
	}
	return p.decide(x, e, who)
}

// enter is for a request without a session: a page that is opened waits, to be sent
// to the provider; any other request is refused.
func (p *login) enter(x *policy.Exchange, code contract.Code) policy.Action {
	switch {
	case !navigates(x.Request()):
		return x.Reject(code, 0)
	case x.Explaining():
		x.TraceDetail("the browser is sent to the provider to sign in")
		return x.Answer(302, "", nil)
	}
	return x.Wait()
}

// Await does what may take time.
func (p *login) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	path := x.Request().Path
	switch {
	case path.Is(p.config.CallbackPath):
		return p.callback(b, x)
	case path.Is(p.config.LogoutPath):
		return p.logout(b, x)
	}
	c := p.session(x)
	if c.n == 0 || c.bad {
		return p.begin(b, x)
	}
	hash, value := p.hash(&c), ""
	e := p.state.sessions.Get(&hash)
	unix := p.wall().Unix()
	if e == nil {
		value = string(c.appendTo(nil))
		if e = p.admit(value, hash, x.Now(), unix); e == nil {
			return p.again(b, x, contract.CodeTokenInvalid)
		}
	}
	if next, _ := s.P.(*renewal); next != nil {
		e = next.entry
	}
	if e.over.Load() || !e.Good(0, unix) {
		return p.again(b, x, contract.CodeTokenExpired)
	}
	if s.N[0] == 1 || e.expired(unix) {
		switch next, err := p.renew(b, e, x.Now()); {
		case err == nil:
			e, s.P = next.entry, next
		case !e.expired(unix): // what is at hand still serves
		case err == errRefused:
			return p.again(b, x, contract.CodeTokenExpired)
		default:
			return p.away(x, err)
		}
	}
	if e.granted.Refused != "" {
		return p.decide(x, e, nil)
	}
	who, available := e.known.Find(b, x.Now())
	if !available && p.config.RequireConsumer {
		return x.Reject(contract.CodeKeyStoreUnavailable, 0)
	}
	return p.decide(x, e, who)
}

// admit opens a session and remembers it; nil: it is none of ours.
func (p *login) admit(value string, hash [32]byte, now, unix int64) *entry {
	held := p.opened(value)
	if held == nil {
		return nil
	}
	e := p.judge(held, hash)
	if e != nil {
		p.state.sessions.Put(e, now, unix)
	}
	return e
}

// again is for a request whose session is no good any more.
func (p *login) again(b policy.Blocking, x *policy.Exchange, code contract.Code) policy.Action {
	if navigates(x.Request()) {
		return p.begin(b, x)
	}
	return x.Reject(code, 0)
}

// away is for a request that can't go on without the provider.
func (p *login) away(x *policy.Exchange, err error) policy.Action {
	x.Note(err.Error())
	return x.RejectDetail(contract.CodeProviderUnavailable, awayFor, awayText)
}

// decide acts on a session.
func (p *login) decide(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	switch {
	case e.granted.Refused != "":
		return x.RejectDetail(contract.CodeForbidden, 0, e.granted.Refused)
	case p.config.RequireConsumer && caller.Unmatched(who):
		return x.RejectDetail(contract.CodeForbidden, 0, noConsumerText)
	}
	x.SetPrincipal(who)
	h := x.Request().Header
	strip(h)
	if p.config.ForwardAccessToken {
		h.Del(policy.Authorization)
		if e.bearer != "" {
			h.Set(policy.Authorization, e.bearer)
		}
	}
	if p.idSent {
		h.Set(p.idField, e.session.ID)
	}
	p.rules.Apply(h, &e.granted)
	return x.Next()
}

// OnResponse gives the browser the cookie of a session that was renewed.
func (p *login) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if next, _ := s.P.(*renewal); next != nil {
		p.setSession(x, next.value, next.entry.session.Ends-p.wall().Unix())
	}
	return x.Next()
}
