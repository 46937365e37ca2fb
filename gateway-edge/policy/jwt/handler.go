package jwt

import (
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest decides on a token that was verified before; another one waits. The
// Slot's first number is one more than the issuer whose keys this request fetches
// ahead.
func (p *jwtPolicy) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	t, f := bearer(x.Request())
	if f.bad() {
		return p.refuse(x, f)
	}
	now := x.Now()
	hash := memo.Key(&p.print, t)
	e, in := p.look(&hash, now)
	if e == nil {
		return x.Wait()
	}
	if p.trusted[in].state.TakeRefresh(now) {
		s.N[0] = uint64(in) + 1
		return x.Wait()
	}
	who, ok := e.known.Peek(now)
	if !ok {
		return x.Wait()
	}
	return p.decide(x, e, who)
}

// look finds the verdict on a token that still stands, and whose token it is.
func (p *jwtPolicy) look(hash *[32]byte, now int64) (e *entry, in int) {
	for i := range p.trusted {
		state := p.trusted[i].state
		if e := state.tokens.Get(hash); e != nil && state.Usable(now) && e.Good(now, p.wall().Unix()) {
			return e, i
		}
	}
	return nil, 0
}

// Await verifies a token never seen, and fetches keys.
func (p *jwtPolicy) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	t, f := bearer(x.Request())
	if f.bad() {
		return p.refuse(x, f)
	}
	now := x.Now()
	if in := s.N[0]; in > 0 {
		p.trusted[in-1].state.Refresh(b, p.fetch, now)
	}
	hash := memo.Key(&p.print, t)
	e, _ := p.look(&hash, now)
	if e == nil {
		if e, f = p.verify(b, t.Clone(), hash, now); f.bad() {
			return p.refuse(x, f)
		}
	}
	who, ok := e.known.Peek(now)
	if !ok {
		available := true
		if who, available = e.known.Load(b, now); !available && p.config.RequireConsumer {
			return p.refuse(x, fault{code: contract.CodeProviderUnavailable})
		}
	}
	return p.decide(x, e, who)
}

// bearer returns the token of the Authorization field.
func bearer(r *policy.Request) (policy.Text, fault) {
	t, code := grant.Bearer(r, provider.MaxToken)
	if code == contract.CodeTokenInvalid {
		return t, invalid("The token is longer than 8 KiB")
	}
	return t, fault{code: code}
}

// verify checks a token from its first byte to its signature and keeps the
// verdict.
func (p *jwtPolicy) verify(b policy.Blocking, raw string, hash [32]byte, now int64) (*entry, fault) {
	t, err := provider.ParseToken(raw, p.config.Types)
	if err != nil {
		return nil, invalid("The token is malformed")
	}
	wall := p.wall()
	in, f := p.checkClaims(t, wall)
	if f.bad() {
		return nil, f
	}
	// Issuer, expiry and audience were checked above, against several of them and with
	// the leeway on both sides.
	k, err := in.state.Verify(b, p.fetch, p.keep, t, now, wall)
	switch {
	case errors.Is(err, provider.ErrUnknown):
		return nil, invalid("The token's key is not one of the issuer's")
	case errors.Is(err, provider.ErrSignature):
		return nil, invalid("The token's signature does not verify")
	case err != nil:
		return nil, fault{code: contract.CodeProviderUnavailable}
	}
	e := p.judge(in, t, hash, k)
	in.state.tokens.Put(e, now, wall.Unix())
	return e, fault{}
}

// decide acts on a verdict.
func (p *jwtPolicy) decide(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	switch {
	case !e.granted.HeldBy(x):
		return p.refuse(x, invalid("The token is bound to a key or a certificate that the connection does not show"))
	case e.granted.Refused != "":
		return p.rules.Refuse(x, contract.CodeForbidden, e.granted.Refused, e.granted.LacksScope)
	case p.config.RequireConsumer && caller.Unmatched(who):
		return p.refuse(x, fault{code: contract.CodeForbidden, detail: noConsumerText})
	}
	x.SetPrincipal(who)
	h := x.Request().Header
	if !p.config.ForwardToken {
		h.Del(policy.Authorization)
	}
	p.rules.Apply(h, &e.granted)
	return x.Next()
}

func (p *jwtPolicy) refuse(x *policy.Exchange, f fault) policy.Action {
	return p.rules.Refuse(x, f.code, f.detail, false)
}
