package jwt

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// How long a caller counts as no consumer's before it is asked for again: an
// identity that is made meanwhile comes by the stream, so that this bounds only
// what the stream lost; and how long when nobody could be asked.
const (
	absentFor      = int64(30 * time.Second)
	unansweredFor  = int64(5 * time.Second)
	noConsumerText = "The token's caller is not a consumer of this gateway"
)

// owned is a token's caller as the consumer that owns its identity.
type owned struct {
	from      *policy.Principal // the identity's
	principal *policy.Principal // the token's, with the consumer
}

// end kills what runs under the token.
func (e *entry) end() {
	if e.principal != nil {
		e.principal.Kill()
	}
	if m := e.matched.Load(); m != nil {
		m.principal.Kill()
	}
}

// who returns the principal of a verdict, with its consumer where one owns the
// caller's identity; ok is false when that has to be asked for.
func (p *jwtPolicy) who(e *entry, now int64) (who *policy.Principal, ok bool) {
	if p.identities == nil || e.fault.bad() {
		return e.principal, true
	}
	r := p.identities.PeekIdentity(&e.identity)
	switch r.State {
	case policy.KeyOK:
		return e.as(r.Principal), true
	case policy.KeyCold:
		return e.principal, now < e.absent.Load()
	}
	return e.principal, true
}

// ask asks for the caller's consumer. One that nobody can be asked about goes as
// no consumer's for a moment, as all callers with a token did before identities
// were known; available is false then.
func (p *jwtPolicy) ask(b policy.Blocking, e *entry, now int64) (who *policy.Principal, available bool) {
	r := p.identities.LoadIdentity(b, &e.identity)
	switch r.State {
	case policy.KeyOK:
		return e.as(r.Principal), true
	case policy.KeyUnavailable:
		e.absent.Store(now + unansweredFor)
		return e.principal, false
	}
	e.absent.Store(now + absentFor)
	return e.principal, true
}

// as returns the token's principal with a consumer.
func (e *entry) as(from *policy.Principal) *policy.Principal {
	if m := e.matched.Load(); m != nil && m.from == from {
		return m.principal
	}
	t := e.principal
	m := &owned{from: from, principal: &policy.Principal{
		Kind: policy.KindToken, KeyDisplay: t.KeyDisplay, Scopes: t.Scopes, Claims: t.Claims, Expires: t.Expires,
		Consumer: from.Consumer, ConsumerName: from.ConsumerName, UsagePlan: from.UsagePlan, Identity: from.Identity, Of: from,
	}}
	e.matched.Store(m)
	if !e.principal.Alive() {
		m.principal.Kill() // the token's key died meanwhile
	}
	return m.principal
}

// unmatched reports whether a principal is no consumer's.
func unmatched(p *policy.Principal) bool {
	return p.Consumer == 0 || p.Consumer == contract.ConsumerUnmatched
}
