package jwt

import (
	"errors"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// refreshing in a Slot's first number: this request fetches the keys ahead.
const refreshing = 1

// OnRequest decides on a token that was verified before; another one waits.
func (p *jwtPolicy) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	t, f := bearer(x.Request())
	if f.bad() {
		return p.refuse(x, f)
	}
	now := x.Now()
	if p.issuer.usable(now) == nil {
		return x.Wait()
	}
	hash := memo.Key(&p.print, t)
	e := p.issuer.tokens.Get(&hash)
	if e == nil || !e.Good(now, p.wall().Unix()) {
		return x.Wait()
	}
	if p.issuer.takeRefresh(now) {
		s.N[0] = refreshing
		return x.Wait()
	}
	who, ok := e.known.Peek(now)
	if !ok {
		return x.Wait()
	}
	return p.decide(x, e, who)
}

// Await verifies a token never seen, and fetches keys.
func (p *jwtPolicy) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	t, f := bearer(x.Request())
	if f.bad() {
		return p.refuse(x, f)
	}
	now := x.Now()
	p.issuer.restore(p.keep, now, p.wall())
	if s.N[0] == refreshing || p.issuer.takeRefresh(now) {
		// Whatever comes of it, the keys at hand still serve this request.
		_ = p.issuer.fetch(b, p.fetch, now, wanted{})
	}
	hash := memo.Key(&p.print, t)
	e := p.issuer.tokens.Get(&hash)
	if e == nil || p.issuer.usable(now) == nil || !e.Good(now, p.wall().Unix()) {
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

// bearer returns the token of the Authorization field (RFC 6750 2.1).
func bearer(r *policy.Request) (t policy.Text, f fault) {
	v, ok := r.Header.Get(policy.Authorization)
	if !ok || !v.HasPrefixFold("Bearer ") {
		return t, fault{code: contract.CodeTokenMissing}
	}
	t = v.Slice(len("Bearer "), v.Len()).Trim()
	switch {
	case t.Empty():
		return t, fault{code: contract.CodeTokenMissing}
	case t.Len() > maxToken:
		return t, invalid("The token is longer than 8 KiB")
	}
	return t, fault{}
}

// verify checks a token from its first byte to its signature and keeps the
// verdict.
func (p *jwtPolicy) verify(b policy.Blocking, raw string, hash [32]byte, now int64) (*entry, fault) {
	t, err := parseToken(raw)
	if err != nil {
		return nil, invalid("The token is malformed")
	}
	wall := p.wall()
	if f := p.checkClaims(t, wall); f.bad() {
		return nil, f
	}
	k, err := p.issuer.find(b, p.fetch, t.header, now)
	switch {
	case errors.Is(err, errUnknown):
		return nil, invalid("The token's key is not one of the issuer's")
	case err != nil:
		return nil, fault{code: contract.CodeProviderUnavailable}
	}
	// Expiry and audience were checked above, against several audiences and with
	// the skew on both sides.
	v := oidc.NewVerifier(p.config.Issuer, k, &oidc.Config{
		SupportedSigningAlgs: []string{t.header.alg}, SkipClientIDCheck: true, SkipExpiryCheck: true,
	})
	if _, err := v.Verify(b.Context(), raw); err != nil {
		return nil, invalid("The token's signature does not verify")
	}
	e := p.judge(t, hash, k)
	p.issuer.tokens.Put(e, now, wall.Unix())
	return e, fault{}
}

// decide acts on a verdict.
func (p *jwtPolicy) decide(x *policy.Exchange, e *entry, who *policy.Principal) policy.Action {
	switch {
	case e.fault.bad():
		return p.refuse(x, e.fault)
	case p.config.RequireConsumer && caller.Unmatched(who):
		return p.refuse(x, fault{code: contract.CodeForbidden, detail: noConsumerText})
	}
	x.SetPrincipal(who)
	h := x.Request().Header
	if !p.config.ForwardToken {
		h.Del(policy.Authorization)
	}
	for i := range p.headers {
		// What the client sent under the name goes, whether the claim is there or not.
		if e.values[i] == "" {
			h.Del(p.headers[i].name)
		} else {
			h.Set(p.headers[i].name, e.values[i])
		}
	}
	return x.Next()
}

// refuse answers with the challenge of RFC 6750 3.
func (p *jwtPolicy) refuse(x *policy.Exchange, f fault) policy.Action {
	h := x.Response().Header
	switch info := f.code.Info(); {
	case f.code == contract.CodeTokenMissing:
		h.Set(policy.WWWAuthenticate, "Bearer")
	case info.Status == 401:
		h.Set(policy.WWWAuthenticate, `Bearer error="invalid_token"`)
	case f.scope:
		h.Set(policy.WWWAuthenticate, p.challenge)
	}
	return x.RejectDetail(f.code, 0, f.detail)
}
