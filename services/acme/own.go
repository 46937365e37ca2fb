package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Own is the certificate of the installation's own wildcard, which is proven by
// DNS-01.
type Own struct {
	Host      string // such as *.gw.example.com
	Provider  DNSProvider
	Resolvers []string // host:port; none: the system's
	// Publish gives edges the certificate. It is called again and again.
	Publish func(ctx context.Context, chainPEM, keyPEM string) error
}

// OwnStats say how the wildcard's certificate stands.
type OwnStats struct {
	NotAfter time.Time // zero: there is none
	Attempts int       // that failed in a row
}

const (
	ownEvery  = 10 * time.Second
	ownPrefix = "own"
	ownLock   = "own"
	statusKey = "status"
)

// ownPauses are the times between tries that fail; the last one goes on.
var ownPauses = []time.Duration{20 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// ownStatus is what workers know of the wildcard's orders.
type ownStatus struct {
	RenewAt  time.Time `json:"renew_at"`
	LookAt   time.Time `json:"look_at"`
	NextAt   time.Time `json:"next_at"` // of the next try after a failure
	Attempts int       `json:"attempts"`
}

// OwnStats returns how the wildcard's certificate stood at the last look.
func (w *Worker) OwnStats() OwnStats {
	if s := w.own.Load(); s != nil {
		return *s
	}
	return OwnStats{}
}

// runOwn keeps the wildcard's certificate until ctx ends.
func (w *Worker) runOwn(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		err := w.ownPass(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.cfg.Logger.Warn("the edge domain's certificate can't be looked after", "error", err)
		}
		failing = err != nil
		t := time.NewTimer(ownEvery)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// ownPass gives edges the certificate there is, and gets a new one when it is time.
func (w *Worker) ownPass(ctx context.Context) error {
	st := &storage{store: w.cfg.Store, key: w.cfg.Key, prefix: ownPrefix, holder: w.cfg.Holder}
	iss := &issuer{w: w, storage: st, host: w.cfg.Own.Host, solver: &dnsAnswers{w.cfg.Own.Provider, w.cfg.Own.Resolvers}}
	stored, s, err := w.ownState(ctx, iss)
	if err != nil {
		return err
	}
	if leafOf(stored) != nil {
		if err := w.cfg.Own.Publish(ctx, string(stored.chain), string(stored.key)); err != nil {
			return err
		}
	}
	if now := time.Now(); !s.due(now) || now.Before(s.NextAt) {
		return nil
	}
	// One worker at a time: what another one has done meanwhile is seen then.
	held, err := w.cfg.Store.Lock(ctx, ownLock, w.cfg.Holder, leaseFor)
	if err != nil || !held {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		if err := w.cfg.Store.Unlock(end, ownLock, w.cfg.Holder); err != nil {
			w.cfg.Logger.Debug("a lock stays until its end", "error", err)
		}
	}()
	if stored, s, err = w.ownState(ctx, iss); err != nil {
		return err
	}
	return w.ownRenew(ctx, iss, stored, s)
}

// due says whether the certificate is to be replaced, or the authority is to be
// asked when.
func (s *ownStatus) due(now time.Time) bool {
	return !now.Before(s.RenewAt) || !s.LookAt.IsZero() && !now.Before(s.LookAt)
}

// ownState reads the certificate and what is known of it.
func (w *Worker) ownState(ctx context.Context, iss *issuer) (stored pair, s ownStatus, err error) {
	if stored, err = iss.stored(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stored, s, err
	}
	text, err := iss.storage.Load(ctx, statusKey)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stored, s, fmt.Errorf("read what is known of the edge domain's certificate: %w", err)
	}
	stats := OwnStats{Attempts: s.Attempts}
	leaf := leafOf(stored)
	if leaf != nil {
		stats.NotAfter = leaf.NotAfter
		if s.RenewAt.IsZero() {
			s.RenewAt = twoThirds(leaf)
		}
	} else {
		s.RenewAt = time.Time{} // at once
	}
	w.own.Store(&stats)
	return stored, s, nil
}

// ownRenew orders a certificate, unless the authority would have the one at hand
// kept, and stores what came of it.
func (w *Worker) ownRenew(ctx context.Context, iss *issuer, stored pair, s ownStatus) error {
	now := time.Now()
	leaf := leafOf(stored)
	if leaf != nil && now.Before(s.RenewAt) {
		if at := w.renewalOf(ctx, leaf, s.RenewAt, now); now.Before(at.at) {
			return w.ownStore(ctx, iss, ownStatus{RenewAt: at.at, LookAt: at.look})
		}
	}
	attempt, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	fresh, err := w.renew(attempt, iss, leaf)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.Attempts++
		s.NextAt = time.Now().Add(ownPauses[min(s.Attempts, len(ownPauses))-1])
		until := "there is none"
		if leaf != nil {
			until = leaf.NotAfter.UTC().Format(time.RFC3339)
		}
		w.cfg.Logger.Warn("the edge domain's certificate can't be had", "host", iss.host, "attempt", s.Attempts, "error", err,
			"next", s.NextAt.UTC().Format(time.RFC3339), "served_until", until)
		return w.ownStore(ctx, iss, s)
	}
	at := renewal{}
	if leaf = leafOf(fresh); leaf != nil {
		at = w.renewalOf(ctx, leaf, time.Time{}, now)
		w.cfg.Logger.Info("certificate of the edge domain issued", "host", iss.host, "until", leaf.NotAfter.UTC().Format(time.RFC3339), "renewed", at.at.UTC().Format(time.RFC3339))
	}
	if err := w.ownStore(ctx, iss, ownStatus{RenewAt: at.at, LookAt: at.look}); err != nil {
		return err
	}
	return w.cfg.Own.Publish(ctx, string(fresh.chain), string(fresh.key))
}

func (w *Worker) ownStore(ctx context.Context, iss *issuer, s ownStatus) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return iss.storage.Store(ctx, statusKey, text)
}
