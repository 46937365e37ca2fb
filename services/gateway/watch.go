package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// CertificateWatch is what is to be said of all that a gateway shows its callers.
type CertificateWatch struct {
	// Ends is when the first certificate ends, Of names it; zero: there is none that
	// must be cared for.
	Ends time.Time
	Of   string
	// Broken says which certificate or domain can't be renewed, and why; empty: none.
	Broken string
}

const (
	// renewalTakes is how long after its time a renewal may still be under way.
	renewalTakes = 6 * time.Hour
	// ordersFail is how many orders in a row fail before that is said: a single one
	// fails for many a passing reason.
	ordersFail = 2
)

// WatchCertificates looks at a gateway's uploaded certificates, at those that are
// issued by themselves, and at its domains.
func (s *Service) WatchCertificates(ctx context.Context, org core.OrganizationID, ref string) (*CertificateWatch, error) {
	uploaded, domains, err := s.shown(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	return watch(s.clock(), uploaded, domains), nil
}

// shown reads the certificates and domains of a gateway.
func (s *Service) shown(ctx context.Context, org core.OrganizationID, ref string) (uploaded []Certificate, domains []Domain, err error) {
	if uploaded, err = s.certificates(ctx, org, ref); err != nil {
		return nil, nil, err
	}
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, nil, err
	}
	domains, err = s.store.Domains(ctx, org, g.ID)
	return uploaded, domains, err
}

// EndingCertificates are those of a gateway that end within some time from now: what
// was uploaded, and what is renewed by itself where that is overdue.
func (s *Service) EndingCertificates(ctx context.Context, org core.OrganizationID, ref string, within time.Duration) ([]event.Certificate, error) {
	uploaded, domains, err := s.shown(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	var out []event.Certificate
	add := func(c event.Certificate, at time.Time) {
		if c.EndsAt = event.When(at); at.After(now) && at.Sub(now) <= within {
			out = append(out, c)
		}
	}
	for i := range uploaded {
		add(event.Certificate{Source: event.Uploaded, Name: uploaded[i].Name}, uploaded[i].NotAfter)
	}
	for i := range domains {
		if c := &domains[i].Certificate; c.ChainPEM != "" && !c.renewing(now) {
			add(event.Certificate{Source: event.Automatic, Name: domains[i].Host, Problem: c.Problem}, c.NotAfter)
		}
	}
	return out, nil
}

// renewing reports whether a certificate is renewed by itself, and that is not
// overdue.
func (c *DomainCertificate) renewing(now time.Time) bool {
	return c.Automatic && !c.RenewAt.IsZero() && now.Before(c.RenewAt.Add(renewalTakes)) && c.Attempts < ordersFail
}

// watch is WatchCertificates at a moment. A certificate that is renewed by itself
// counts only from when that is overdue: short-lived ones always end soon.
func watch(now time.Time, uploaded []Certificate, domains []Domain) *CertificateWatch {
	w := &CertificateWatch{}
	ends := func(at time.Time, of string) {
		if w.Of == "" || at.Before(w.Ends) {
			w.Ends, w.Of = at, of
		}
	}
	broken := func(format string, args ...any) {
		if w.Broken == "" {
			w.Broken = fmt.Sprintf(format, args...)
		}
	}
	for i := range uploaded {
		ends(uploaded[i].NotAfter, "The certificate "+uploaded[i].Name)
	}
	for i := range domains {
		d := &domains[i]
		c := &d.Certificate
		fails := c.Automatic && c.Attempts >= ordersFail
		if c.ChainPEM != "" && !c.renewing(now) {
			ends(c.NotAfter, "The certificate of "+d.Host)
		}
		switch {
		case d.State == DomainFailing:
			broken("The DNS record of %s was not found any more: it is served until %s.", d.Host, d.FailingSince.Add(DomainGrace).UTC().Format("2006-01-02 15:04 UTC"))
		case d.State == DomainLapsed:
			broken("%s is not served any more, since its DNS record is gone.", d.Host)
		case fails && c.ChainPEM == "":
			broken("No certificate could be had for %s in %d tries: %s.", d.Host, c.Attempts, c.Problem)
		case fails:
			broken("The certificate of %s could not be renewed in %d tries: %s.", d.Host, c.Attempts, c.Problem)
		}
	}
	return w
}
