package tenant

import (
	"net/mail"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// User is somebody who signs in.
type User struct {
	ID           string
	Email        string // as it was given
	Name         string // shown to other members; may be empty
	PasswordHash string // argon2id; empty for who signs in by a provider only
	VerifiedAt   time.Time
	// SecondFactorAt is when the second factor was turned on; zero: it is off.
	SecondFactorAt time.Time
	// LastOrganization is the id of the organization chosen last: a hint that
	// gives no right.
	LastOrganization string
	Revision         uint64
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Verified says whether the user has proved the address.
func (u *User) Verified() bool { return !u.VerifiedAt.IsZero() }

// HasPassword says whether the user can sign in with a password.
func (u *User) HasPassword() bool { return u.PasswordHash != "" }

// SecondFactor says whether signing in needs a code, too.
func (u *User) SecondFactor() bool { return !u.SecondFactorAt.IsZero() }

// EmailKey is the form by which addresses are compared: lower case. Two
// addresses that differ only in case are one account.
func EmailKey(email string) string { return strings.ToLower(email) }

// checkEmail accepts a plain ASCII address with one "@" and a dotted or
// single-label domain; quoted local parts, comments, display names, address
// literals and non-ASCII letters are refused, since mail systems and look-alikes
// disagree about them.
func checkEmail(pointer, s string, errs *contract.FieldErrors) {
	const bad = "must be an e-mail address such as ada@example.com"
	if len(s) > 254 || strings.Count(s, "@") != 1 {
		errs.Add(pointer, bad)
		return
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			errs.Add(pointer, bad)
			return
		}
	}
	local, domain, _ := strings.Cut(s, "@")
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(local) > 64 || !hostname(domain) {
		errs.Add(pointer, bad)
	}
}

// hostname says whether s is letters, digits and inner hyphens in labels.
func hostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' {
				return false
			}
		}
	}
	return true
}
