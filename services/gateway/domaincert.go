package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// DomainCertificate is a domain's certificate by ACME.
type DomainCertificate struct {
	Automatic bool
	Problem   string // why there is none, or no newer one, and what to do
	Attempts  int    // that failed in a row
	// NextAt is when a worker takes it in hand next, RenewAt when a certificate is
	// replaced by a new one; zero: never.
	NextAt, RenewAt time.Time
	// Started is when the order under way was begun; zero: none is.
	Started    time.Time
	ChainPEM   string // empty: there is none
	EdgeSealed []byte // its key as it stands in documents
	IssuedAt   time.Time
	NotAfter   time.Time
}

// States of a domain's certificate.
const (
	DomainCertificateOff         = "off"         // not asked for
	DomainCertificateUnavailable = "unavailable" // this installation has no ACME, or can't for a wildcard
	DomainCertificateWaiting     = "waiting"     // for the domain's proof
	DomainCertificateOrdered     = "ordered"
	DomainCertificateIssued      = "issued"
	DomainCertificateFailing     = "failing"
	DomainCertificateExpired     = "expired"
)

// CertificateState is what is to be said of a domain's certificate.
func (s *Service) CertificateState(d *Domain) string {
	c := &d.Certificate
	switch {
	case c.ChainPEM != "" && !s.clock().Before(c.NotAfter):
		return DomainCertificateExpired
	case c.Attempts > 0:
		return DomainCertificateFailing
	case c.ChainPEM != "":
		return DomainCertificateIssued
	case !c.Automatic:
		return DomainCertificateOff
	case !s.canOrder(d.Host):
		return DomainCertificateUnavailable
	case !d.Served():
		return DomainCertificateWaiting
	}
	return DomainCertificateOrdered
}

// CertificateProblem is what is wrong with a domain's certificate and what to do;
// empty: nothing.
func (s *Service) CertificateProblem(d *Domain) string {
	switch s.CertificateState(d) {
	case DomainCertificateUnavailable:
		if s.acme {
			return "wildcards can't be proven by an answer of the edges: upload a certificate for it"
		}
		return "this installation issues no certificates by itself: upload one for this host"
	case DomainCertificateWaiting:
		return "it is ordered as soon as the domain's record was seen"
	}
	return d.Certificate.Problem
}

func (s *Service) canOrder(host string) bool {
	return s.acme && host[0] != '*'
}

func (c *DomainCertificate) setAutomatic(on bool, now time.Time) {
	if on == c.Automatic {
		return
	}
	c.Automatic, c.NextAt, c.Attempts, c.Problem = on, time.Time{}, 0, ""
	if on {
		c.NextAt = now // what it has and is not due stays
	}
}

// CertificateJob is one certificate that is due, held by one worker.
type CertificateJob struct {
	Organization core.OrganizationID
	Gateway      string // id
	Domain       string // id
	Host         string
	Attempts     int       // that failed before
	ChainPEM     string    // the certificate that it has; empty: none
	RenewAt      time.Time // when that is to be replaced; zero: not said
}

// ClaimCertificates takes up to limit orders that are due, for a holder and a
// time: no other worker takes them until then. Those that failed least come first.
func (s *Service) ClaimCertificates(ctx context.Context, holder string, lease time.Duration, limit int) ([]CertificateJob, error) {
	if !s.acme || limit < 1 {
		return nil, nil
	}
	now := s.clock()
	return s.store.ClaimCertificates(ctx, ClaimCertificates{Holder: holder, Now: now, Until: now.Add(lease), Limit: limit})
}

// ExtendCertificates prolongs what a holder has claimed: a worker says so while it
// lives, so that its orders are soon taken over when it does not.
func (s *Service) ExtendCertificates(ctx context.Context, holder string, lease time.Duration) error {
	return s.store.ExtendCertificates(ctx, holder, s.clock().Add(lease))
}

// ClaimCertificates chooses orders that are due.
type ClaimCertificates struct {
	Holder     string
	Now, Until time.Time
	Limit      int
}

