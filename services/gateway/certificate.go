package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// MaxCertificates bounds the certificates of one gateway.
const MaxCertificates = 50

// Certificate is what may be shown of an uploaded certificate: never its key.
type Certificate struct {
	ID        string
	Name      string
	Hosts     []string // of the gateway, that it is served for
	ChainPEM  string
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time

	CertificateFacts // read from the chain
}

// CertificateValue is a certificate with the two sealed forms of its key.
type CertificateValue struct {
	Certificate
	Sealed     []byte // opens with the control plane's key for secrets at rest
	EdgeSealed []byte // as it stands in documents
}

// expiringSoon is how long before its end a certificate is called expiring.
const expiringSoon = 30 * 24 * time.Hour

// States of a certificate.
const (
	CertificateValid    = "valid"
	CertificateExpiring = "expiring"
	CertificateExpired  = "expired"
)

// State is what a certificate is worth at a moment.
func (c *Certificate) State(now time.Time) string {
	switch {
	case !now.Before(c.NotAfter):
		return CertificateExpired
	case c.NotAfter.Sub(now) < expiringSoon:
		return CertificateExpiring
	}
	return CertificateValid
}

// DaysLeft are the whole days until its end, negative once it is over.
func (c *Certificate) DaysLeft(now time.Time) int {
	left := c.NotAfter.Sub(now)
	if left < 0 {
		return int((left - 24*time.Hour + 1) / (24 * time.Hour))
	}
	return int(left / (24 * time.Hour))
}

// ListCertificates returns a gateway's certificates by name.
func (s *Service) ListCertificates(ctx context.Context, org core.OrganizationID, ref string, page core.Page) (core.List[Certificate], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Certificate]{}, err
	}
	all, err := s.certificates(ctx, org, ref)
	if err != nil {
		return core.List[Certificate]{}, err
	}
	from := 0
	for from < len(all) && all[from].Name <= after && after != "" {
		from++
	}
	return core.NextPage(all[from:min(len(all), from+limit+1)], limit, func(v Certificate) string { return v.Name }), nil
}

// GetCertificate returns one certificate without its key.
func (s *Service) GetCertificate(ctx context.Context, org core.OrganizationID, ref, name string) (*Certificate, error) {
	all, err := s.certificates(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, core.NotFound("certificate", name)
}

func (s *Service) certificates(ctx context.Context, org core.OrganizationID, ref string) ([]Certificate, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Certificates(ctx, org, g.ID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].CertificateFacts, err = readFacts(all[i].ChainPEM); err != nil {
			return nil, fmt.Errorf("certificate %s: %w", all[i].ID, err)
		}
	}
	return all, nil
}

// PutCertificate is the input of Service.PutCertificate.
type PutCertificate struct {
	Gateway  string
	Name     string
	ChainPEM string
	KeyPEM   string
	Hosts    []string     // empty: all of the gateway's that it covers
	IfMatch  core.IfMatch // on the certificate's revision
}

// SavedCertificate is the answer to a certificate's change.
type SavedCertificate struct {
	Certificate
	Version uint64
	Created bool
}

