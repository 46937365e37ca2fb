package keystore

import (
	"sync/atomic"
	"weak"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// active is a key in use: what a request needs, decoded once. It is immutable but
// for its atomic parts; a change of the key puts another one in its place.
type active struct {
	kid, version, gateway uint64
	hash                  [32]byte
	notBefore, expires    int64 // Unix milliseconds; 0: no bound
	state                 byte
	test                  bool
	identity              bool // of a token's caller; no key opens it

	principal *policy.Principal // nil unless the key is active
	owner     *policy.Principal // of a key that is no longer active; dead
	// older are principals of former versions: requests and tunnels may still
	// hold them, so a revocation must reach them too.
	older []weak.Pointer[policy.Principal]

	confirmed atomic.Uint32 // the key epoch in which this was known to be true
	used      atomic.Bool   // since the last sweep
}

// removed stands in a slot whose key was evicted.
var removed = &active{kid: ^uint64(0)}

func newActive(r *contract.KeyRecord) *active {
	a := &active{
		kid: r.KID, version: r.Version, gateway: r.Gateway, hash: r.Hash,
		notBefore: r.NotBefore, expires: r.Expires, state: r.State, test: r.Test, identity: r.Kind == contract.RecordIdentity,
	}
	switch {
	case r.State != contract.KeyActive:
		a.owner = &policy.Principal{Kind: policy.KindAPIKey, Key: r.KID, KeyDisplay: display(r), Consumer: r.Consumer, ConsumerName: r.ConsumerRef, Test: r.Test}
		a.owner.Kill()
	case a.identity:
		a.principal = &policy.Principal{
			Kind: policy.KindToken, Consumer: r.Consumer, ConsumerName: r.ConsumerRef, UsagePlan: r.UsagePlan, Test: r.Test, Identity: r.KID,
		}
	default:
		a.principal = &policy.Principal{
			Kind: policy.KindAPIKey, Key: r.KID, KeyDisplay: display(r), Consumer: r.Consumer,
			ConsumerName: r.ConsumerRef, UsagePlan: r.UsagePlan, Scopes: r.Scopes,
			Expires: r.Expires, Rotated: r.Rotated, Test: r.Test, LimitsOf: r.LimitsOf,
		}
		if !r.Limits.None() {
			a.principal.Limits = &r.Limits
		}
	}
	return a
}

func display(r *contract.KeyRecord) string {
	prefix := contract.KeyPrefixLive
	if r.Test {
		prefix = contract.KeyPrefixTest
	}
	return prefix + contract.FormatKID(r.KID)
}

// inherit takes over the principals of the key's former version; those are killed
// when the key is no longer active. parked are the ones of an evicted version.
func (a *active) inherit(old *active, parked []weak.Pointer[policy.Principal]) {
	if old != nil {
		parked = append(parked, old.older...)
		if old.principal != nil {
			parked = append(parked, weak.Make(old.principal))
		}
	}
	for _, w := range parked {
		p := w.Value()
		switch {
		case p == nil || p == a.principal:
		case a.principal == nil:
			p.Kill()
		default:
			a.older = append(a.older, w)
		}
	}
}

// table finds keys in use without a lock. Only the shard's holder changes it.
type table struct {
	slots []atomic.Pointer[active]
	n     int // in use or removed
}

func (t *table) get(kid uint64) *active {
	if t == nil {
		return nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := mix(kid) & mask; ; i = (i + 1) & mask {
		a := t.slots[i].Load()
		if a == nil {
			return nil
		}
		if a.kid == kid {
			return a
		}
	}
}

// put stores a in its slot and returns the table to be used from now on: a larger
// one when this one is crowded.
func (t *table) put(a *active) *table {
	if t == nil || (t.n+1)*10 > len(t.slots)*7 {
		t = t.grown()
	}
	mask := uint64(len(t.slots) - 1)
	for i := mix(a.kid) & mask; ; i = (i + 1) & mask {
		old := t.slots[i].Load()
		if old == nil || old.kid == a.kid {
			if old == nil {
				t.n++
			}
			t.slots[i].Store(a)
			return t
		}
	}
}

func (t *table) grown() *table {
	live := 0
	if t != nil {
		for i := range t.slots {
			if a := t.slots[i].Load(); a != nil && a != removed {
				live++
			}
		}
	}
	size := 16
	for size*4 < (live+1)*10 {
		size *= 2
	}
	out := &table{slots: make([]atomic.Pointer[active], size)}
	if t != nil {
		for i := range t.slots {
			if a := t.slots[i].Load(); a != nil && a != removed {
				out.put(a)
			}
		}
	}
	return out
}

// remove takes the key out of its slot.
func (t *table) remove(kid uint64) {
	if t == nil {
		return
	}
	mask := uint64(len(t.slots) - 1)
	for i := mix(kid) & mask; ; i = (i + 1) & mask {
		a := t.slots[i].Load()
		if a == nil {
			return
		}
		if a.kid == kid {
			t.slots[i].Store(removed)
			return
		}
	}
}