// CertificateResult is how an order ended.
type CertificateResult struct {
	ChainPEM, KeyPEM string
	Problem          string // empty: it succeeded
	// NotBefore bounds from below when the next try is due; zero: the usual pause.
	NotBefore time.Time
	// RenewAt is when the certificate is to be replaced, LookAt when the authority is
	// asked again for that; zero: after two thirds of its life, and never.
	RenewAt, LookAt time.Time
	// Kept: the certificate at hand stays, and only its times are new.
	Kept bool
	// Interrupted: nothing came of it and nothing is known; it is due again at once.
	Interrupted bool
}

// FinishCertificate stores how an order ended: a new certificate makes a version
// of the gateway, a failure is tried again later. A domain that has gone in the
// meantime is none of anybody's business.
func (s *Service) FinishCertificate(ctx context.Context, j CertificateJob, r CertificateResult) error {
	if r.Problem != "" || r.Interrupted {
		return s.failCertificate(ctx, j, r)
	}
	if r.Kept {
		return s.touchCertificate(ctx, j, func(c *DomainCertificate) []event.Event {
			c.Attempts, c.Problem = 0, ""
			c.plan(r)
			return nil
		})
	}
	chain, key, errs := parseUpload(r.ChainPEM, r.KeyPEM, s.clock())
	if len(errs) > 0 {
		r.Problem = "the authority's certificate can't be used: " + errs.Error()
		return s.failCertificate(ctx, j, r)
	}
	if !chain.covers(j.Host) {
		r.Problem = "the authority's certificate is not for this host"
		return s.failCertificate(ctx, j, r)
	}
	sealed, err := s.edge.SealSecret(contract.CertificateContext(j.Gateway), key)
	if err != nil {
		return fmt.Errorf("seal a certificate's key: %w", err)
	}
	leaf := chain[0]
	_, err = s.change(ctx, j.Organization, edit{
		gateway: j.Gateway, action: "domain.certificate", rebase: wholeGateway,
		events: []event.Event{{Type: event.CertificateRenewed, About: event.Certificate{Source: event.Automatic, Name: j.Host, EndsAt: event.When(leaf.NotAfter)}}},
		apply: func(d *draft) error {
			v := domainByID(d.source.Domains, j.Domain)
			if v == nil {
				return core.NotFound("domain", j.Host)
			}
			now := s.clock()
			v.Certificate = DomainCertificate{
				Automatic: v.Certificate.Automatic, ChainPEM: chain.pem(), EdgeSealed: sealed, IssuedAt: now, NotAfter: leaf.NotAfter.UTC(),
				RenewAt: renewAt(leaf.NotBefore, leaf.NotAfter),
			}
			v.Certificate.plan(r)
			d.domains.puts = []*Domain{v}
			return nil
		},
	})
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil
	}
	return err
}

// renewAt is when two thirds of a certificate's life are over.
func renewAt(from, until time.Time) time.Time { return until.Add(-until.Sub(from) / 3) }

// plan sets when the certificate is replaced and looked at.
func (c *DomainCertificate) plan(r CertificateResult) {
	if !r.RenewAt.IsZero() {
		c.RenewAt = r.RenewAt
	}
	c.NextAt = c.RenewAt
	if !r.LookAt.IsZero() && r.LookAt.Before(c.NextAt) {
		c.NextAt = r.LookAt
	}
}

