package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	certFile = "self-signed.pem"
	certLife = 397 * 24 * time.Hour
	certSoon = 30 * 24 * time.Hour // renewed at a start when it ends so soon
)

// SelfSigned returns the certificate that the edge shows where no gateway has one:
// for domain and every name under it. It is made at the first start and kept in
// dir.
func SelfSigned(dir, domain string, now time.Time) (*tls.Certificate, error) {
	path := filepath.Join(dir, certFile)
	c, err := tls.LoadX509KeyPair(path, path)
	if err == nil && c.Leaf != nil && c.Leaf.NotAfter.Sub(now) > certSoon && c.Leaf.VerifyHostname("x."+domain) == nil {
		return &c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// Damaged: it is worth nothing, make another.
		_ = os.Remove(path)
	}
	b, err := makeCertificate(domain, now)
	if err != nil {
		return nil, fmt.Errorf("make self-signed certificate: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("keep self-signed certificate: %w", err)
	}
	if c, err = tls.X509KeyPair(b, b); err != nil {
		return nil, fmt.Errorf("read self-signed certificate: %w", err)
	}
	return &c, nil
}

func makeCertificate(domain string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: domain, Organization: []string{"Tollgate edge, self-signed"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
		DNSNames: []string{domain, "*." + domain}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}
