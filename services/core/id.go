package core

import (
	"fmt"

	"github.com/google/uuid"
)

// OrganizationID is the tenant that a row belongs to. It stands right after the
// context in every Store method, so that no query can forget it.
type OrganizationID string

// crockford is the lower-case alphabet of Crockford's base 32: its order is the
// order of the values, so that identities sort by the time they were made.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

const idDigits = 26 // 128 bits in base 32, the first digit holds 3

// NewID makes an identity: prefix, "_" and the 26 base-32 characters of a new
// UUIDv7 (RFC 9562). Identities made later sort after those made before, to the
// millisecond. It panics when the system has no random numbers.
func NewID(prefix string) string {
	u := uuid.Must(uuid.NewV7())
	b := make([]byte, 0, len(prefix)+1+idDigits)
	b = append(append(b, prefix...), '_')
	var digits [idDigits]byte
	var acc uint32
	bits, at := 0, idDigits
	for i := len(u) - 1; i >= 0; i-- {
		acc |= uint32(u[i]) << bits
		for bits += 8; bits >= 5; bits -= 5 {
			at--
			digits[at] = crockford[acc&31]
			acc >>= 5
		}
	}
	digits[0] = crockford[acc&31]
	return string(append(b, digits[:]...))
}

// CheckID says whether s has the form that NewID gives for prefix.
func CheckID(prefix, s string) error {
	if len(s) != len(prefix)+1+idDigits || s[:len(prefix)] != prefix || s[len(prefix)] != '_' {
		return fmt.Errorf("%.64q is not an id that begins with %s_", s, prefix)
	}
	for i := len(prefix) + 1; i < len(s); i++ {
		if !isCrockford(s[i]) {
			return fmt.Errorf("%.64q is not an id that begins with %s_", s, prefix)
		}
	}
	return nil
}

func isCrockford(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'i' && c != 'l' && c != 'o' && c != 'u'
}

// Prefixes of identities.
const (
	PrefixOrganization = "org"
	PrefixUser         = "usr"
	PrefixGateway      = "gw"
	PrefixUpstream     = "up"
	PrefixRoute        = "rt"
	PrefixUsagePlan    = "upl"
	PrefixStream       = "str"
	PrefixSecret       = "sec"
	PrefixCertificate  = "crt"
	PrefixDomain       = "dom"
	PrefixIdentity     = "idn" // "idn_" and 10 characters, as of a key
	PrefixConsumer     = "con"
	PrefixKey          = "key" // "key_" and the 10 characters of the kid
	PrefixAudit        = "aud"
)
