package policy

import (
	"sync/atomic"

	"github.com/tollgate/tollgate/services/contract"
)

// PrincipalKind says how a caller was recognised.
type PrincipalKind uint8

// Kinds of principals.
const (
	KindAPIKey PrincipalKind = iota + 1
	KindToken
)

// Locals of a principal: runtime state that hangs on it without a lock.
const (
	LocalMeter = iota
	LocalLimit
	LocalKeyLimits
	localFree3
	numLocals
)

// Principal is who calls. It is made once for each active credential, shared by
// all its requests, immutable but for its atomic state, and may be kept.
type Principal struct {
	Kind         PrincipalKind
	Key          uint64 // kid of the API key; 0: none
	KeyDisplay   string // what may be shown of the credential
	Consumer     uint64 // 0: none
	ConsumerName string
	UsagePlan    uint64 // numeric usage plan; 0: none
	Scopes       []string
	Claims       map[string]any // of a token; never changed
	Expires      int64          // Unix milliseconds; 0: never
	Rotated      bool           // the old key of a rotation
	Test         bool
	// Limits are the key's own, nil for none: each that is set stands in for the
	// usage plan's of its kind. LimitsOf is the kid that they are counted under,
	// 0 for Key.
	Limits   *contract.KeyLimits
	LimitsOf uint64

	// Identity is the number of a token's OIDC identity that belongs to Consumer; 0:
	// there is none.
	Identity uint64
	// Of is another principal whose end is this one's too; nil: none.
	Of *Principal

	// Locals are slots for runtime state of the meter and the limits, stored
	// once and read without a lock.
	Locals [numLocals]atomic.Value

	dead atomic.Bool
}

// Alive reports whether the credential is still good: it turns false at once
// when it is revoked.
func (p *Principal) Alive() bool { return !p.dead.Load() && (p.Of == nil || !p.Of.dead.Load()) }

// Kill makes Alive false for ever.
func (p *Principal) Kill() { p.dead.Store(true) }

// HasScope reports whether scope is among p's scopes.
func (p *Principal) HasScope(scope string) bool {
	for _, s := range p.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}
