package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	acmeclient "github.com/mholt/acmez/v3/acme"
)

// keptAccount is the account as it is stored.
type keptAccount struct {
	Location string `json:"location,omitempty"` // empty: not registered yet
	Key      []byte `json:"key"`                // PKCS #8
}

func (w *Worker) accountStorage() (*storage, string) {
	return &storage{store: w.cfg.Store, key: w.cfg.Key, prefix: "accounts", holder: w.cfg.Holder}, issuerKey(w.cfg.Directory)
}

// registered returns the installation's account, registering it the first time:
// one account for all workers.
func (w *Worker) registered(ctx context.Context) (acmeclient.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.account != nil {
		return *w.account, nil
	}
	st, at := w.accountStorage()
	if err := st.Lock(ctx, at); err != nil {
		return acmeclient.Account{}, err
	}
	defer func() {
		if err := st.Unlock(ctx, at); err != nil {
			w.cfg.Logger.Warn("the account's lock stays until its end", "error", err)
		}
	}()
	kept, key, err := loadAccount(ctx, st, at)
	if err != nil {
		return acmeclient.Account{}, err
	}
	acc := acmeclient.Account{Location: kept.Location, PrivateKey: key, TermsOfServiceAgreed: true}
	if w.cfg.Email != "" {
		acc.Contact = []string{"mailto:" + w.cfg.Email}
	}
	if acc.Location == "" {
		if w.cfg.EABKeyID != "" {
			if err := acc.SetExternalAccountBinding(ctx, w.client, acmeclient.EAB{KeyID: w.cfg.EABKeyID, MACKey: w.cfg.EABKey}); err != nil {
				return acc, fmt.Errorf("bind the external account: %w", err)
			}
		}
		if acc, err = w.client.NewAccount(ctx, acc); err != nil {
			return acc, fmt.Errorf("register at the authority: %w", err)
		}
		kept.Location = acc.Location
		if err := storeAccount(ctx, st, at, kept); err != nil {
			return acc, err
		}
	}
	w.account = &acc
	return acc, nil
}

// loadAccount reads the account, or begins one: its key is stored before the
// authority hears of it.
func loadAccount(ctx context.Context, st *storage, at string) (kept keptAccount, key crypto.Signer, err error) {
	text, err := st.Load(ctx, at)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return kept, nil, fmt.Errorf("make the account's key: %w", err)
		}
		if kept.Key, err = x509.MarshalPKCS8PrivateKey(k); err != nil {
			return kept, nil, fmt.Errorf("encode the account's key: %w", err)
		}
		return kept, k, storeAccount(ctx, st, at, kept)
	}
	if err != nil {
		return kept, nil, err
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return kept, nil, fmt.Errorf("decode the account: %w", err)
	}
	k, err := x509.ParsePKCS8PrivateKey(kept.Key)
	if err != nil {
		return kept, nil, fmt.Errorf("decode the account's key: %w", err)
	}
	key, ok := k.(crypto.Signer)
	if !ok {
		return kept, nil, errors.New("the account's key can't sign")
	}
	return kept, key, nil
}

func storeAccount(ctx context.Context, st *storage, at string, kept keptAccount) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode the account: %w", err)
	}
	return st.Store(ctx, at, text)
}

// forget drops an account that the authority does not know any more.
func (w *Worker) forget(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.account = nil
	st, at := w.accountStorage()
	return st.Delete(ctx, at)
}
