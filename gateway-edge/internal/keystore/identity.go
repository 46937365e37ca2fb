package keystore

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

var _ policy.Identities = (*keys)(nil)

// Identities returns the OIDC identities of one gateway's consumers. They are
// records like keys: the same fills, notices and tombstones hold for them.
func (s *Store) Identities(num uint64, test bool, strict func() bool) policy.Identities {
	return s.Gateway(num, test, strict).(*keys)
}

// Identity implements policy.Identities.
func (k *keys) Identity(issuer, subject string) policy.Identity {
	kid, hash := contract.IdentityKID(&k.s.cfg.Keys.Pepper, k.gateway, issuer, subject)
	return policy.Identity{KID: kid, Hash: hash}
}

// PeekIdentity implements policy.Identities.
func (k *keys) PeekIdentity(id *policy.Identity) policy.KeyResult {
	s := k.s
	a := s.shard(id.KID).table.Load().get(id.KID)
	if a == nil {
		if a = s.promote(id.KID); a == nil {
			return policy.KeyResult{State: policy.KeyCold}
		}
	}
	if a.confirmed.Load() != s.epoch.Load() && !(s.cfg.Source.Down() && !k.strict()) {
		return policy.KeyResult{State: policy.KeyCold}
	}
	return k.identify(a, id)
}

// identify judges a record. Another record under the same number is none of this
// identity's.
func (k *keys) identify(a *active, id *policy.Identity) policy.KeyResult {
	if !a.identity || a.hash != id.Hash || a.gateway != k.gateway {
		return policy.KeyResult{}
	}
	return k.verdict(a)
}

// LoadIdentity implements policy.Identities. Only callers with a good token come
// here, so nobody is held back.
func (k *keys) LoadIdentity(b policy.Blocking, id *policy.Identity) policy.KeyResult {
	s := k.s
	for range 3 {
		if r := k.PeekIdentity(id); r.State != policy.KeyCold {
			return r
		}
		switch s.fill(b.Context(), id.KID) {
		case filled:
		case unknown:
			return policy.KeyResult{}
		default:
			if a := s.shard(id.KID).table.Load().get(id.KID); a != nil && !k.strict() {
				return k.identify(a, id)
			}
			return policy.KeyResult{State: policy.KeyUnavailable}
		}
	}
	return policy.KeyResult{State: policy.KeyUnavailable}
}
