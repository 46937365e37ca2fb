package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// MaxDomains bounds the custom domains of one gateway.
const MaxDomains = 500

// HostReserved is how long no other organization can prove that a host is its own
// after a domain was deleted (HST11): what still points at the edges is not served
// for somebody else.
const HostReserved = 7 * 24 * time.Hour

// States of a custom domain.
const (
	DomainPending = "pending" // its record was never seen
	DomainActive  = "active"
	DomainFailing = "failing" // served, but its record is gone
	DomainLapsed  = "lapsed"  // served no more, since its record was gone for DomainGrace
)

// DomainGrace is how long a domain is served on after its record was last seen.
const DomainGrace = 72 * time.Hour

// Domain is a host of the customer's own that a gateway answers for once its
// control was proven.
type Domain struct {
	ID           string
	Gateway      string // id
	Organization core.OrganizationID
	Host         string // canonical; "*.example.com" is a wildcard for one label
	State        string
	Nonce        string // makes the record's value another one each time the host is added
	Problem      string // what is wrong with the proof, and what to do; empty: nothing
	// CheckedAt and VerifiedAt are when the record was looked for and seen last,
	// FailingSince since when it is gone; zero: never.
	CheckedAt, VerifiedAt, FailingSince time.Time
	NextCheckAt                         time.Time

	Certificate DomainCertificate
	Revision    uint64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Proof is the DNS record that shows control of a domain.
type Proof struct {
	Name  string // of a TXT record
	Value string
}

// Served says whether the gateway answers for the host.
func (d *Domain) Served() bool { return d.State == DomainActive || d.State == DomainFailing }

// base is the name whose owner may speak for the host.
func (d *Domain) base() string { return strings.TrimPrefix(d.Host, "*.") }

// proofPrefix begins the record's value, for those who read the zone.
const proofPrefix = "tollgate-verification="

// Proof is the record that the owner has to set: bound to the organization, the
// name and this very domain, so that nobody else's copy of it proves anything.
func (s *Service) Proof(d *Domain) Proof {
	h := hmac.New(sha256.New, s.proofKey[:])
	for _, part := range []string{string(d.Organization), d.base(), d.Nonce} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	sum := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:20])
	return Proof{Name: "_tollgate." + d.base(), Value: proofPrefix + strings.ToLower(sum)}
}

// Resolver looks DNS records up. A name without such records gives none and no
// error; an error says that it is not known whether there are any.
type Resolver interface {
	TXT(ctx context.Context, name string) ([]string, error)
}

// ListDomains returns a gateway's custom domains by host.
func (s *Service) ListDomains(ctx context.Context, org core.OrganizationID, ref string, page core.Page) (core.List[Domain], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Domain]{}, err
	}
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return core.List[Domain]{}, err
	}
	all, err := s.store.Domains(ctx, org, g.ID)
	if err != nil {
		return core.List[Domain]{}, err
	}
	from := 0
	for from < len(all) && all[from].Host <= after && after != "" {
		from++
	}
	return core.NextPage(all[from:min(len(all), from+limit+1)], limit, func(d Domain) string { return d.Host }), nil
}

// GetDomain returns one of a gateway's domains by its host.
func (s *Service) GetDomain(ctx context.Context, org core.OrganizationID, ref, host string) (*Domain, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Domains(ctx, org, g.ID)
	if err != nil {
		return nil, err
	}
	if d := findDomain(all, host); d != nil {
		return d, nil
	}
	return nil, core.NotFound("domain", host)
}

func findDomain(all []Domain, host string) *Domain {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for i := range all {
		if all[i].Host == host {
			return &all[i]
		}
	}
	return nil
}

// PutDomain is the input of Service.PutDomain.
type PutDomain struct {
	Gateway string
	Host    string
	// Automatic has a certificate issued and renewed for it by ACME; nil is yes.
	Automatic *bool
	IfMatch   core.IfMatch // on the domain's revision
}

// PutDomain adds a domain, which waits for its proof, or changes one.
func (s *Service) PutDomain(ctx context.Context, org core.OrganizationID, in PutDomain) (out *Domain, created bool, err error) {
	host, err := s.checkHost(in.Host)
	if err != nil {
		return nil, false, core.Invalid(contract.FieldErrors{{Pointer: "/host", Detail: err.Error()}})
	}
	err = s.store.TxInLine(ctx, org, in.Gateway, func(tx Tx) error {
		g, err := tx.LockGateway(org, in.Gateway)
		if err != nil {
			return err
		}
		all, err := tx.Domains(org, g.ID)
		if err != nil {
			return err
		}
		out, created, err = s.putDomain(tx, g, all, host, &in)
		if err != nil {
			return err
		}
		verb := "domain.update"
		if created {
			verb = "domain.create"
		}
		return tx.Record(ctx, org, core.Change{
			Action: verb, ResourceType: "domain", ResourceID: out.ID, ResourceName: out.Host, Gateway: g.ID,
			Detail: map[string]any{"automatic_certificate": out.Certificate.Automatic},
		})
	})
	return out, created, err
}

