package basic

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Bounds of a hash: who may write a gateway's secrets may not make the edge slow.
const (
	maxMemory  = 64 << 10 // KiB
	maxPasses  = 10
	maxThreads = 8
	maxCost    = 12 // of bcrypt
	// maxPassword is the longest password, in bytes; bcrypt reads 72 of them.
	maxPassword = 512
)

// secret is what a password is compared with.
type secret struct {
	plain  string
	bcrypt []byte
	argon  *argon
	bad    bool // a hash that can't be used: no password is right
}

// argon is a hash in the form of the reference implementation
// ($argon2id$v=19$m=65536,t=3,p=4$SALT$HASH).
type argon struct {
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

// parseSecret reads what a gateway's secret holds.
func parseSecret(s string) secret {
	switch {
	case strings.HasPrefix(s, "$argon2"):
		a, ok := parseArgon(s)
		return secret{argon: a, bad: !ok}
	case strings.HasPrefix(s, "$2a$"), strings.HasPrefix(s, "$2b$"), strings.HasPrefix(s, "$2y$"):
		cost, err := bcrypt.Cost([]byte(s))
		return secret{bcrypt: []byte(s), bad: err != nil || cost > maxCost}
	}
	return secret{plain: s, bad: s == ""}
}

func parseArgon(s string) (*argon, bool) {
	a := &argon{}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return nil, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.passes, &a.threads); n != 3 || err != nil {
		return nil, false
	}
	var err, err2 error
	a.salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	a.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	ok := err == nil && err2 == nil && len(a.salt) >= 8 && len(a.salt) <= 64 && len(a.sum) >= 16 && len(a.sum) <= 64 &&
		a.memory >= 8 && a.memory <= maxMemory && a.passes >= 1 && a.passes <= maxPasses && a.threads >= 1 && a.threads <= maxThreads
	return a, ok
}

// slow reports whether comparing takes milliseconds.
func (s *secret) slow() bool { return !s.bad && (s.argon != nil || s.bcrypt != nil) }

// right compares in a time that does not depend on the password.
func (s *secret) right(password []byte, salt *[32]byte) bool {
	switch {
	case s.bad:
		return false
	case s.argon != nil:
		a := s.argon
		got := argon2.IDKey(password, a.salt, a.passes, a.memory, a.threads, uint32(len(a.sum)))
		return subtle.ConstantTimeCompare(got, a.sum) == 1
	case s.bcrypt != nil:
		return len(password) <= 72 && bcrypt.CompareHashAndPassword(s.bcrypt, password) == nil
	}
	mac := func(b []byte) []byte {
		h := hmac.New(sha256.New, salt[:])
		h.Write(b)
		return h.Sum(nil)
	}
	return hmac.Equal(mac(password), mac([]byte(s.plain)))
}
