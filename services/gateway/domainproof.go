package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// When records are looked for.
const (
	pendingFirst = 10 * time.Second    // after a domain was added
	pendingFor   = 14 * 24 * time.Hour // then only when asked to
	activeEvery  = 12 * time.Hour
	failingEvery = time.Hour
	lookupTime   = 5 * time.Second
)

// pendingEvery is how long to wait for a record that was not there yet.
func pendingEvery(age time.Duration) time.Duration {
	switch {
	case age < 10*time.Minute:
		return 15 * time.Second
	case age < time.Hour:
		return time.Minute
	case age < 24*time.Hour:
		return 10 * time.Minute
	}
	return 2 * time.Hour
}

// seen is what a look at DNS gave.
type seen struct {
	found   bool
	unknown bool   // DNS did not answer: nothing is known
	problem string // for the user
}

// look looks for a domain's record.
func (s *Service) look(ctx context.Context, d *Domain) seen {
	p := s.Proof(d)
	if s.resolver == nil {
		return seen{unknown: true, problem: "this process can't look DNS records up"}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	values, err := s.resolver.TXT(ctx, p.Name)
	if err != nil {
		return seen{unknown: true, problem: fmt.Sprintf("DNS gave no answer for %s (%v): it is tried again by itself; check the name servers of %s if this stays", p.Name, err, d.base())}
	}
	if slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == p.Value }) {
		return seen{found: true}
	}
	ours := 0
	for _, v := range values {
		if strings.HasPrefix(v, proofPrefix) {
			ours++
		}
	}
	switch {
	case ours > 0:
		return seen{problem: fmt.Sprintf("%s has a TXT record of another organization or of an earlier time: add %s", p.Name, p.Value)}
	case len(values) > 0:
		return seen{problem: fmt.Sprintf("%s has TXT records, but none is %s: add it", p.Name, p.Value)}
	}
	return seen{problem: fmt.Sprintf("%s has no TXT record: add %s; a new record may take some minutes until it is seen", p.Name, p.Value)}
}

// VerifyDomain looks for a domain's record now and returns the domain as it is
// then.
func (s *Service) VerifyDomain(ctx context.Context, org core.OrganizationID, ref, host string) (*Domain, error) {
	d, err := s.GetDomain(ctx, org, ref, host)
	if err != nil {
		return nil, err
	}
	return s.verify(ctx, d)
}

func (s *Service) verify(ctx context.Context, d *Domain) (*Domain, error) {
	found := s.look(ctx, d)
	if found.found && !d.Served() {
		if err := s.contest(ctx, d); err != nil {
			return nil, err
		}
	}
	var out *Domain
	err := s.store.TxInLine(ctx, d.Organization, d.Gateway, func(tx Tx) error {
		g, err := tx.LockGateway(d.Organization, d.Gateway)
		if err != nil {
			return err
		}
		all, err := tx.Domains(d.Organization, g.ID)
		if err != nil {
			return err
		}
		if out = domainByID(all, d.ID); out == nil {
			return core.NotFound("domain", d.Host)
		}
		out, err = s.judge(ctx, tx, g, out, found)
		return err
	})
	return out, err
}

