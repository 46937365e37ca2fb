package tenant

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// LinkedIdentity is an account of a sign-in provider that signs a user in. Issuer and
// subject name it for ever; its address is what the provider gave when it was
// linked, and decides nothing afterwards.
type LinkedIdentity struct {
	ID        string
	UserID    string
	Provider  string // name in the operator's configuration
	Issuer    string
	Subject   string
	Email     string
	UsedAt    time.Time
	CreatedAt time.Time
}

// External is what a sign-in provider said of somebody. Whoever makes one has
// checked that the provider said it, to this browser, just now.
type External struct {
	Provider      string
	Issuer        string
	Subject       string
	Email         string
	EmailVerified bool // by the provider
	Name          string
}

// name is what the user is called at first.
func (e *External) name() string {
	var errs contract.FieldErrors
	if checkTitle("/name", e.Name, &errs); len(errs) > 0 {
		return ""
	}
	return e.Name
}

// Outcome is what came of a sign-in by a provider.
type Outcome int

// Outcomes.
const (
	// SignedIn: the identity was linked before.
	SignedIn Outcome = iota + 1
	// Created: the address was new, a user was made.
	Created
	// AccountExists: the address has an account that the identity is not linked
	// to. Its owner has to sign in to it first.
	AccountExists
	// Unverified: the provider does not vouch for the address.
	Unverified
)
