package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// ConsumerUnmatched stands for the consumer of requests whose token was good but
// whose identity belongs to no consumer of the gateway: they are told apart from
// requests without any credential, whose consumer is 0. No consumer has the number.
const ConsumerUnmatched uint64 = 1 << 62

// Bounds of an OIDC identity, in bytes.
const (
	MaxIssuer  = 512
	MaxSubject = 255 // OpenID Connect Core 1.0, section 2
)

// kids is how many numbers ten base 62 digits can write.
const kids = 839299365868340224

// IdentityKID is the number and the hash under which the record of an OIDC
// identity is kept, made of the gateway's number, the issuer and the subject
// under the pepper: whoever reads Redis learns neither, and a collision of
// numbers shows by the hash.
func IdentityKID(pepper *[32]byte, gateway uint64, issuer, subject string) (kid uint64, hash [32]byte) {
	h := hmac.New(sha256.New, pepper[:])
	var n [8]byte
	write := func(p string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	write("oidc identity")
	binary.BigEndian.PutUint64(n[:], gateway)
	h.Write(n[:])
	write(issuer)
	write(subject)
	h.Sum(hash[:0])
	// The number is not a part of the hash, so that it tells nothing of it.
	d := sha256.Sum256(append([]byte("kid"), hash[:]...))
	return binary.BigEndian.Uint64(d[:8]) % kids, hash
}
