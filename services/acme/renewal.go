package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"

	acmeclient "github.com/mholt/acmez/v3/acme"
)

// How often an authority is asked when a certificate should be renewed
// (RFC 9773 4.3.2), whatever it says itself.
const (
	lookEvery = 6 * time.Hour
	lookLeast = time.Minute
	lookMost  = 24 * time.Hour
	lookTime  = 10 * time.Second
)

// renewal is when a certificate is replaced, and when the authority is asked again
// whether that still holds; zero: never.
type renewal struct{ at, look time.Time }

// renewalOf plans a certificate's renewal: as the authority says, or where it says
// nothing when two thirds of its life are over. planned is the time that was chosen
// before; zero: none.
func (w *Worker) renewalOf(ctx context.Context, leaf *x509.Certificate, planned, now time.Time) renewal {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	info, err := w.client.GetRenewalInfo(ctx, leaf)
	if err != nil {
		r := renewal{at: planned}
		if planned.IsZero() {
			r.at = twoThirds(leaf)
		}
		if !errors.Is(err, acmeclient.ErrUnsupported) {
			r.look = now.Add(lookEvery)
		}
		return r
	}
	return plan(leaf, info, planned, now)
}

func twoThirds(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// plan chooses a time in the authority's window (RFC 9773 4.2). A window that is
// over asks for a renewal at once, as after a revocation; any other one is held to
// the middle of the certificate's life, so that a mistake of the authority neither
// makes orders one after the other nor lets the certificate end.
func plan(leaf *x509.Certificate, info acmeclient.RenewalInfo, planned, now time.Time) renewal {
	r := renewal{look: now.Add(lookEvery)}
	if info.RetryAfter != nil {
		r.look = now.Add(min(max(info.RetryAfter.Sub(now), lookLeast), lookMost))
	}
	window := info.SuggestedWindow
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	switch {
	case !info.HasWindow():
		r.at = twoThirds(leaf)
		return r
	case window.End.Before(now):
		r.at = now
		return r
	case !planned.IsZero() && !planned.Before(window.Start) && !planned.After(window.End):
		r.at = planned
	default:
		r.at = info.SelectedTime
	}
	if first := leaf.NotBefore.Add(life / 3); r.at.Before(first) {
		r.at = first
	}
	if last := leaf.NotAfter.Add(-life / 6); r.at.After(last) {
		r.at = last
	}
	return r
}

// leafOf reads the certificate of a stored pair; nil: it can't be used.
func leafOf(p pair) *x509.Certificate {
	c, err := tls.X509KeyPair(bytes.TrimSpace(p.chain), p.key)
	if err != nil {
		return nil
	}
	return c.Leaf
}

// handsOver says whether a stored certificate is one that the domain lacks: not
// the one that it has, and with less than two thirds of its life over.
func handsOver(p pair, has string, now time.Time) bool {
	leaf := leafOf(p)
	if leaf == nil {
		return false
	}
	if b, _ := pem.Decode([]byte(has)); b != nil && bytes.Equal(b.Bytes, leaf.Raw) {
		return false
	}
	return now.Before(twoThirds(leaf))
}
