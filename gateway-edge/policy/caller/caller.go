package caller

import (
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// How long a caller counts as no consumer's before it is asked for again: an
// identity that is made meanwhile comes by the stream, so that this bounds only
// what the stream lost; and how long when nobody could be asked.
const (
	absentFor     = int64(30 * time.Second)
	unansweredFor = int64(5 * time.Second)
)

// Known is a caller whose credential was found good. It must not be copied.
type Known struct {
	principal  *policy.Principal // the credential's, of no consumer
	identity   policy.Identity
	identities policy.Identities // nil: callers are of no consumer

	matched atomic.Pointer[owned] // the caller's consumer, once it is known
	// absent is the CLOCK_BOOTTIME until which the caller is known to be no
	// consumer's, unless the stream says otherwise.
	absent atomic.Int64
}

// owned is a caller as the consumer that owns its identity.
type owned struct {
	from      *policy.Principal // the identity's
	principal *policy.Principal // the credential's, with the consumer
}

// Set says who it is: once, before the Known is shared. With identities the
// caller counts as unmatched until a consumer is found by issuer and subject.
func (k *Known) Set(p *policy.Principal, identities policy.Identities, issuer, subject string) {
	k.principal, k.identities = p, identities
	if identities != nil {
		p.Consumer = contract.ConsumerUnmatched
		k.identity = identities.Identity(issuer, subject)
	}
}

// Principal is the credential's own principal; nil before Set.
func (k *Known) Principal() *policy.Principal { return k.principal }

// Peek returns the caller's principal, with its consumer where one owns the
// identity; ok is false when that has to be asked for. It does not allocate but
// for a consumer that is new.
func (k *Known) Peek(now int64) (who *policy.Principal, ok bool) {
	if k.identities == nil || k.principal == nil {
		return k.principal, true
	}
	r := k.identities.PeekIdentity(&k.identity)
	switch r.State {
	case policy.KeyOK:
		return k.as(r.Principal), true
	case policy.KeyCold:
		return k.principal, now < k.absent.Load()
	}
	return k.principal, true
}

// Load asks for the caller's consumer. One that nobody can be asked about goes as
// no consumer's for a moment; available is false then.
func (k *Known) Load(b policy.Blocking, now int64) (who *policy.Principal, available bool) {
	r := k.identities.LoadIdentity(b, &k.identity)
	switch r.State {
	case policy.KeyOK:
		return k.as(r.Principal), true
	case policy.KeyUnavailable:
		k.absent.Store(now + unansweredFor)
		return k.principal, false
	}
	k.absent.Store(now + absentFor)
	return k.principal, true
}

// Find is Peek, and Load where that can't tell.
func (k *Known) Find(b policy.Blocking, now int64) (who *policy.Principal, available bool) {
	if who, ok := k.Peek(now); ok {
		return who, true
	}
	return k.Load(b, now)
}

// End kills what runs under the credential.
func (k *Known) End() {
	if k.principal != nil {
		k.principal.Kill()
	}
	if m := k.matched.Load(); m != nil {
		m.principal.Kill()
	}
}

// as returns the credential's principal with a consumer.
func (k *Known) as(from *policy.Principal) *policy.Principal {
	if m := k.matched.Load(); m != nil && m.from == from {
		return m.principal
	}
	t := k.principal
	m := &owned{from: from, principal: &policy.Principal{
		Kind: t.Kind, KeyDisplay: t.KeyDisplay, Scopes: t.Scopes, Claims: t.Claims, Expires: t.Expires,
		Consumer: from.Consumer, ConsumerName: from.ConsumerName, UsagePlan: from.UsagePlan, Identity: from.Identity, Of: from,
	}}
	k.matched.Store(m)
	if !k.principal.Alive() {
		m.principal.Kill() // the credential died meanwhile
	}
	return m.principal
}

// Unmatched reports whether a principal is no consumer's.
func Unmatched(p *policy.Principal) bool {
	return p.Consumer == 0 || p.Consumer == contract.ConsumerUnmatched
}