func (s *Service) putDomain(tx Tx, g *Gateway, all []Domain, host string, in *PutDomain) (*Domain, bool, error) {
	d := findDomain(all, host)
	created := d == nil
	if created {
		if len(all) >= MaxDomains {
			return nil, false, core.Errorf(core.CodeLimitReached, "the gateway has %d domains, the most that one may have: delete one first, or use a wildcard", MaxDomains)
		}
		nonce := make([]byte, 16)
		if _, err := rand.Read(nonce); err != nil {
			return nil, false, fmt.Errorf("read random: %w", err)
		}
		now := s.clock()
		d = &Domain{
			ID: core.NewID(core.PrefixDomain), Gateway: g.ID, Organization: g.Organization, Host: host, State: DomainPending,
			Nonce: fmt.Sprintf("%x", nonce), NextCheckAt: now.Add(pendingFirst), Certificate: DomainCertificate{Automatic: true},
			Problem: "not looked for yet",
		}
	}
	if err := in.IfMatch.Check(d.Revision); err != nil {
		return nil, false, err
	}
	if in.Automatic != nil {
		d.Certificate.setAutomatic(*in.Automatic, s.clock())
	}
	return d, created, tx.PutDomain(g.Organization, g.ID, d)
}

// checkHost returns the canonical form of a host that a customer may have.
func (s *Service) checkHost(in string) (string, error) {
	host, err := match.HostPattern(strings.TrimSuffix(in, "."))
	if err != nil {
		return "", err
	}
	base := strings.TrimPrefix(host, "*.")
	if !strings.Contains(base, ".") {
		return "", errors.New("is a single label: a domain such as api.example.com is needed")
	}
	own := s.edgeDomain
	if base == own || strings.HasSuffix(base, "."+own) || strings.HasSuffix(own, "."+base) && host != base || host == own {
		return "", fmt.Errorf("belongs to this installation (%s): gateways get their names under it by themselves", own)
	}
	for label := range strings.SplitSeq(base, ".") {
		if err := checkALabel(label); err != nil {
			return "", err
		}
	}
	return host, nil
}

// checkALabel refuses what pretends to be an internationalised label: one that
// decodes to plain ASCII looks like another host to whoever decodes it first.
func checkALabel(label string) error {
	if !strings.HasPrefix(label, "xn--") {
		if len(label) > 3 && label[2:4] == "--" {
			return fmt.Errorf("the label %q has hyphens where only xn-- may have them", label)
		}
		return nil
	}
	text, err := idna.Lookup.ToUnicode(label)
	if err == nil {
		var back string
		if back, err = idna.Lookup.ToASCII(text); err == nil && back != label {
			err = errors.New("it is not the canonical form")
		}
	}
	if err != nil || !strings.ContainsFunc(text, func(r rune) bool { return r > 127 }) {
		return fmt.Errorf("the label %q is no internationalised label that browsers would accept", label)
	}
	return nil
}

// DeleteDomain removes a domain: the gateway answers for it no more, and nobody
// else can have it for HostReserved.
func (s *Service) DeleteDomain(ctx context.Context, org core.OrganizationID, in Delete) (version uint64, err error) {
	err = s.store.TxInLine(ctx, org, in.Gateway, func(tx Tx) error {
		g, err := tx.LockGateway(org, in.Gateway)
		if err != nil {
			return err
		}
		all, err := tx.Domains(org, g.ID)
		if err != nil {
			return err
		}
		d := findDomain(all, in.Name)
		if d == nil {
			return core.NotFound("domain", in.Name)
		}
		if err := in.IfMatch.Check(d.Revision); err != nil {
			return err
		}
		if d.State == DomainPending { // edges never heard of it
			version = g.Version
			if err := tx.DeleteDomain(org, g.ID, d.ID); err != nil {
				return err
			}
			return tx.Record(ctx, org, core.Change{
				Action: "domain.delete", ResourceType: "domain", ResourceID: d.ID, ResourceName: d.Host, Gateway: g.ID,
			})
		}
		if err := tx.FreeHost(org, d.ID, s.clock().Add(HostReserved)); err != nil {
			return err
		}
		done, err := s.edit(ctx, tx, g, edit{
			action: "domain.delete", rebase: wholeGateway,
			apply: func(dr *draft) error {
				if users := dr.config.hostUsers(d.Host); len(users) > 0 {
					return core.Errorf(core.CodeInUse, "the domain %q is named by %s", d.Host, enumerate(users))
				}
				dr.domains.remove = d
				return nil
			},
		})
		if err != nil {
			return err
		}
		version = done.gateway.Version
		return nil
	})
	return version, err
}

