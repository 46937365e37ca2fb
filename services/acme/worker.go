package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	acmeclient "github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of the work.
const (
	attemptTime = 5 * time.Minute
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
	Attempts     int       // that failed before
	ChainPEM     string    // the certificate that it has; empty: none
	RenewAt      time.Time // when that is to be replaced; zero: not said
}

// Result is how an order ended: one of certificate, problem, nothing to do and
// interruption.
type Result struct {
	ChainPEM, KeyPEM string
	Problem          string
	NotBefore        time.Time // when the next try may be made at the soonest; zero: as usual
	// RenewAt is when the certificate is to be replaced, LookAt when the job should be
	// given out to ask the authority again; zero: as usual, and never.
	RenewAt, LookAt time.Time
	Kept            bool // the certificate at hand stays; only its times are new
	Interrupted     bool
}

// Domains knows what is due, and is told what came of it.
type Domains interface {
	Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]Job, error)
	// Extend prolongs all that the holder has claimed.
	Extend(ctx context.Context, holder string, lease time.Duration) error
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
	Own              *Own     // nil: there is none
	Logger           *slog.Logger
}

// Worker orders certificates.
type Worker struct {
	cfg    Config
	client *acmeclient.Client
	cache  *certmagic.Cache

	own     atomic.Pointer[OwnStats]
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
	// Claims live on until the last order has ended.
	held, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	go w.keep(held)
	if w.cfg.Own != nil {
		orders.Go(func() { w.runOwn(ctx) })
	}
	failing, purged := false, time.Time{}
	for ctx.Err() == nil {
		jobs, err := w.cfg.Domains.Claim(ctx, w.cfg.Holder, leaseFor, cap(places)-len(places))
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

// order does one job and says what came of it.
func (w *Worker) order(ctx context.Context, j Job) {
	began := time.Now()
	attempt, cancel := context.WithTimeout(ctx, attemptTime)
	r, err := w.obtain(attempt, j)
	cancel()
	switch {
	case err != nil && ctx.Err() != nil:
		r = Result{Interrupted: true}
	case err != nil:
		r = explain(j.Host, err, time.Now())
		w.cfg.Logger.Warn("a certificate can't be had", "host", j.Host, "attempt", j.Attempts+1, "error", err)
	case r.Kept:
		w.cfg.Logger.Debug("a certificate is kept", "host", j.Host, "renewed", r.RenewAt)
	default:
		w.cfg.Logger.Info("certificate issued", "host", j.Host, "renewal", j.ChainPEM != "", "took", time.Since(began).Round(time.Millisecond).String(), "renewed", r.RenewAt)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := w.cfg.Domains.Finish(end, j, r); err != nil {
		w.cfg.Logger.Error("what came of an order can't be stored", "host", j.Host, "error", err)
	}
}

// obtain gives a domain its certificate: a stored one, which an earlier attempt had
// but could not hand over; the one it has, if the authority would have that kept; or
// a new one.
func (w *Worker) obtain(ctx context.Context, j Job) (Result, error) {
	st := &storage{store: w.cfg.Store, key: w.cfg.Key, prefix: DomainPrefix + "/" + j.Domain, holder: w.cfg.Holder}
	iss := &issuer{w: w, storage: st, host: j.Host, solver: w.answers(j)}
	stored, err := iss.stored(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Result{}, err
	}
	leaf := leafOf(stored)
	now := time.Now()
	switch {
	case handsOver(stored, j.ChainPEM, now):
		if err := iss.forgetOrder(ctx); err != nil {
			return Result{}, err
		}
		if at := w.renewalOf(ctx, leaf, time.Time{}, now); now.Before(at.at) {
			return Result{ChainPEM: string(stored.chain), KeyPEM: string(stored.key), RenewAt: at.at, LookAt: at.look}, nil
		}
	case leaf != nil && now.Before(j.RenewAt):
		at := w.renewalOf(ctx, leaf, j.RenewAt, now)
		if now.Before(at.at) {
			return Result{Kept: true, RenewAt: at.at, LookAt: at.look}, nil
		}
	}
	if stored, err = w.renew(ctx, iss, leaf); err != nil {
		return Result{}, err
	}
	r := Result{ChainPEM: string(stored.chain), KeyPEM: string(stored.key)}
	if leaf = leafOf(stored); leaf != nil {
		at := w.renewalOf(ctx, leaf, time.Time{}, now)
		r.RenewAt, r.LookAt = at.at, at.look
	}
	return r, nil
}

// renew orders a certificate, in place of another one if there is one, and returns
// it as it is stored.
func (w *Worker) renew(ctx context.Context, iss *issuer, old *x509.Certificate) (pair, error) {
	cm := certmagic.New(w.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{iss}, Storage: iss.storage, DisableStorageCheck: true, DisableARI: true, Logger: zap.NewNop(),
		KeySource: orderKeys{iss.storage},
	})
	var err error
	if old != nil {
		if id, bad := acmeclient.ARIUniqueIdentifier(old); bad == nil {
			iss.replaces = id
		}
		err = cm.RenewCertSync(ctx, iss.host, true)
	} else {
		err = cm.ObtainCertSync(ctx, iss.host)
	}
	if err != nil {
		return pair{}, err
	}
	stored, err := iss.stored(ctx)
	if err != nil {
		return pair{}, fmt.Errorf("read the new certificate: %w", err)
	}
	return stored, iss.forgetOrder(ctx)
}

// pair is a stored certificate with its key.
type pair struct{ chain, key []byte }

func (i *issuer) stored(ctx context.Context) (p pair, err error) {
	if p.chain, err = i.storage.Load(ctx, certmagic.StorageKeys.SiteCert(i.IssuerKey(), i.host)); err != nil {
		return p, err
	}
	p.key, err = i.storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(i.IssuerKey(), i.host))
	return p, err
}