// certificatePauses are the times between tries of an order that fails; the last
// one goes on.
var certificatePauses = []time.Duration{
	20 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// failCertificate notes a failure and when the next try is due: while a
// certificate is still good, always in time for some more tries before its end.
func (s *Service) failCertificate(ctx context.Context, j CertificateJob, r CertificateResult) error {
	return s.touchCertificate(ctx, j, func(c *DomainCertificate) []event.Event {
		if r.Interrupted {
			return nil
		}
		now := s.clock()
		c.Attempts++
		c.Problem = r.Problem
		pause := certificatePauses[min(c.Attempts, len(certificatePauses))-1]
		if left := c.NotAfter.Sub(now); left > 0 {
			pause = min(pause, max(left/4, certificatePauses[0]))
		}
		c.NextAt = now.Add(pause)
		if c.NextAt.Before(r.NotBefore) {
			c.NextAt = r.NotBefore
		}
		if c.Attempts != ordersFail {
			return nil
		}
		return []event.Event{{Type: event.CertificateFailed, About: event.Certificate{
			Source: event.Automatic, Name: j.Host, EndsAt: event.When(c.NotAfter), Problem: c.Problem,
		}}}
	})
}

// touchCertificate changes what edges never see of a certificate and gives its
// claim back. A domain that has gone in the meantime is none of anybody's business.
func (s *Service) touchCertificate(ctx context.Context, j CertificateJob, change func(*DomainCertificate) []event.Event) error {
	err := s.store.TxInLine(ctx, j.Organization, j.Gateway, func(tx Tx) error {
		if _, err := tx.LockGateway(j.Organization, j.Gateway); err != nil {
			return err
		}
		all, err := tx.Domains(j.Organization, j.Gateway)
		if err != nil {
			return err
		}
		d := domainByID(all, j.Domain)
		if d == nil {
			return nil
		}
		d.Certificate.Started = time.Time{}
		events := change(&d.Certificate)
		if err := tx.PutDomain(j.Organization, j.Gateway, d); err != nil {
			return err
		}
		return tx.Emit(j.Organization, j.Gateway, events...)
	})
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil
	}
	return err
}

// RenewCertificate has a domain's certificate ordered at once.
func (s *Service) RenewCertificate(ctx context.Context, org core.OrganizationID, ref, host string) (*Domain, error) {
	var out *Domain
	err := s.store.TxInLine(ctx, org, ref, func(tx Tx) error {
		g, err := tx.LockGateway(org, ref)
		if err != nil {
			return err
		}
		all, err := tx.Domains(org, g.ID)
		if err != nil {
			return err
		}
		if out = findDomain(all, host); out == nil {
			return core.NotFound("domain", host)
		}
		if err := s.mayOrder(out); err != nil {
			return err
		}
		out.Certificate.NextAt = s.clock()
		out.Certificate.RenewAt = out.Certificate.NextAt
		if err := tx.PutDomain(org, g.ID, out); err != nil {
			return err
		}
		return tx.Record(ctx, org, core.Change{
			Action: "domain.order_certificate", ResourceType: "domain", ResourceID: out.ID, ResourceName: out.Host, Gateway: g.ID,
		})
	})
	return out, err
}

// orderPause is how long after a certificate, or after a failure, nobody can have
// another one ordered: authorities count orders.
const orderPause = time.Minute

func (s *Service) mayOrder(d *Domain) error {
	c := &d.Certificate
	switch {
	case !c.Automatic:
		return core.Errorf(core.CodeConflict, "the domain's certificate is not automatic: switch that on first")
	case !s.canOrder(d.Host):
		return core.Wrap(core.CodeConflict, errors.New("no ACME"), s.CertificateProblem(d))
	case !d.Served():
		return core.Errorf(core.CodeConflict, "the domain's control is not proven yet: set its TXT record first")
	case s.clock().Sub(c.IssuedAt) < orderPause || s.clock().Sub(d.UpdatedAt) < orderPause && c.Attempts > 0:
		e := core.Errorf(core.CodeThrottled, "an order ended within the last minute")
		e.RetryAfter = orderPause
		return e
	}
	return nil
}

func domainByID(all []Domain, id string) *Domain {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// Facts are what the certificate says; ok is false when there is none.
func (c *DomainCertificate) Facts() (f CertificateFacts, ok bool) {
	if c.ChainPEM == "" {
		return f, false
	}
	f, err := readFacts(c.ChainPEM)
	return f, err == nil
}