// hostUsers names the routes whose match names a host.
func (c *Config) hostUsers(host string) (out []string) {
	for i := range c.Routes {
		if slices.Contains(c.Routes[i].Match.Hosts, host) {
			out = append(out, "route "+c.Routes[i].Name)
		}
	}
	return out
}

// domainEdit is domains that change in what edges see of them, and at most one
// that is removed.
type domainEdit struct {
	puts   []*Domain
	remove *Domain
}

// after is a gateway's domains once the edit is done.
func (e *domainEdit) after(all []Domain) []Domain {
	out := slices.DeleteFunc(slices.Clone(all), func(d Domain) bool {
		return e.remove != nil && d.ID == e.remove.ID || slices.ContainsFunc(e.puts, func(p *Domain) bool { return p.ID == d.ID })
	})
	for _, p := range e.puts {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Domain) int { return strings.Compare(a.Host, b.Host) })
	return out
}

// changed lists what the edit changes.
func (e *domainEdit) changed(src *Source) ([]Change, error) {
	var out []Change
	show := func(d *Domain) (json.RawMessage, error) {
		if d == nil || d.State == DomainPending {
			return nil, nil
		}
		v := map[string]any{"host": d.Host, "state": d.State}
		if c := &d.Certificate; c.ChainPEM != "" {
			v["certificate_until"] = c.NotAfter.UTC().Format(time.RFC3339)
		}
		return json.Marshal(v)
	}
	add := func(was, is *Domain) error {
		c := Change{Kind: ChangeDomain}
		if is != nil {
			c.ID, c.Name = is.ID, is.Host
		} else {
			c.ID, c.Name = was.ID, was.Host
		}
		var err1, err2 error
		c.Before, err1 = show(was)
		c.After, err2 = show(is)
		out = append(out, c)
		return errors.Join(err1, err2)
	}
	for _, p := range e.puts {
		if err := add(findDomain(src.Domains, p.Host), p); err != nil {
			return nil, err
		}
	}
	if e.remove != nil {
		if err := add(e.remove, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *domainEdit) write(tx Tx, g *Gateway) error {
	for _, d := range e.puts {
		if err := tx.PutDomain(g.Organization, g.ID, d); err != nil {
			return err
		}
	}
	if e.remove != nil {
		return tx.DeleteDomain(g.Organization, g.ID, e.remove.ID)
	}
	return nil
}

// servedHosts are all the hosts that a gateway answers for, its own one first.
func servedHosts(own string, all []Domain) []string {
	out := []string{own}
	for i := range all {
		if all[i].Served() {
			out = append(out, all[i].Host)
		}
	}
	return out
}

// knownHosts are the hosts that routes and certificates may name: a domain that
// lapsed is not served, but does not make the configuration wrong.
func knownHosts(own string, all []Domain) []string {
	out := []string{own}
	for i := range all {
		if all[i].State != DomainPending {
			out = append(out, all[i].Host)
		}
	}
	return out
}

// dropLapsed takes out of a document what its routes and its rules for client
// certificates say of hosts that are not served: a route for those alone goes with
// them.
func dropLapsed(doc *contract.Gateway, all []Domain) {
	lapsed := map[string]bool{}
	for i := range all {
		if all[i].State == DomainLapsed {
			lapsed[all[i].Host] = true
		}
	}
	if len(lapsed) == 0 {
		return
	}
	routes := make([]contract.Route, 0, len(doc.Routes))
	for i := range doc.Routes {
		r := doc.Routes[i]
		if len(r.Match.Hosts) > 0 {
			r.Match.Hosts = slices.DeleteFunc(slices.Clone(r.Match.Hosts), func(h string) bool { return lapsed[h] })
			if len(r.Match.Hosts) == 0 {
				continue
			}
		}
		routes = append(routes, r)
	}
	doc.Routes = routes
	doc.ClientCertificates = dropLapsedHosts(doc.ClientCertificates, lapsed)
}

// dropLapsedHosts takes hosts out of rules for client certificates. Rules for those
// alone go: without a host they would be for all the others.
func dropLapsedHosts(all []contract.ClientCertificates, lapsed map[string]bool) (out []contract.ClientCertificates) {
	for _, c := range all {
		if len(c.Hosts) > 0 {
			c.Hosts = slices.DeleteFunc(slices.Clone(c.Hosts), func(h string) bool { return lapsed[h] })
			if len(c.Hosts) == 0 {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}
