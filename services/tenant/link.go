package tenant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"time"
)

// Kinds of one-time links.
const (
	linkVerify = "verify"
	linkReset  = "reset"
	linkInvite = "invite"
	linkEmail  = "email"
)

// How long what is mailed works.
const (
	verifyLasts = 7 * 24 * time.Hour
	resetLasts  = 30 * time.Minute
	inviteLasts = 7 * 24 * time.Hour
	emailLasts  = 24 * time.Hour
)

// Link is a one-time link in a mail; only the hash of its secret is kept.
type Link struct {
	Hash      []byte
	Kind      string
	UserID    string
	Data      string // of linkEmail: the new address
	ExpiresAt time.Time
}

// newSecret returns 256 random bits for a link.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// linkHash is the stored form of a link's secret.
func (s *Service) linkHash(kind, secret string) []byte {
	h := hmac.New(sha256.New, s.linkKey[:])
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(secret))
	return h.Sum(nil)
}

// linkURL is the address that a mail shows. Its base is configured: a Host or
// X-Forwarded-Host header of the request that asked for the mail has no part in it.
func (s *Service) linkURL(page, secret string) string {
	return s.base + page + "?token=" + url.QueryEscape(secret)
}
