package introspection

import (
	"errors"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// throttled is how long a client with too many tokens that are none is told to
// wait.
const throttled = 10 * time.Second

// OnRequest decides on a token that was asked about before; another one waits.
func (p *opaque) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	t, code := bearer(x.Request())
	if code != 0 {
		return p.rules.Refuse(x, code, "", false)
	}
	now := x.Now()
	hash := memo.Key(&p.print, t)
	if e := p.state.tokens.Get(&hash); e != nil && e.Good(now, p.wall().Unix()) {
		if who, ok := e.known.Peek(now); ok {
			return p.decide(x, e, who)
		}
		return x.Wait()
	}
	switch {
	case p.state.clients.Held(x.Client(), now):
		return x.RejectDetail(contract.CodeRateLimited, throttled, "Too many tokens that are not valid")
	case now < p.state.retryAt.Load():
		return x.Reject(contract.CodeProviderUnavailable, 0)
	}
	return x.Wait()
}

// Await asks the server.
func (p *opaque) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	t, code := bearer(x.Request())
	if code != 0 {
		return p.rules.Refuse(x, code, "", false)
	}
	now := x.Now()
	hash := memo.Key(&p.print, t)
	e := p.state.tokens.Get(&hash)
	if e == nil || !e.Good(now, p.wall().Unix()) {
		var err error
		if e, err = p.ask(b, hash, t.Clone(), now); err != nil {
			if errors.Is(err, errRefused) {
				p.state.clients.Failed(x.Client(), now)
			}
			if x.Tracing() {
				x.TraceDetail(err.Error())
			}
			return x.Reject(contract.CodeProviderUnavailable, 0)
		}
		if e.code == contract.CodeTokenInvalid {
			p.state.clients.Failed(x.Client(), now)
		}
	}
	if e.code != 0 || e.granted.Refused != "" {
		return p.decide(x, e, nil)
	}
	who, available := e.known.Find(b, now)
	if !available && p.config.RequireConsumer {
		return x.Reject(contract.CodeProviderUnavailable, 0)
	}
	return p.decide(x, e, who)
}

// bearer returns the token, if it can be one of the server's: what has another
// character than RFC 6750 2.1 allows, or is one of our own keys, is shown to nobody.
func bearer(r *policy.Request) (policy.Text, contract.Code) {
	t, code := grant.Bearer(r, memo.MaxSecret)
	if code != 0 {
		return t, code
	}
	if t.HasPrefix(contract.KeyPrefixLive) || t.HasPrefix(contract.KeyPrefixTest) {
		return t, contract.CodeTokenInvalid
	}
	for i := range t.Len() {
		if c := t.At(i); !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/' || c == '=') {
			return t, contract.CodeTokenInvalid
		}
	}
	return t, 0
}

// decide acts on a verdict.
func (p *opaque) decide(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	switch {
	case e.code != 0:
		return p.rules.Refuse(x, e.code, "", false)
	case !e.granted.HeldBy(x):
		return p.rules.Refuse(x, contract.CodeTokenInvalid, "The token is bound to a key or a certificate that the connection does not show", false)
	case e.granted.Refused != "":
		return p.rules.Refuse(x, contract.CodeForbidden, e.granted.Refused, e.granted.LacksScope)
	case p.config.RequireConsumer && caller.Unmatched(who):
		return x.RejectDetail(contract.CodeForbidden, 0, "The token's caller is not a consumer of this gateway")
	}
	x.SetPrincipal(who)
	h := x.Request().Header
	if !p.config.ForwardToken {
		h.Del(policy.Authorization)
	}
	p.rules.Apply(h, &e.granted)
	return x.Next()
}