// judge stores what a look gave: only what changes for edges makes a version.
func (s *Service) judge(ctx context.Context, tx Tx, g *Gateway, d *Domain, found seen) (*Domain, error) {
	now := s.clock()
	was := d.State
	d.CheckedAt, d.Problem = now, found.problem
	if found.found && !d.Served() {
		taken, err := tx.TakeHost(g.Organization, d.Host, d.ID)
		if err != nil {
			return nil, err
		}
		if !taken {
			found.found = false
			d.Problem = "the host is served for another gateway or organization, or was given up by another one less than a week ago: remove the other record from DNS, or have the domain deleted there"
		}
	}
	switch {
	case found.found:
		d.State, d.VerifiedAt, d.FailingSince, d.NextCheckAt = DomainActive, now, time.Time{}, now.Add(activeEvery)
		if was != DomainActive && d.Certificate.Automatic && d.Certificate.NextAt.IsZero() {
			d.Certificate.NextAt = now
		}
	case !d.Served():
		d.NextCheckAt = now.Add(pendingEvery(now.Sub(d.CreatedAt)))
		if now.Sub(d.CreatedAt) > pendingFor {
			d.NextCheckAt = time.Time{}
		}
	case found.unknown:
		d.NextCheckAt = now.Add(failingEvery)
	default:
		if d.FailingSince.IsZero() {
			d.FailingSince = now
		}
		d.State, d.NextCheckAt = DomainFailing, now.Add(failingEvery)
		if now.Sub(d.FailingSince) >= DomainGrace {
			return d, s.lapse(ctx, tx, g, d)
		}
		d.Problem += fmt.Sprintf("; without it the domain is served until %s", d.FailingSince.Add(DomainGrace).UTC().Format(time.RFC3339))
	}
	var events []event.Event
	switch {
	case d.State == DomainActive && was != DomainActive:
		events = append(events, event.Event{Type: event.DomainVerified, About: aboutDomain(d)})
	case d.State == DomainFailing && was != DomainFailing:
		events = append(events, event.Event{Type: event.DomainFailed, About: aboutDomain(d)})
	}
	if (was == DomainActive || was == DomainFailing) == d.Served() {
		if err := tx.PutDomain(g.Organization, g.ID, d); err != nil {
			return nil, err
		}
		return d, tx.Emit(g.Organization, g.ID, events...)
	}
	_, err := s.edit(ctx, tx, g, edit{action: "domain.verify", events: events, rebase: wholeGateway, apply: func(dr *draft) error {
		dr.domains.puts = []*Domain{d}
		return nil
	}})
	return d, err
}

// lapse ends a domain's service: its record has been gone for too long, or
// somebody else has proven that the host is his now.
func (s *Service) lapse(ctx context.Context, tx Tx, g *Gateway, d *Domain) error {
	d.State, d.NextCheckAt = DomainLapsed, s.clock().Add(pendingEvery(s.clock().Sub(d.CreatedAt)))
	d.Problem = fmt.Sprintf("the host is not served any more, since its TXT record %s is gone: add it again to go on", s.Proof(d).Name)
	d.Certificate.NextAt = time.Time{}
	if err := tx.FreeHost(g.Organization, d.ID, time.UnixMilli(1)); err != nil { // at once
		return err
	}
	lapsed := event.Event{Type: event.DomainFailed, About: aboutDomain(d)}
	_, err := s.edit(ctx, tx, g, edit{action: "domain.lapse", events: []event.Event{lapsed}, rebase: wholeGateway, apply: func(dr *draft) error {
		dr.domains.puts = []*Domain{d}
		return nil
	}})
	return err
}

// aboutDomain is a domain as webhooks are told of it.
func aboutDomain(d *Domain) event.Domain {
	out := event.Domain{ID: d.ID, Host: d.Host, State: d.State, Problem: d.Problem}
	if d.State == DomainFailing {
		out.ServedUntil = event.When(d.FailingSince.Add(DomainGrace))
	}
	return out
}

// contest looks at the record of whoever serves a host that somebody else has
// proven now: one whose own record is gone loses it.
func (s *Service) contest(ctx context.Context, d *Domain) error {
	holder, err := s.store.HostHolder(ctx, d.Host)
	if err != nil || holder == nil || holder.Organization == d.Organization || !holder.Served() {
		return err
	}
	if f := s.look(ctx, holder); f.found || f.unknown {
		return nil // it keeps the host, and the claim will say so
	}
	return s.store.TxInLine(ctx, holder.Organization, holder.Gateway, func(tx Tx) error {
		g, err := tx.LockGateway(holder.Organization, holder.Gateway)
		if err != nil {
			return err
		}
		all, err := tx.Domains(holder.Organization, g.ID)
		if err != nil {
			return err
		}
		if now := domainByID(all, holder.ID); now != nil && now.Served() {
			return s.lapse(ctx, tx, g, now)
		}
		return nil
	})
}

// recheckers is how many records are looked for at once.
const recheckers = 8

// RecheckDomains looks for the records whose time has come, of all organizations.
func (s *Service) RecheckDomains(ctx context.Context) error {
	due, err := s.store.DueDomains(ctx, s.clock(), 8*recheckers)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	places := make(chan struct{}, recheckers)
	for i := range due {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if _, err := s.verify(ctx, &due[i]); err != nil && core.CodeOf(err) != core.CodeNotFound {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("domain %s: %w", due[i].ID, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
