package edge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/gateway-edge/match"
)

// tuneTLS adds to a listener's TLS what depends on the client's hello, and the
// ticket keys that all edges share.
func (e *Edge) tuneTLS(base *tls.Config) {
	e.tls = append(e.tls, base)
	e.setTicketKeys()
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, listen.ALPNChallenge) {
			return e.challengeTLS(hello)
		}
		p, gateway := e.snapshot.Table().ClientPolicy(hello)
		if p == nil {
			return nil, nil
		}
		return e.clientTLS(base, p, gateway), nil
	}
}

// clientTLS asks for a client certificate and judges it, in a resumed session too.
// Its tickets are good for this gateway under these very rules alone.
func (e *Edge) clientTLS(base *tls.Config, p *match.ClientPolicy, gateway string) *tls.Config {
	c := base.Clone()
	c.GetConfigForClient = nil
	c.ClientCAs = p.Roots
	c.ClientAuth = tls.RequestClientCert
	if p.Required {
		c.ClientAuth = tls.RequireAnyClientCert
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		return p.Verify(state.PeerCertificates, e.clock.Wall())
	}
	c.SetSessionTicketKeys(ticketKeys(e.cfg.Keys.TicketKey(), e.clock.Wall(), gateway+string(p.Digest[:])))
	return c
}

// Tickets: a key is used for an hour and understood for ticketHours more.
const (
	ticketHours = 12
	ticketEvery = time.Minute
)

// ticketKeys are the keys of session tickets at a moment, the one in use first:
// every edge has the same, so that a session goes on at any of them, and nothing
// has to be sent round. The next hour's is understood too, for edges whose clock is
// ahead. scope separates tickets that must not be exchanged.
func ticketKeys(secret []byte, now time.Time, scope string) [][32]byte {
	hour := uint64(now.Unix()) / 3600
	key := func(h uint64) [32]byte {
		mac := hmac.New(sha256.New, secret)
		_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, h))
		_, _ = mac.Write([]byte(scope))
		return [32]byte(mac.Sum(nil))
	}
	out := [][32]byte{key(hour), key(hour + 1)}
	for h := hour - 1; h >= hour-ticketHours; h-- {
		out = append(out, key(h))
	}
	return out
}

func (e *Edge) setTicketKeys() {
	for _, c := range e.tls {
		c.SetSessionTicketKeys(ticketKeys(e.cfg.Keys.TicketKey(), e.clock.Wall(), ""))
	}
}

// rotateTickets takes the next hour's key into use when the hour has come.
func (e *Edge) rotateTickets(ctx context.Context) error {
	if len(e.tls) == 0 {
		return nil
	}
	t := time.NewTicker(ticketEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			e.setTicketKeys()
		}
	}
}

// errNoChallenge ends handshakes of authorities that nobody has asked.
var errNoChallenge = errors.New("no order is under way for this name")

// challengeTLS answers a TLS-ALPN-01 challenge: a certificate of its own making
// that carries the digest of what was agreed (RFC 8737 3).
func (e *Edge) challengeTLS(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	auth, ok := e.challenges.KeyAuth(hello.Context(), host, "")
	if !ok {
		return nil, errNoChallenge
	}
	cert, err := challengeCertificate(host, auth, time.Now())
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{listen.ALPNChallenge}, Certificates: []tls.Certificate{*cert}, SessionTicketsDisabled: true,
	}, nil
}

// acmeIdentifier is id-pe-acmeIdentifier (RFC 8737 6.1).
var acmeIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

func challengeCertificate(host, keyAuth string, now time.Time) (*tls.Certificate, error) {
	digest := sha256.Sum256([]byte(keyAuth))
	value, err := asn1.Marshal(digest[:])
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "ACME challenge"}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: acmeIdentifier, Critical: true, Value: value}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
