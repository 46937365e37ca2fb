package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Algorithms that may have signed a token; symmetric ones don't exist here.
var Algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// Bounds of a key set.
const (
	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 4096
)

// Key is one public key of an issuer. It lives as long as the issuer publishes
// it and a grace beyond, across refreshes.
type Key struct {
	kid    string
	alg    string // what the issuer says it is for; "" when it does not
	public any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	// until is the CLOCK_BOOTTIME at which it dies, 0 while it is published.
	until atomic.Int64
}

// Alive reports whether the key may still be used.
func (k *Key) Alive(now int64) bool {
	until := k.until.Load()
	return until == 0 || now < until
}

// fits reports whether a token's algorithm belongs to this kind of key, and to
// the use that the issuer gave it: the algorithm is pinned on both sides.
func (k *Key) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		of, ok := map[string]string{"P-256": oidc.ES256, "P-384": oidc.ES384, "P-521": oidc.ES512}[pub.Params().Name]
		return ok && alg == of
	case ed25519.PublicKey:
		return alg == oidc.EdDSA
	}
	return false
}

func (k *Key) equal(other *Key) bool {
	if k.alg != other.alg {
		return false
	}
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		return pub.Equal(other.public)
	case *ecdsa.PublicKey:
		return pub.Equal(other.public)
	case ed25519.PublicKey:
		return pub.Equal(other.public)
	}
	return false
}

// VerifySignature makes a key an oidc.KeySet of one: it was chosen by kid and
// algorithm before.
func (k *Key) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, 0, len(Algorithms))
	for _, a := range Algorithms {
		if k.fits(a) {
			algs = append(algs, jose.SignatureAlgorithm(a))
		}
	}
	jws, err := jose.ParseSignedCompact(raw, algs)
	if err != nil {
		return nil, err
	}
	return jws.Verify(k.public)
}

var _ oidc.KeySet = (*Key)(nil)

// keySet is an issuer's keys as of one moment.
type keySet struct {
	byKid   map[string]*Key
	unnamed []*Key // without a kid
	fetched int64  // CLOCK_BOOTTIME, ns
}

// find returns the key for a token's header; nil when there is none. A token
// without kid is taken only where the issuer has one key.
func (s *keySet) find(h Header, now int64) *Key {
	if h.Kid != "" {
		if k := s.byKid[h.Kid]; k != nil && k.Alive(now) && k.fits(h.Alg) {
			return k
		}
		return nil
	}
	var only *Key
	for _, k := range s.all() {
		if k.until.Load() != 0 {
			continue // it left the set
		}
		if only != nil {
			return nil
		}
		only = k
	}
	if only == nil || !only.fits(h.Alg) {
		return nil
	}
	return only
}

func (s *keySet) all() []*Key {
	out := append(make([]*Key, 0, len(s.byKid)+len(s.unnamed)), s.unnamed...)
	for _, k := range s.byKid {
		out = append(out, k)
	}
	return out
}

var errNoKeys = errors.New("the key set holds no usable key")

// parseKeys reads a JWK set (RFC 7517). Keys of other kinds, for encryption, too
// weak or malformed are left out; a kid that two different keys share names
// neither.
func parseKeys(raw []byte) (*keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("the key set is not JSON: %w", err)
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, at most %d are read", len(doc.Keys), maxKeys)
	}
	s := &keySet{byKid: map[string]*Key{}}
	shared := map[string]bool{}
	for _, one := range doc.Keys {
		k, ok := parseKey(one)
		switch {
		case !ok:
		case k.kid == "":
			s.unnamed = append(s.unnamed, k)
		case s.byKid[k.kid] != nil && !s.byKid[k.kid].equal(k):
			shared[k.kid] = true
		default:
			s.byKid[k.kid] = k
		}
	}
	for kid := range shared {
		delete(s.byKid, kid)
	}
	if len(s.byKid)+len(s.unnamed) == 0 {
		return nil, errNoKeys
	}
	return s, nil
}

func parseKey(raw json.RawMessage) (*Key, bool) {
	var j jose.JSONWebKey
	if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" || len(j.KeyID) > maxKid {
		return nil, false
	}
	pub := j.Public()
	k := &Key{kid: j.KeyID, alg: j.Algorithm, public: pub.Key}
	switch p := pub.Key.(type) {
	case *rsa.PublicKey:
		bits := p.N.BitLen()
		return k, bits >= minRSABits && bits <= maxRSABits && p.E >= 3 && p.E&1 == 1
	case *ecdsa.PublicKey:
		return k, pub.Valid()
	case ed25519.PublicKey:
		return k, pub.Valid() // go-jose refuses points of small order
	}
	return nil, false
}
