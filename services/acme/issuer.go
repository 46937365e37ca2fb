package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/caddyserver/certmagic"
	acmeclient "github.com/mholt/acmez/v3/acme"

	"github.com/tollgate/tollgate/services/contract"
)

// issuer makes one domain's order. It implements certmagic.Issuer.
type issuer struct {
	w       *Worker
	storage *storage
	job     Job
}

var _ certmagic.Issuer = (*issuer)(nil)

// IssuerKey names the authority in storage.
func (i *issuer) IssuerKey() string { return issuerKey(i.w.cfg.Directory) }

func issuerKey(directory string) string {
	sum := sha256.Sum256([]byte(directory))
	return "acme-" + hex.EncodeToString(sum[:8])
}

// orderKey is where an order under way is kept.
const orderKey = "order"

// Issue orders a certificate for a signing request, or goes on with the order that
// an earlier attempt began.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	acc, err := i.w.registered(ctx)
	if err != nil {
		return nil, err
	}
	order, err := i.open(ctx, acc)
	if err != nil {
		if problemType(err) == acmeclient.ProblemTypeAccountDoesNotExist {
			err = errors.Join(err, i.w.forget(ctx))
		}
		return nil, err
	}
	cert, err := i.carry(ctx, acc, order, csr.Raw)
	if err != nil && problemType(err) == "" {
		return nil, err // nothing is known of the order: the next attempt goes on with it
	}
	if gone := i.storage.Delete(ctx, orderKey); gone != nil && err == nil {
		err = gone
	}
	return cert, err
}

// open finds the order that an earlier attempt left, or makes one. Its address is
// stored before anything is done with it.
func (i *issuer) open(ctx context.Context, acc acmeclient.Account) (acmeclient.Order, error) {
	if text, err := i.storage.Load(ctx, orderKey); err == nil {
		var kept acmeclient.Order
		if json.Unmarshal(text, &kept.Location) == nil && kept.Location != "" {
			kept, err = i.w.client.GetOrder(ctx, acc, kept)
			if err == nil && (kept.Status == acmeclient.StatusPending || kept.Status == acmeclient.StatusReady) {
				return kept, nil
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return acmeclient.Order{}, err
	}
	order, err := i.w.client.NewOrder(ctx, acc, acmeclient.Order{Identifiers: []acmeclient.Identifier{{Type: "dns", Value: i.job.Host}}})
	if err != nil {
		return order, err
	}
	text, err := json.Marshal(order.Location)
	if err != nil {
		return order, fmt.Errorf("encode order: %w", err)
	}
	return order, i.storage.Store(ctx, orderKey, text)
}

// carry takes an order to its certificate.
func (i *issuer) carry(ctx context.Context, acc acmeclient.Account, order acmeclient.Order, csr []byte) (*certmagic.IssuedCertificate, error) {
	for _, u := range order.Authorizations {
		if err := i.authorize(ctx, acc, u); err != nil {
			return nil, err
		}
	}
	order, err := i.w.client.FinalizeOrder(ctx, acc, order, csr)
	if err != nil {
		return nil, err
	}
	chains, err := i.w.client.GetCertificateChain(ctx, acc, order.Certificate)
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errors.New("the authority sent no certificate")
	}
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: map[string]string{"url": chains[0].URL}}, nil
}

// authorize answers one challenge and waits for the authority's verdict.
func (i *issuer) authorize(ctx context.Context, acc acmeclient.Account, u string) error {
	authz, err := i.w.client.GetAuthorization(ctx, acc, u)
	if err != nil || authz.Status == acmeclient.StatusValid {
		return err
	}
	ch, err := choose(authz.Challenges, i.job.Attempts)
	if err != nil {
		return err
	}
	c := contract.Challenge{Host: i.job.Host, Type: ch.Type, Token: ch.Token, KeyAuth: ch.KeyAuthorization}
	if err := i.w.cfg.Challenges.Present(ctx, c); err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		if err := i.w.cfg.Challenges.CleanUp(end, c); err != nil {
			i.w.cfg.Logger.Debug("a challenge is left to its end", "host", c.Host, "error", err)
		}
	}()
	if ch.Status == acmeclient.StatusPending {
		if _, err := i.w.client.InitiateChallenge(ctx, acc, ch); err != nil {
			return err
		}
	}
	_, err = i.w.client.PollAuthorization(ctx, acc, authz)
	return err
}

// choose takes HTTP-01 first, and each time that an order failed the other one.
func choose(all []acmeclient.Challenge, attempts int) (acmeclient.Challenge, error) {
	want := []string{contract.ChallengeHTTP, contract.ChallengeALPN}
	if attempts%2 == 1 {
		want[0], want[1] = want[1], want[0]
	}
	for _, t := range want {
		for _, c := range all {
			if c.Type == t {
				return c, nil
			}
		}
	}
	return acmeclient.Challenge{}, errors.New("the authority offers no challenge that edges can answer (HTTP-01, TLS-ALPN-01)")
}

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

// problemType is the type of the authority's problem document; "" for none.
func problemType(err error) string {
	var p acmeclient.Problem
	if errors.As(err, &p) {
		return p.Type
	}
	return ""
}

// rateLimitPause is how long an order waits that the authority had too many of.
const rateLimitPause = time.Hour
