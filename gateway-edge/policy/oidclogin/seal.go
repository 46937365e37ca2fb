package oidclogin

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
)

// A sealed value is, in base64url: version (1), id of the key (4), nonce (24), and
// XChaCha20-Poly1305 of the text. Its nonces are random, which 24 bytes have room
// for whatever the number of sessions.
const (
	sealVersion = 1
	keyIDBytes  = 4
	sealHead    = 1 + keyIDBytes + chacha20poly1305.NonceSizeX
)

// purpose keeps what is sealed for one use from another one.
type purpose string

const (
	forSession purpose = "session"
	forLogin   purpose = "login"
)

var errSealed = errors.New("the cookie is not one of this gateway's")

// sealer seals with its first key and opens with each.
type sealer struct {
	of   []string // whose cookies: part of what a seal covers
	keys []sealKey
}

type sealKey struct {
	id   [keyIDBytes]byte
	aead cipher.AEAD
}

// newSealer derives a key of its own for each secret, organization, gateway, issuer
// and client (RFC 5869).
func newSealer(of, secrets []string) (*sealer, error) {
	s := &sealer{of: of}
	info := memo.Print(append([]string{"tollgate oidc_login key 1"}, of...)...)
	for _, secret := range secrets {
		b, err := hkdf.Key(sha256.New, []byte(secret), nil, string(info[:]), chacha20poly1305.KeySize+keyIDBytes)
		if err != nil {
			return nil, err
		}
		aead, err := chacha20poly1305.NewX(b[:chacha20poly1305.KeySize])
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, sealKey{id: [keyIDBytes]byte(b[chacha20poly1305.KeySize:]), aead: aead})
	}
	return s, nil
}

// covers is what a seal covers beside the text.
func (s *sealer) covers(p purpose) []byte {
	sum := memo.Print(append([]string{string(p)}, s.of...)...)
	return sum[:]
}

// seal returns text for a cookie.
func (s *sealer) seal(p purpose, text []byte) string {
	out := make([]byte, sealHead, sealHead+len(text)+chacha20poly1305.Overhead)
	k := &s.keys[0]
	out[0] = sealVersion
	copy(out[1:], k.id[:])
	nonce := out[1+keyIDBytes : sealHead]
	_, _ = rand.Read(nonce) // it never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(out, nonce, text, s.covers(p)))
}

// open returns the text of what seal made for the same purpose.
func (s *sealer) open(p purpose, value string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(b) < sealHead || b[0] != sealVersion {
		return nil, errSealed
	}
	for i := range s.keys {
		k := &s.keys[i]
		if [keyIDBytes]byte(b[1:]) != k.id {
			continue
		}
		if text, err := k.aead.Open(nil, b[1+keyIDBytes:sealHead], b[sealHead:], s.covers(p)); err == nil {
			return text, nil
		}
	}
	return nil, errSealed
}
