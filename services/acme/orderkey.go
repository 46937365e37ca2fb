package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"

	"github.com/caddyserver/certmagic"
)

// orderKeys makes the key of an order's certificate, and stores it before the
// authority hears of it: a certificate that was made for a worker which died then is
// good for the next one.
type orderKeys struct{ storage *storage }

var _ certmagic.KeyGenerator = orderKeys{}

// GenerateKey returns the key of the order under way, or makes one.
func (k orderKeys) GenerateKey() (crypto.PrivateKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpTime)
	defer cancel()
	text, err := k.storage.Load(ctx, keyKey)
	if err == nil {
		key, err := x509.ParsePKCS8PrivateKey(text)
		if err != nil {
			return nil, fmt.Errorf("decode the order's key: %w", err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate's key: %w", err)
	}
	if text, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("encode a certificate's key: %w", err)
	}
	return key, k.storage.Store(ctx, keyKey, text)
}
