package apikey

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Key is one API key as it may be shown: never its secret.
type Key struct {
	ID        string // "key_" and the kid's 10 characters
	KID       uint64
	Prefix    string // what a holder recognises: "tg_live_<kid>"
	Name      string
	Gateway   Ref
	Consumer  Ref // empty when the consumer is gone
	UsagePlan Ref // the key's own; empty: its consumer's holds
	// Plan is the usage plan in force, nil for none.
	Plan      *contract.UsagePlan
	Scopes    []string
	Test      bool
	State     byte // contract.KeyActive, KeyRevoked, KeyDeleted
	NotBefore time.Time
	Expires   time.Time // zero: never
	Revoked   time.Time
	RotatedTo uint64 // kid of the key that replaces it; 0: none
	// Limits are its own; each stands in for the usage plan's of its kind.
	Limits contract.KeyLimits
	// LimitsOf is the kid that Limits are counted under: of the first key of a
	// chain of rotations. 0: the key's own.
	LimitsOf  uint64
	Version   uint64 // its revision
	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time

	Hash   [32]byte // HashKey under the pepper
	Pepper uint8
}

// Ref is another resource that a key belongs to.
type Ref struct {
	ID   string
	Num  uint64
	Name string
}

// ID writes a kid as the key's id.
func ID(kid uint64) string { return core.PrefixKey + "_" + contract.FormatKID(kid) }

// ParseID reads what ID wrote.
func ParseID(id string) (kid uint64, err error) {
	digits, ok := strings.CutPrefix(id, core.PrefixKey+"_")
	if ok {
		if kid, ok = contract.ParseKID(digits); ok {
			return kid, nil
		}
	}
	return 0, core.NotFound("key", id)
}

// States of a key as they are shown.
const (
	StatusActive  = "active"
	StatusPending = "pending" // before its first day
	StatusExpired = "expired"
	StatusRevoked = "revoked"
	StatusDeleted = "deleted" // with its consumer
)

// Status is what the key is worth at a moment.
func (k *Key) Status(now time.Time) string {
	switch {
	case k.State == contract.KeyRevoked:
		return StatusRevoked
	case k.State == contract.KeyDeleted:
		return StatusDeleted
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return StatusExpired
	case now.Before(k.NotBefore):
		return StatusPending
	}
	return StatusActive
}

// Issued is a new key with its secret, which is shown this once.
type Issued struct {
	Key    Key
	Secret string // the whole key, as it is sent in X-API-Key
}

// GatewayRef is what a key must know of its gateway.
type GatewayRef struct {
	Ref
	Test bool
}

// Store keeps keys. What does not exist, or is another organization's, is
// CodeNotFound.
type Store interface {
	Tx(ctx context.Context, fn func(Tx) error) error
	// TxInLine is Tx for what takes room of the organization.
	TxInLine(ctx context.Context, org core.OrganizationID, fn func(Tx) error) error
	// Gateway finds by id or name.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (GatewayRef, error)
	Key(ctx context.Context, org core.OrganizationID, gateway string, kid uint64) (*Key, error)
	// Keys finds a page of keys.
	Keys(ctx context.Context, org core.OrganizationID, gateway string, f Filter) (core.Found[Key], error)
}

// Tx is one transaction on keys.
type Tx interface {
	Gateway(org core.OrganizationID, ref string) (GatewayRef, error)
	// LockOrganization guards the number of a consumer's keys.
	LockOrganization(org core.OrganizationID) error
	// TakeRoom makes place for one more active key under the plan's limit; false
	// when there is none. It locks the organization.
	TakeRoom(org core.OrganizationID, limit int) (bool, error)
	// CountActive counts the keys that can be used now or later.
	CountActive(org core.OrganizationID) (int, error)
	// CountActiveOf counts likewise, of one consumer (by id).
	CountActiveOf(org core.OrganizationID, consumer string) (int, error)
	// ConsumerNamed and PlanNamed find by name, CodeNotFound; the consumer is kept
	// from being deleted until the transaction ends.
	ConsumerNamed(org core.OrganizationID, gateway, name string) (Ref, error)
	PlanNamed(org core.OrganizationID, gateway, name string) (Ref, error)
	LockKey(org core.OrganizationID, gateway string, kid uint64) (*Key, error)
	// CreateKey sets the times; a kid that is taken is CodeConflict.
	CreateKey(org core.OrganizationID, k *Key) error
	// SaveKey writes what may change of a key and sets UpdatedAt.
	SaveKey(org core.OrganizationID, k *Key) error
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Limits tells what an organization's subscription plan allows.
type Limits interface {
	Limits(ctx context.Context, org core.OrganizationID) (core.Limits, error)
}

// Bounds of scopes: a record holds at most contract.MaxScopes bytes of them.
const maxScopes = 32

func checkScopes(scopes []string) (errs contract.FieldErrors) {
	if len(scopes) > maxScopes {
		errs.Add("/scopes", "has more than 32 scopes")
	}
	total := 0
	for i, s := range scopes {
		total += len(s) + 1
		if err := checkScope(s); err != nil {
			errs.AddAt(contract.Pointer("scopes", i), err)
		}
	}
	if total > contract.MaxScopes {
		errs.Add("/scopes", "are longer than 1024 characters together")
	}
	return errs
}

// checkScope takes the characters of an OAuth 2.0 scope token (RFC 6749, 3.3).
func checkScope(s string) error {
	if s == "" || len(s) > core.MaxName {
		return errors.New("must be 1 to 128 characters")
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return errors.New(`may hold printable ASCII without spaces, " and \`)
		}
	}
	return nil
}
