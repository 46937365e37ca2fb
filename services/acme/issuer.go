package acme

import (
	"context"
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
)

// issuer makes one host's order. It implements certmagic.Issuer.
type issuer struct {
	w       *Worker
	storage *storage
	host    string
	solver  solver
	// replaces is the certificate that the order is to replace (RFC 9773 5); empty:
	// none.
	replaces string
}

// solver answers challenges.
type solver interface {
	// choose takes one of an authorization's challenges.
	choose(all []acmeclient.Challenge) (acmeclient.Challenge, error)
	// present makes the answer to be had; the returned function takes it away again.
	present(ctx context.Context, ch acmeclient.Challenge) (cleanUp func(context.Context) error, err error)
}

var _ certmagic.Issuer = (*issuer)(nil)

// IssuerKey names the authority in storage.
func (i *issuer) IssuerKey() string { return issuerKey(i.w.cfg.Directory) }

func issuerKey(directory string) string {
	sum := sha256.Sum256([]byte(directory))
	return "acme-" + hex.EncodeToString(sum[:8])
}

// Where an order under way and the key that its certificate is for are kept.
const (
	orderKey = "order"
	keyKey   = "order-key"
)

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
	if err != nil { // it has come to nothing
		err = errors.Join(err, i.forgetOrder(ctx))
	}
	return cert, err
}

// forgetOrder drops the order under way with its key: when it has failed, and once
// its certificate is stored.
func (i *issuer) forgetOrder(ctx context.Context) error {
	return errors.Join(i.storage.Delete(ctx, orderKey), i.storage.Delete(ctx, keyKey))
}

// open finds the order that an earlier attempt left, or makes one. Its address is
// stored before anything is done with it.
func (i *issuer) open(ctx context.Context, acc acmeclient.Account) (acmeclient.Order, error) {
	if text, err := i.storage.Load(ctx, orderKey); err == nil {
		var kept acmeclient.Order
		if json.Unmarshal(text, &kept.Location) == nil && kept.Location != "" {
			kept, err = i.w.client.GetOrder(ctx, acc, kept)
			if err == nil && kept.Status != acmeclient.StatusInvalid {
				return kept, nil
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return acmeclient.Order{}, err
	}
	order := acmeclient.Order{Identifiers: []acmeclient.Identifier{{Type: "dns", Value: i.host}}, Replaces: i.replaces}
	order, err := i.w.client.NewOrder(ctx, acc, order)
	if t := problemType(err); i.replaces != "" && t != "" && t != acmeclient.ProblemTypeRateLimited && t != acmeclient.ProblemTypeAccountDoesNotExist {
		// It was replaced already, or the authority knows it no more.
		order, err = i.w.client.NewOrder(ctx, acc, acmeclient.Order{Identifiers: []acmeclient.Identifier{{Type: "dns", Value: i.host}}})
	}
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
	if order.Status == acmeclient.StatusPending {
		for _, u := range order.Authorizations {
			if err := i.authorize(ctx, acc, u); err != nil {
				return nil, err
			}
		}
	}
	order, err := i.finalize(ctx, acc, order, csr)
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

// finalize has the certificate made, or waits for one that an earlier attempt had
// made: it is for the same key.
func (i *issuer) finalize(ctx context.Context, acc acmeclient.Account, order acmeclient.Order, csr []byte) (acmeclient.Order, error) {
	if order.Status == acmeclient.StatusPending || order.Status == acmeclient.StatusReady {
		return i.w.client.FinalizeOrder(ctx, acc, order, csr)
	}
	for order.Status == acmeclient.StatusProcessing {
		t := time.NewTimer(i.w.client.PollInterval)
		select {
		case <-ctx.Done():
			t.Stop()
			return order, ctx.Err()
		case <-t.C:
		}
		var err error
		if order, err = i.w.client.GetOrder(ctx, acc, order); err != nil {
			return order, err
		}
	}
	if order.Status != acmeclient.StatusValid {
		return order, fmt.Errorf("the order is %s", order.Status)
	}
	return order, nil
}

// authorize answers one challenge and waits for the authority's verdict.
func (i *issuer) authorize(ctx context.Context, acc acmeclient.Account, u string) error {
	authz, err := i.w.client.GetAuthorization(ctx, acc, u)
	if err != nil || authz.Status == acmeclient.StatusValid {
		return err
	}
	ch, err := i.solver.choose(authz.Challenges)
	if err != nil {
		return err
	}
	cleanUp, err := i.solver.present(ctx, ch)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		if err := cleanUp(end); err != nil {
			i.w.cfg.Logger.Warn("the answer to a challenge is left behind", "host", i.host, "error", err)
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
