package gateway

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of an upload.
const (
	maxChain    = 10
	maxChainPEM = 128 << 10
	maxKeyPEM   = 32 << 10
)

// CertificateFacts is what a chain's first certificate says.
type CertificateFacts struct {
	Names       []string // DNS names
	CommonName  string
	Issuer      string
	NotBefore   time.Time
	NotAfter    time.Time
	Fingerprint string // SHA-256 in hexadecimal
	KeyType     string // such as "ECDSA P-256"
	Chain       int    // certificates
}

// chain is a parsed one: the certificate itself, then those that sign it.
type chain []*x509.Certificate

// parseUpload checks a chain and its key; pointers are into the upload. key is in
// PKCS #8 (RFC 5958).
func parseUpload(chainPEM, keyPEM string, now time.Time) (c chain, key []byte, errs contract.FieldErrors) {
	c, err := parseChain(chainPEM)
	if err == nil {
		err = c.check(now)
	}
	errs.AddAt("/chain_pem", err)
	signer, keyErr := parseKey(keyPEM)
	errs.AddAt("/key_pem", keyErr)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	if pub, ok := c[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(signer.Public()) {
		errs.Add("/key_pem", "is not the key of the chain's first certificate")
		return nil, nil, errs
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		errs.Add("/key_pem", "can't be stored: "+err.Error())
		return nil, nil, errs
	}
	return c, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseChain(text string) (chain, error) {
	if len(text) > maxChainPEM {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(text), maxChainPEM)
	}
	var out chain
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, errors.New("holds a private key: it belongs into key_pem")
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a block %.40q: only CERTIFICATE blocks belong here", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d can't be parsed: %w", len(out)+1, err)
		}
		if out = append(out, c); len(out) > maxChain {
			return nil, fmt.Errorf("has more than %d certificates", maxChain)
		}
	}
	switch {
	case len(out) == 0:
		return nil, errors.New(`holds no certificate in PEM ("-----BEGIN CERTIFICATE-----")`)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("has text after certificate %d that is no PEM block", len(out))
	}
	return out, nil
}

// check holds the chain to what clients will ask of it.
func (c chain) check(now time.Time) error {
	for i, k := range c {
		which := fmt.Sprintf("certificate %d (%.80s)", i+1, k.Subject)
		switch {
		case !now.Before(k.NotAfter):
			return fmt.Errorf("%s expired at %s", which, k.NotAfter.UTC().Format(time.RFC3339))
		case now.Before(k.NotBefore):
			return fmt.Errorf("%s is valid only from %s", which, k.NotBefore.UTC().Format(time.RFC3339))
		case i+1 < len(c):
			if err := k.CheckSignatureFrom(c[i+1]); err != nil {
				return fmt.Errorf("%s is not signed by the one after it (%.80s): the order is the certificate first, then each signer", which, c[i+1].Subject)
			}
		}
	}
	leaf := c[0]
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return errors.New("the first certificate is not for servers (no serverAuth in its extended key usage)")
	}
	if len(leaf.DNSNames) == 0 {
		return errors.New("the first certificate names no host (no DNS names in subjectAltName; browsers ignore the common name)")
	}
	if _, err := keyType(leaf.PublicKey); err != nil {
		return fmt.Errorf("the first certificate's %w", err)
	}
	return nil
}

// keyType names a public key that TLS servers may have.
func keyType(pub any) (string, error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 4096 {
			return "", fmt.Errorf("key is RSA of %d bits: 2048 to 4096 are allowed", n)
		}
		return fmt.Sprintf("RSA %d", k.N.BitLen()), nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return "", fmt.Errorf("key is ECDSA %s: P-256 and P-384 are allowed", k.Curve.Params().Name)
		}
		return "ECDSA " + k.Curve.Params().Name, nil
	case ed25519.PublicKey:
		return "Ed25519", nil
	}
	return "", errors.New("key is of a kind that TLS servers don't use")
}

// parseKey reads one private key in PKCS #8, PKCS #1 or SEC 1.
func parseKey(text string) (crypto.Signer, error) {
	if len(text) > maxKeyPEM {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(text), maxKeyPEM)
	}
	block, rest := pem.Decode([]byte(text))
	for block != nil && block.Type == "EC PARAMETERS" { // openssl ecparam puts them first
		block, rest = pem.Decode(rest)
	}
	switch {
	case block == nil:
		return nil, errors.New(`holds no private key in PEM ("-----BEGIN PRIVATE KEY-----")`)
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("is encrypted with a passphrase: decrypt it first (openssl pkey -in key.pem)")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("has more than one PEM block")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a block %.40q, not a private key", block.Type)
	}
	if err != nil {
		return nil, errors.New("can't be parsed as a private key") // the library's text may quote it
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("is of a kind that TLS servers don't use")
	}
	if _, err := keyType(signer.Public()); err != nil {
		return nil, fmt.Errorf("the %w", err)
	}
	return signer, nil
}

// hosts are the gateway's hosts that the certificate is to serve: those asked
// for, or all that it covers.
func (c chain) hosts(asked, gateway []string) (out []string, errs contract.FieldErrors) {
	if len(asked) == 0 {
		for _, h := range gateway {
			if c.covers(h) {
				out = append(out, h)
			}
		}
		if len(out) == 0 {
			errs.Add("/chain_pem", fmt.Sprintf("covers %s, but none of the gateway's hosts: %s", enumerate(c[0].DNSNames), enumerate(gateway)))
		}
		return out, errs
	}
	for i, h := range asked {
		h = strings.ToLower(strings.TrimSuffix(h, "."))
		switch at := contract.Pointer("hosts", i); {
		case !slices.Contains(gateway, h):
			errs.Add(at, fmt.Sprintf("is not a host of this gateway: it has %s", enumerate(gateway)))
		case !c.covers(h):
			errs.Add(at, fmt.Sprintf("is not covered by the certificate, which is for %s", enumerate(c[0].DNSNames)))
		case slices.Contains(out, h):
			errs.Add(at, "is listed twice")
		default:
			out = append(out, h)
		}
	}
	return out, errs
}

// covers reports whether the certificate is good for a host; for a wildcard, only
// if it has the very same one.
func (c chain) covers(host string) bool {
	if strings.HasPrefix(host, "*.") {
		return slices.ContainsFunc(c[0].DNSNames, func(n string) bool { return strings.EqualFold(n, host) })
	}
	return c[0].VerifyHostname(host) == nil
}

// pem writes the chain without whatever stood around it.
func (c chain) pem() string {
	var b bytes.Buffer
	for _, k := range c {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: k.Raw}) // a buffer takes everything
	}
	return b.String()
}

func (c chain) facts() CertificateFacts {
	leaf := c[0]
	kind, _ := keyType(leaf.PublicKey) // it was checked when it was uploaded
	sum := sha256.Sum256(leaf.Raw)
	issuer := leaf.Issuer.CommonName
	if issuer == "" {
		issuer = leaf.Issuer.String()
	}
	return CertificateFacts{
		Names: leaf.DNSNames, CommonName: leaf.Subject.CommonName, Issuer: issuer, NotBefore: leaf.NotBefore.UTC(),
		NotAfter: leaf.NotAfter.UTC(), Fingerprint: hex.EncodeToString(sum[:]), KeyType: kind, Chain: len(c),
	}
}

// readFacts reads a stored chain.
func readFacts(text string) (CertificateFacts, error) {
	c, err := parseChain(text)
	if err != nil {
		return CertificateFacts{}, err
	}
	return c.facts(), nil
}