// PutCertificate uploads or replaces a certificate. It makes a version, since
// edges must get it; the history never holds the key.
func (s *Service) PutCertificate(ctx context.Context, org core.OrganizationID, in PutCertificate) (*SavedCertificate, error) {
	var errs contract.FieldErrors
	errs.AddAt("/name", core.CheckName(in.Name))
	chain, key, found := parseUpload(in.ChainPEM, in.KeyPEM, s.clock())
	errs = append(errs, found...)
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	var v *CertificateValue
	created := false
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, action: "certificate.update", rebase: wholeGateway,
		apply: func(d *draft) error {
			hosts, errs := chain.hosts(in.Hosts, knownHosts(head(&d.source.Gateway, s.edgeDomain).Hosts[0], d.source.Domains))
			if err := core.Invalid(errs.Err()); err != nil {
				return err
			}
			var err error
			if v, err = s.sealCertificate(d, &in, key); err != nil {
				return err
			}
			created = v.Revision == 0
			v.Hosts, v.ChainPEM, v.CertificateFacts = hosts, chain.pem(), chain.facts()
			d.certificates.put = v
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &SavedCertificate{Certificate: v.Certificate, Version: done.gateway.Version, Created: created}, nil
}

// sealCertificate finds the certificate that is replaced, or begins one, and seals
// the key: once, so that the document stays a function of the rows.
func (s *Service) sealCertificate(d *draft, in *PutCertificate, key []byte) (*CertificateValue, error) {
	v := &CertificateValue{Certificate: Certificate{Name: in.Name, ID: core.NewID(core.PrefixCertificate)}}
	for i := range d.source.Certificates {
		if old := &d.source.Certificates[i]; old.Name == in.Name {
			v.Certificate = old.Certificate
		}
	}
	if err := in.IfMatch.Check(v.Revision); err != nil {
		return nil, err
	}
	if v.Revision == 0 && len(d.source.Certificates) >= MaxCertificates {
		return nil, core.Errorf(core.CodeLimitReached, "the gateway has %d certificates, the most that one may have: delete one first", MaxCertificates)
	}
	gateway := d.source.Gateway.ID
	var err error
	if v.Sealed, err = contract.Seal(s.atRest, gateway+"/certificate/"+in.Name, key); err != nil {
		return nil, fmt.Errorf("seal a certificate's key: %w", err)
	}
	if v.EdgeSealed, err = s.edge.SealSecret(contract.CertificateContext(gateway), key); err != nil {
		return nil, fmt.Errorf("seal a certificate's key: %w", err)
	}
	return v, nil
}

// DeleteCertificate removes a certificate, and returns the version.
func (s *Service) DeleteCertificate(ctx context.Context, org core.OrganizationID, in Delete) (version uint64, err error) {
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, action: "certificate.delete", rebase: wholeGateway,
		apply: func(d *draft) error {
			for i := range d.source.Certificates {
				v := &d.source.Certificates[i].Certificate
				if v.Name == in.Name {
					d.certificates.remove = v
					return in.IfMatch.Check(v.Revision)
				}
			}
			return core.NotFound("certificate", in.Name)
		},
	})
	if err != nil {
		return 0, err
	}
	return done.gateway.Version, nil
}

// certificateEdit is at most one certificate that is set or removed.
type certificateEdit struct {
	put    *CertificateValue
	remove *Certificate
}

// after is a gateway's certificates once the edit is done, in the order of names.
func (e *certificateEdit) after(all []CertificateValue) []CertificateValue {
	out := slices.DeleteFunc(slices.Clone(all), func(v CertificateValue) bool {
		return e.put != nil && v.ID == e.put.ID || e.remove != nil && v.ID == e.remove.ID
	})
	if e.put != nil {
		out = append(out, *e.put)
	}
	slices.SortFunc(out, func(a, b CertificateValue) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// documentCertificates are certificates as edges get them, for the hosts that the
// gateway answers for: uploaded ones before those that came by themselves.
func documentCertificates(all []CertificateValue, domains []Domain, served []string) []contract.Certificate {
	var out []contract.Certificate
	add := func(hosts []string, chain string, key []byte) {
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !slices.Contains(served, h) })
		if len(hosts) > 0 {
			out = append(out, contract.Certificate{Hosts: hosts, ChainPEM: chain, SealedKey: key})
		}
	}
	for i := range all {
		add(all[i].Hosts, all[i].ChainPEM, all[i].EdgeSealed)
	}
	for i := range domains {
		if c := &domains[i].Certificate; c.ChainPEM != "" {
			add([]string{domains[i].Host}, c.ChainPEM, c.EdgeSealed)
		}
	}
	return out
}

// changed lists what the edit changes: what may be shown of the certificate.
func (e *certificateEdit) changed(src *Source) ([]Change, error) {
	v := e.remove
	if e.put != nil {
		v = &e.put.Certificate
	}
	if v == nil {
		return nil, nil
	}
	c := Change{Kind: ChangeCertificate, ID: v.ID, Name: v.Name}
	for i := range src.Certificates {
		if old := &src.Certificates[i].Certificate; old.ID == v.ID {
			facts, err := readFacts(old.ChainPEM)
			if err != nil {
				return nil, fmt.Errorf("certificate %s: %w", old.ID, err)
			}
			if c.Before, err = shown(old.Hosts, &facts); err != nil {
				return nil, err
			}
		}
	}
	if e.put != nil {
		var err error
		if c.After, err = shown(e.put.Hosts, &e.put.CertificateFacts); err != nil {
			return nil, err
		}
	}
	return []Change{c}, nil
}

// shown is what the history tells of a certificate.
func shown(hosts []string, f *CertificateFacts) (json.RawMessage, error) {
	b, err := json.Marshal(map[string]any{"hosts": hosts, "fingerprint_sha256": f.Fingerprint, "not_after": f.NotAfter})
	if err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	return b, nil
}

func (e *certificateEdit) write(tx Tx, g *Gateway) error {
	if e.put != nil {
		return tx.PutCertificate(g.Organization, g.ID, e.put)
	}
	if e.remove != nil {
		return tx.DeleteCertificate(g.Organization, g.ID, e.remove.ID)
	}
	return nil
}
