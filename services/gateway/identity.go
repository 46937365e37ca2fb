package gateway

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
)

// Identity is a caller as an OIDC provider knows it.
type Identity struct {
	Issuer  string // the token's iss, byte for byte
	Subject string // its sub, or the claim that the jwt policy names callers by
}

// IdentityRecord is an identity with what edges know it by.
type IdentityRecord struct {
	Identity
	KID    uint64
	Hash   [32]byte
	Pepper uint8
}

// MaxIdentities bounds the identities of one consumer.
const MaxIdentities = 20

func checkIdentities(list []Identity) (errs contract.FieldErrors) {
	if len(list) > MaxIdentities {
		errs.Add("/identities", fmt.Sprintf("has %d entries, at most %d are allowed", len(list), MaxIdentities))
	}
	seen := map[Identity]bool{}
	for i, v := range list {
		at := contract.Pointer("identities", i)
		if v.Issuer == "" || len(v.Issuer) > contract.MaxIssuer || !strings.HasPrefix(v.Issuer, "https://") && !strings.HasPrefix(v.Issuer, "http://") || !plain(v.Issuer) {
			errs.Add(at+"/issuer", fmt.Sprintf("must be the issuer's URL, as tokens have it, of at most %d bytes", contract.MaxIssuer))
		}
		if v.Subject == "" || len(v.Subject) > contract.MaxSubject || !plain(v.Subject) {
			errs.Add(at+"/subject", fmt.Sprintf("must be 1 to %d bytes without control characters", contract.MaxSubject))
		}
		if seen[v] {
			errs.Add(at, "is listed twice")
		}
		seen[v] = true
	}
	return errs
}

// plain reports whether s is UTF-8 without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// identityRecords are a consumer's identities as edges know them.
func (s *Consumers) identityRecords(g *Gateway, list []Identity) []IdentityRecord {
	out := make([]IdentityRecord, len(list))
	for i, v := range list {
		out[i] = IdentityRecord{Identity: v, Pepper: contract.PepperVersion}
		out[i].KID, out[i].Hash = contract.IdentityKID(s.pepper, g.Num, v.Issuer, v.Subject)
	}
	return out
}
