package keystore

import (
	"context"
	"crypto/subtle"
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// keys is the view of one gateway: it implements policy.Keys.
type keys struct {
	s       *Store
	gateway uint64
	test    bool
	strict  func() bool
	pace    *pace
}

var _ policy.Keys = (*keys)(nil)

// Gateway returns the keys of one gateway: those of any other are unknown to it,
// and test keys are good on test gateways only. While the source is down, records
// that would have to be confirmed are accepted, but not where strict says so.
func (s *Store) Gateway(num uint64, test bool, strict func() bool) policy.Keys {
	if strict == nil {
		strict = func() bool { return false }
	}
	return &keys{s: s, gateway: num, test: test, strict: strict, pace: s.misses.gateway(num)}
}

// Peek implements policy.Keys.
func (k *keys) Peek(key policy.Text, now int64) policy.KeyResult {
	h := k.s.hashers.Get().(*hasher)
	defer k.s.hashers.Put(h)
	p, ok := h.parse(key)
	if !ok || p.Test != k.test {
		return policy.KeyResult{}
	}
	return k.peek(h, p, now)
}

func (k *keys) peek(h *hasher, p contract.ParsedKey, now int64) policy.KeyResult {
	s := k.s
	a := s.shard(p.KID).table.Load().get(p.KID)
	if a == nil {
		if s.negative.has(p.KID, now) {
			// As much work as for a known key with a wrong secret.
			subtle.ConstantTimeCompare(h.hash(), s.dummy[:])
			return policy.KeyResult{}
		}
		if a = s.promote(p.KID); a == nil {
			return policy.KeyResult{State: policy.KeyCold}
		}
	}
	return k.check(a, h)
}

// check judges the secret first and the key's state after it, so that only its
// holder learns of the state.
func (k *keys) check(a *active, h *hasher) policy.KeyResult {
	s := k.s
	if !k.genuine(a, h) {
		return policy.KeyResult{}
	}
	if a.confirmed.Load() != s.epoch.Load() && !(s.cfg.Source.Down() && !k.strict()) {
		return policy.KeyResult{State: policy.KeyCold}
	}
	return k.verdict(a)
}

// genuine reports whether the caller holds the key's secret and the key is this
// gateway's.
func (k *keys) genuine(a *active, h *hasher) bool {
	return subtle.ConstantTimeCompare(h.hash(), a.hash[:]) == 1 && a.gateway == k.gateway && a.test == k.test && !a.identity
}

// verdict judges a genuine key's state.
func (k *keys) verdict(a *active) policy.KeyResult {
	if a.principal == nil {
		return policy.KeyResult{State: policy.KeyRevoked, Owner: a.owner}
	}
	if !a.principal.Alive() {
		return policy.KeyResult{State: policy.KeyRevoked, Owner: a.principal}
	}
	if a.notBefore|a.expires != 0 {
		wall := k.s.cfg.Wall()
		if wall < a.notBefore {
			return policy.KeyResult{}
		}
		if a.expires != 0 && wall >= a.expires {
			return policy.KeyResult{State: policy.KeyExpired, Owner: a.principal}
		}
	}
	if !a.used.Load() {
		a.used.Store(true)
	}
	return policy.KeyResult{State: policy.KeyOK, Principal: a.principal}
}

// Load implements policy.Keys.
func (k *keys) Load(b policy.Blocking, key policy.Text, client netip.Addr) policy.KeyResult {
	return k.load(b.Context(), key, client)
}

func (k *keys) load(ctx context.Context, key policy.Text, client netip.Addr) policy.KeyResult {
	s := k.s
	h := s.hashers.Get().(*hasher)
	defer s.hashers.Put(h)
	p, ok := h.parse(key)
	if !ok || p.Test != k.test {
		return policy.KeyResult{}
	}
	// A record can need confirming again at once when another gap is found.
	for range 3 {
		now := s.cfg.Now()
		if r := k.peek(h, p, now); r.State != policy.KeyCold {
			return r
		}
		a := s.shard(p.KID).table.Load().get(p.KID)
		if a == nil && !s.misses.allow(client, k.pace, now) {
			return policy.KeyResult{State: policy.KeyThrottled}
		}
		switch s.fill(ctx, p.KID) {
		case filled:
		case unknown:
			s.misses.miss(client, k.pace, now)
			subtle.ConstantTimeCompare(h.hash(), s.dummy[:])
			return policy.KeyResult{}
		default:
			// What is known now: a notice may have come meanwhile.
			if a = s.shard(p.KID).table.Load().get(p.KID); a != nil && !k.strict() && k.genuine(a, h) {
				return k.verdict(a)
			}
			return policy.KeyResult{State: policy.KeyUnavailable}
		}
	}
	return policy.KeyResult{State: policy.KeyUnavailable}
}
