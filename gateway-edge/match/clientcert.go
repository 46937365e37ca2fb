package match

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a gateway's rules for client certificates.
const (
	maxClientPolicies = 20
	maxClientPatterns = 200
	maxClientPEM      = 1 << 20
	maxClientChain    = 8
)

// ClientPolicy is one entry of a gateway's client certificates, ready to judge. It
// is immutable.
type ClientPolicy struct {
	Required bool
	Roots    *x509.CertPool
	// Digest tells one policy from another: what was good for one proves nothing
	// to another.
	Digest [32]byte

	hosts          []string
	crls           []*revocations
	subjects, sans []string
}

// revocations is one revocation list.
type revocations struct {
	key    []byte    // of the authority: its SubjectPublicKeyInfo
	until  time.Time // zero: it says none
	serial map[string]bool
}

// CompileClientCertificates checks and compiles a gateway's rules; pointers are
// into the list.
func CompileClientCertificates(list []contract.ClientCertificates, hosts []string) (out []*ClientPolicy, errs contract.FieldErrors) {
	if len(list) > maxClientPolicies {
		errs.Add("", fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxClientPolicies))
		return nil, errs
	}
	claimed := map[string]int{}
	for i := range list {
		c := &list[i]
		p, found := compileClient(c)
		for n, h := range c.Hosts {
			if !slices.Contains(hosts, h) {
				found.Add(contract.Pointer("hosts", n), "is not a host of this gateway")
			}
		}
		names := c.Hosts
		if len(names) == 0 {
			names = []string{""}
		}
		for _, h := range names {
			if other, ok := claimed[h]; ok {
				found.Add("/hosts", fmt.Sprintf("names what entry %d is for already", other))
			}
			claimed[h] = i
		}
		errs.AddAt(contract.Pointer(i), found.Err())
		out = append(out, p)
	}
	return out, errs
}

func compileClient(c *contract.ClientCertificates) (*ClientPolicy, contract.FieldErrors) {
	var errs contract.FieldErrors
	oneOf(&errs, "/mode", c.Mode, "", contract.ClientCertRequired, contract.ClientCertOptional)
	p := &ClientPolicy{Required: c.Mode != contract.ClientCertOptional, Roots: x509.NewCertPool(), hosts: c.Hosts, subjects: c.Subjects, sans: c.SANs}
	cas, err := certificates(c.CAPEM)
	errs.AddAt("/ca_pem", err)
	for _, ca := range cas {
		p.Roots.AddCert(ca)
	}
	p.crls, err = revocationLists(c.CRLPEM, cas)
	errs.AddAt("/crl_pem", err)
	if len(c.Subjects) > maxClientPatterns {
		errs.Add("/subjects", fmt.Sprintf("has more than %d patterns", maxClientPatterns))
	}
	if len(c.SANs) > maxClientPatterns {
		errs.Add("/sans", fmt.Sprintf("has more than %d patterns", maxClientPatterns))
	}
	for i, s := range c.Subjects {
		if s == "" || len(s) > 1024 {
			errs.Add(contract.Pointer("subjects", i), "has 1 to 1024 characters")
		}
	}
	for i, s := range c.SANs {
		kind, rest, _ := strings.Cut(s, ":")
		if !slices.Contains([]string{"dns", "email", "uri", "ip"}, kind) || rest == "" || len(s) > 1024 {
			errs.Add(contract.Pointer("sans", i), `must be "dns:", "email:", "uri:" or "ip:" and a pattern`)
		}
	}
	js, err := json.Marshal(c)
	errs.AddAt("", err)
	p.Digest = sha256.Sum256(js)
	return p, errs
}

func certificates(text string) (out []*x509.Certificate, err error) {
	if len(text) > maxClientPEM {
		return nil, fmt.Errorf("is larger than %d bytes", maxClientPEM)
	}
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a block %.40q: only CERTIFICATE blocks belong here", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d can't be parsed: %w", len(out)+1, err)
		}
		if !c.IsCA {
			return nil, fmt.Errorf("certificate %d (%.80s) is no authority's", len(out)+1, c.Subject)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return out, nil
}

