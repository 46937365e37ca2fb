package tenant

import (
	"fmt"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Token is a management token without its secret.
type Token struct {
	ID           string
	Organization core.OrganizationID
	UserID       string // who made it; it dies when that user leaves
	KID          uint64
	Hash         []byte // contract.HashKey under the token pepper
	Name         string
	Scopes       []string // permissions; "*" for all of its maker's
	ExpiresAt    time.Time
	UsedAt       time.Time // to the minute
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Prefix is what may be shown of the token.
func (t *Token) Prefix() string { return contract.TokenPrefix + contract.FormatKID(t.KID) }

// TokenInput makes a management token.
type TokenInput struct {
	Name      string
	Scopes    []string // at least one
	ExpiresAt time.Time
}

// MaxTokenScopes bounds a token's scopes.
const MaxTokenScopes = 64

// Validate names every bad field. Whether a scope exists is the caller's table.
func (in *TokenInput) Validate(now time.Time) error {
	var errs contract.FieldErrors
	checkTitle("/name", in.Name, &errs)
	if len(in.Scopes) == 0 || len(in.Scopes) > MaxTokenScopes {
		errs.Add("/scopes", "must name from 1 to 64 permissions, or \"*\"")
	}
	for i, s := range in.Scopes {
		if s == "" || len(s) > 64 || strings.ContainsAny(s, " \t\r\n") {
			errs.Add(fmt.Sprintf("/scopes/%d", i), "must be a permission such as gateways:read")
		}
	}
	if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		errs.Add("/expires_at", "must be in the future")
	}
	return core.Invalid(errs.Err())
}

// NewToken is a token with the secret that is shown once.
type NewToken struct {
	Token
	Secret string // tgm_…
}

// Identity is who a management token stands for, at the moment it is used.
type Identity struct {
	Token Token
	User  User
	Role  Role // the maker's role now
}
