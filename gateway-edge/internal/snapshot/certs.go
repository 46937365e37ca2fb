package snapshot

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// certificate is one certificate of a gateway, parsed.
type certificate struct {
	hosts []string
	cert  *tls.Certificate
}

func (b *builder) certificates() ([]*certificate, error) {
	var errs contract.FieldErrors
	var out []*certificate
	for i := range b.doc.Certificates {
		d := &b.doc.Certificates[i]
		keyPEM, err := b.s.cfg.Keys.OpenSecret(contract.CertificateContext(b.doc.ID), d.SealedKey)
		if err != nil {
			errs.AddAt(contract.Pointer(i, "sealed_key"), err)
			continue
		}
		c, err := tls.X509KeyPair([]byte(d.ChainPEM), keyPEM)
		if err != nil {
			errs.AddAt(contract.Pointer(i), fmt.Errorf("certificate can't be used: %w", err))
			continue
		}
		out = append(out, &certificate{d.Hosts, &c})
	}
	return out, errs.Err()
}

// Certificate chooses the certificate for a TLS handshake: the gateway that
// answers for the server name has one for it, or fallback is served. It is
// tls.Config.GetCertificate once bound to its fallback.
func (t *Table) Certificate(hello *tls.ClientHelloInfo, fallback *tls.Certificate) (*tls.Certificate, error) {
	if c := t.certificate(hello); c != nil {
		return c, nil
	}
	if fallback == nil {
		return nil, errors.New("no certificate for this server name")
	}
	return fallback, nil
}

func (t *Table) certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	c := t.serving(hello, name)
	if c == nil {
		return nil
	}
	var wild *tls.Certificate
	for _, k := range c.certs {
		for _, h := range k.hosts {
			if h == name {
				return k.cert
			}
			if _, rest, ok := strings.Cut(name, "."); ok && h == "*."+rest {
				wild = k.cert
			}
		}
	}
	return wild
}