// revocationLists reads lists, each of which one of the authorities must have
// signed: a list that nobody vouches for would revoke nothing, silently.
func revocationLists(text string, cas []*x509.Certificate) (out []*revocations, err error) {
	if len(text) > maxClientPEM {
		return nil, fmt.Errorf("is larger than %d bytes", maxClientPEM)
	}
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "X509 CRL" {
			return nil, errors.New(`holds something else than revocation lists in PEM ("-----BEGIN X509 CRL-----")`)
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("list %d can't be parsed: %w", len(out)+1, err)
		}
		at := slices.IndexFunc(cas, func(ca *x509.Certificate) bool { return l.CheckSignatureFrom(ca) == nil })
		if at < 0 {
			return nil, fmt.Errorf("list %d (%.80s) is signed by none of the authorities in ca_pem", len(out)+1, l.Issuer)
		}
		r := &revocations{key: cas[at].RawSubjectPublicKeyInfo, until: l.NextUpdate, serial: map[string]bool{}}
		for i := range l.RevokedCertificateEntries {
			r.serial[string(l.RevokedCertificateEntries[i].SerialNumber.Bytes())] = true
		}
		out = append(out, r)
	}
	return out, nil
}

// Covers reports whether the policy names the host itself; one that names none is
// for what is left.
func (p *ClientPolicy) Covers(host string) (named, rest bool) {
	return slices.ContainsFunc(p.hosts, func(h string) bool { return HostMatches(h, host) }), len(p.hosts) == 0
}

// ClientPolicyFor chooses the policy of a canonical host; nil: none.
func ClientPolicyFor(all []*ClientPolicy, host string) (out *ClientPolicy) {
	for _, p := range all {
		named, rest := p.Covers(host)
		if named {
			return p
		}
		if rest {
			out = p
		}
	}
	return out
}

// ErrNoClientCertificate says that none was shown where one is required.
var ErrNoClientCertificate = errors.New("a client certificate is required")

// Verify judges what a client showed: the certificate itself first.
func (p *ClientPolicy) Verify(shown []*x509.Certificate, now time.Time) error {
	if len(shown) == 0 {
		if p.Required {
			return ErrNoClientCertificate
		}
		return nil
	}
	if len(shown) > maxClientChain {
		return fmt.Errorf("the client's chain has more than %d certificates", maxClientChain)
	}
	o := x509.VerifyOptions{Roots: p.Roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range shown[1:] {
		o.Intermediates.AddCert(c)
	}
	chains, err := shown[0].Verify(o)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if err = p.unrevoked(chain, now); err == nil {
			return p.fits(shown[0])
		}
	}
	return err
}

// unrevoked looks for each certificate of a chain in the lists of who signed it. An
// authority is its key: it may have several certificates, and the client chooses
// which of them it shows.
func (p *ClientPolicy) unrevoked(chain []*x509.Certificate, now time.Time) error {
	for i := 0; i+1 < len(chain); i++ {
		for _, l := range p.crls {
			if !bytes.Equal(l.key, chain[i+1].RawSubjectPublicKeyInfo) {
				continue
			}
			if l.serial[string(chain[i].SerialNumber.Bytes())] {
				return fmt.Errorf("certificate %.80s was revoked", chain[i].Subject)
			}
			if !l.until.IsZero() && now.After(l.until) {
				return fmt.Errorf("the revocation list of %.80s is out of date", chain[i+1].Subject)
			}
		}
	}
	return nil
}

func (p *ClientPolicy) fits(c *x509.Certificate) error {
	if len(p.subjects) > 0 && !slices.ContainsFunc(p.subjects, func(s string) bool { return glob(s, c.Subject.String()) }) {
		return fmt.Errorf("the subject %.200s is not allowed", c.Subject)
	}
	if len(p.sans) == 0 {
		return nil
	}
	for _, name := range SANs(c) {
		if slices.ContainsFunc(p.sans, func(s string) bool { return glob(s, name) }) {
			return nil
		}
	}
	return errors.New("none of the certificate's alternative names is allowed")
}

// SANs are a certificate's alternative names, each with its kind before it.
func SANs(c *x509.Certificate) (out []string) {
	for _, n := range c.DNSNames {
		out = append(out, "dns:"+strings.ToLower(n))
	}
	for _, n := range c.EmailAddresses {
		out = append(out, "email:"+n)
	}
	for _, n := range c.URIs {
		out = append(out, "uri:"+n.String())
	}
	for _, n := range c.IPAddresses {
		out = append(out, "ip:"+n.String())
	}
	return out
}

// glob matches a pattern in which "*" stands for any characters, in linear time.
func glob(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], after
	}
}
