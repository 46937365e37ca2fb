package tenant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/tollgate/tollgate/services/contract"
)

// TOTP is a user's secret of an authenticator app (RFC 6238: SHA-1, 6 digits,
// 30 seconds, which is what every app can do).
type TOTP struct {
	UserID string
	Sealed []byte // the secret in base 32, under the service's own key
	// LastStep is the newest time step whose code was used: neither it nor an
	// older one is taken again (RFC 6238, section 5.2).
	LastStep    int64
	ConfirmedAt time.Time // zero: enrolled, not in force
	CreatedAt   time.Time
}

const (
	totpPeriod = 30
	// totpSkew is how many steps a phone's clock may be off.
	totpSkew = 1
	// enrolLasts is how long an enrolment waits for its first code.
	enrolLasts = 15 * time.Minute
	// totpSecret is the secret's size in bytes, RFC 4226's recommendation.
	totpSecret = 20
)

// step is the number of the 30 seconds that a moment is in.
func step(t time.Time) int64 { return t.Unix() / totpPeriod }

// matchStep returns the step within the allowed skew whose code it is, newer than
// last; 0 for none. Every candidate is compared in constant time.
func matchStep(secret, code string, now time.Time, last int64) (int64, error) {
	found := int64(0)
	for s := step(now) - totpSkew; s <= step(now)+totpSkew; s++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(s*totpPeriod, 0), totp.ValidateOpts{
			Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			return 0, fmt.Errorf("compute code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			found = s
		}
	}
	return found, nil
}

// newTOTPKey makes a secret with the URI that apps read from a QR code.
func newTOTPKey(account string) (*otp.Key, error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: "Tollgate", AccountName: account, SecretSize: totpSecret, Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return nil, fmt.Errorf("generate secret: %w", err)
	}
	return key, nil
}

// Recovery codes: ten of 50 random bits, as "xxxxx-xxxxx".
const (
	recoveryCodes = 10
	recoverySize  = 10 // characters
)

var recoveryAlphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// newRecoveryCodes makes a set of codes as they are shown.
func newRecoveryCodes() []string {
	out := make([]string, recoveryCodes)
	for i := range out {
		b := make([]byte, 7)
		rand.Read(b) //nolint:errcheck // never fails since Go 1.24
		c := recoveryAlphabet.EncodeToString(b)[:recoverySize]
		out[i] = c[:recoverySize/2] + "-" + c[recoverySize/2:]
	}
	return out
}

// plainCode takes away what people add when they type a code.
func plainCode(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(s))
}

// recoveryHash is the stored form of a recovery code.
func (s *Service) recoveryHash(userID, code string) []byte {
	h := hmac.New(sha256.New, s.linkKey[:])
	h.Write([]byte("recovery\x00" + userID + "\x00" + plainCode(code)))
	return h.Sum(nil)
}

// openTOTP returns the secret.
func (s *Service) openTOTP(t *TOTP) (string, error) {
	b, err := contract.Open(s.totpKey, "totp "+t.UserID, t.Sealed)
	return string(b), err
}
