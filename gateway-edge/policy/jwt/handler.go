package jwt

import (
	"errors"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
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
	if p.trusted[in].state.takeRefresh(now) {
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
		if e := state.tokens.Get(hash); e != nil && state.usable(now) != nil && e.Good(now, p.wall().Unix()) {
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
		// Whatever comes of it, the keys at hand still serve this request.
		_ = p.trusted[in-1].state.fetch(b, p.fetch, now, wanted{})
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
	t, code := grant.Bearer(r, maxToken)
	if code == contract.CodeTokenInvalid {
		return t, invalid("The token is longer than 8 KiB")
	}
	return t, fault{code: code}
}

// verify checks a token from its first byte to its signature and keeps the
// verdict.
func (p *jwtPolicy) verify(b policy.Blocking, raw string, hash [32]byte, now int64) (*entry, fault) {
	t, err := parseToken(raw, p.config.Types)
	if err != nil {
		return nil, invalid("The token is malformed")
	}
	wall := p.wall()
	in, f := p.checkClaims(t, wall)
	if f.bad() {
		return nil, f
	}
	in.state.restore(p.keep, now, wall)
	if in.state.takeRefresh(now) {
		_ = in.state.fetch(b, p.fetch, now, wanted{}) // the keys at hand still serve
	}
	k, err := in.state.find(b, p.fetch, t.header, now)
	switch {
	case errors.Is(err, errUnknown):
		return nil, invalid("The token's key is not one of the issuer's")
	case err != nil:
		return nil, fault{code: contract.CodeProviderUnavailable}
	}
	// Expiry and audience were checked above, against several audiences and with
	// the leeway on both sides.
	v := oidc.NewVerifier(in.Issuer.Issuer, k, &oidc.Config{
		SupportedSigningAlgs: []string{t.header.alg}, SkipClientIDCheck: true, SkipExpiryCheck: true,
	})
	if _, err := v.Verify(b.Context(), raw); err != nil {
		return nil, invalid("The token's signature does not verify")
	}
	e := p.judge(in, t, hash, k)
	in.state.tokens.Put(e, now, wall.Unix())
	return e, fault{}
}

// decide acts on a verdict.
func (p *jwtPolicy) decide(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	switch {
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
