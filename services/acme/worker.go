package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	acmeclient "github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of the work.
const (
	attemptTime = 3 * time.Minute
	cleanUpTime = 5 * time.Second
	pollEvery   = 300 * time.Millisecond
	purgeEvery  = time.Hour
	// DefaultParallel is how many orders are under way at once: they wait for the
	// authority most of the time.
	DefaultParallel = 48
)

// Job is one certificate that is due.
type Job struct {
	Organization core.OrganizationID
	Gateway      string // id
	Domain       string // id
	Host         string
	Attempts     int // that failed before
	Renewal      bool
	ChainPEM     string // of the certificate that the domain has; empty: none
}

// Result is how an order ended: one of certificate, problem and interruption.
type Result struct {
	ChainPEM, KeyPEM string
	Problem          string
	NotBefore        time.Time // when the next try may be made at the soonest; zero: as usual
	Interrupted      bool
}

// Domains knows what is due, and is told what came of it.
type Domains interface {
	Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]Job, error)
	Finish(ctx context.Context, j Job, r Result) error
}

// Challenges has the edges answer challenges.
type Challenges interface {
	Present(ctx context.Context, c contract.Challenge) error
	CleanUp(ctx context.Context, c contract.Challenge) error
}

// Config is what a Worker needs.
type Config struct {
	Directory        string // of the authority
	Email            string // may be empty
	Roots            *x509.CertPool
	EABKeyID, EABKey string
	Parallel         int // 0: DefaultParallel
	Holder           string
	Domains          Domains
	Challenges       Challenges
	Store            Store
	Key              [32]byte // encrypts what is stored
	Logger           *slog.Logger
}

// Worker orders certificates.
type Worker struct {
	cfg    Config
	client *acmeclient.Client
	cache  *certmagic.Cache

	mu      sync.Mutex // guards account
	account *acmeclient.Account
}

// New makes a worker; Run runs it.
func New(c Config) (*Worker, error) {
	if c.Directory == "" || c.Domains == nil || c.Challenges == nil || c.Store == nil || c.Holder == "" || c.Logger == nil {
		return nil, errors.New("acme: directory, domains, challenges, store, holder and logger are required")
	}
	if c.Parallel == 0 {
		c.Parallel = DefaultParallel
	}
	w := &Worker{cfg: c}
	w.client = &acmeclient.Client{
		Directory: c.Directory, UserAgent: "Tollgate", PollInterval: 500 * time.Millisecond, PollTimeout: attemptTime,
		HTTPClient: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: c.Parallel, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		}},
	}
	return w, nil
}

// Run orders what is due until ctx ends, then waits for what is under way.
func (w *Worker) Run(ctx context.Context) error {
	// certmagic's cache is for servers; it stays empty here, and nothing of it runs
	// but an hourly look at nothing.
	w.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return nil, errors.New("nothing is cached") },
		Logger:           zap.NewNop(),
	})
	defer w.cache.Stop()
	places := make(chan struct{}, w.cfg.Parallel)
	var orders sync.WaitGroup
	defer orders.Wait()
	failing, purged := false, time.Time{}
	for ctx.Err() == nil {
		jobs, err := w.cfg.Domains.Claim(ctx, w.cfg.Holder, lockFor, cap(places)-len(places))
		if err != nil && !failing && ctx.Err() == nil {
			w.cfg.Logger.Warn("certificates that are due can't be read", "error", err)
		}
		failing = err != nil
		for _, j := range jobs {
			places <- struct{}{}
			orders.Go(func() {
				defer func() { <-places }()
				w.order(ctx, j)
			})
		}
		if time.Since(purged) > purgeEvery {
			purged = time.Now()
			if err := w.cfg.Store.Purge(ctx); err != nil && ctx.Err() == nil {
				w.cfg.Logger.Warn("what is left of deleted domains can't be removed", "error", err)
			}
		}
		t := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// order makes one order and says what came of it.
func (w *Worker) order(ctx context.Context, j Job) {
	began := time.Now()
	attempt, cancel := context.WithTimeout(ctx, attemptTime)
	chain, key, err := w.obtain(attempt, j)
	cancel()
	r := Result{ChainPEM: chain, KeyPEM: key}
	switch {
	case err != nil && ctx.Err() != nil:
		r = Result{Interrupted: true}
	case err != nil:
		r = explain(j.Host, err, time.Now())
		w.cfg.Logger.Warn("a certificate can't be had", "host", j.Host, "attempt", j.Attempts+1, "error", err)
	default:
		w.cfg.Logger.Info("certificate issued", "host", j.Host, "renewal", j.Renewal, "took", time.Since(began).Round(time.Millisecond).String())
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := w.cfg.Domains.Finish(end, j, r); err != nil {
		w.cfg.Logger.Error("what came of an order can't be stored", "host", j.Host, "error", err)
	}
}

// obtain returns a certificate: a stored one that an earlier attempt had but could
// not hand over, or a new one.
func (w *Worker) obtain(ctx context.Context, j Job) (chain, key string, err error) {
	st := &storage{store: w.cfg.Store, key: w.cfg.Key, prefix: DomainPrefix + "/" + j.Domain, holder: w.cfg.Holder}
	iss := &issuer{w: w, storage: st, job: j}
	cm := certmagic.New(w.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{iss}, Storage: st, DisableStorageCheck: true, DisableARI: true, Logger: zap.NewNop(),
		KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
	})
	stored, err := iss.stored(ctx)
	switch {
	case err == nil && handsOver(stored, j.ChainPEM, time.Now()):
		return string(stored.chain), string(stored.key), nil
	case err == nil:
		err = cm.RenewCertSync(ctx, j.Host, true)
	case errors.Is(err, fs.ErrNotExist):
		err = cm.ObtainCertSync(ctx, j.Host)
	}
	if err != nil {
		return "", "", err
	}
	if stored, err = iss.stored(ctx); err != nil {
		return "", "", fmt.Errorf("read the new certificate: %w", err)
	}
	return string(stored.chain), string(stored.key), nil
}

// pair is a stored certificate with its key.
type pair struct{ chain, key []byte }

func (i *issuer) stored(ctx context.Context) (p pair, err error) {
	if p.chain, err = i.storage.Load(ctx, certmagic.StorageKeys.SiteCert(i.IssuerKey(), i.job.Host)); err != nil {
		return p, err
	}
	p.key, err = i.storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(i.IssuerKey(), i.job.Host))
	return p, err
}

// handsOver says whether a stored certificate is one that the domain lacks: not
// the one that it has, and with less than two thirds of its life over.
func handsOver(p pair, has string, now time.Time) bool {
	c, err := tls.X509KeyPair(bytes.TrimSpace(p.chain), p.key)
	if err != nil || c.Leaf == nil {
		return false
	}
	if b, _ := pem.Decode([]byte(has)); b != nil && bytes.Equal(b.Bytes, c.Leaf.Raw) {
		return false
	}
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	return now.Before(c.Leaf.NotAfter.Add(-life / 3))
}
