package main

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keyring holds the signing keys, newest last.
type keyring struct {
	mu   sync.Mutex // guards keys and made
	keys []signingKey
	made int
}

// rotate adds a key that signs from now on.
func (k *keyring) rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	k.keys = append(k.keys, signingKey{id: fmt.Sprintf("key-%d", k.made), private: private})
	return nil
}

// retire unpublishes every key but the newest.
func (k *keyring) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = k.keys[len(k.keys)-1:]
}

func (k *keyring) ids() (out []string) {
	for _, key := range k.all() {
		out = append(out, key.id)
	}
	return out
}

func (k *keyring) all() []signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]signingKey(nil), k.keys...)
}

// signingKey is op.SigningKey; publicKey, its other half, is op.Key.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return &k.private.PublicKey }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }

var (
	_ op.SigningKey = signingKey{}
	_ op.Key        = publicKey{}
)
