package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

type ca struct {
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func testCA(t testing.TB) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert, key}
}

func (c *ca) issue(t testing.TB, host string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.cert, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestTLS is row B09: verified by the configured name, which is the SNI; never a
// downgrade.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority, stranger := testCA(t), testCA(t)
	good := authority.issue(t, "backend.example", time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		cert tls.Certificate
		edit func(*balance.Spec)
		ok   bool
	}{
		"good":              {good, func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, true},
		"expired":           {authority.issue(t, "backend.example", time.Now().Add(-time.Minute)), func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, false},
		"wrong host":        {authority.issue(t, "other.example", time.Now().Add(time.Hour)), func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, false},
		"another authority": {good, func(s *balance.Spec) { s.TLS.CAPEM = stranger.pem }, false},
		"system roots":      {good, func(*balance.Spec) {}, false},
		"not verified":      {good, func(s *balance.Spec) { s.TLS.SkipVerify = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sni atomic.Value
			cfg := &tls.Config{Certificates: []tls.Certificate{c.cert}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { sni.Store(h.ServerName); return nil, nil }}
			url := echo(t, func(nc net.Conn) { copyBack(tls.Server(nc, cfg)) })
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
			ps := newPools(t, Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}})
			p := ps.pool(t, "https://backend.example:"+port, c.edit)
			conn, err := take(p, t.Context(), time.Time{})
			if (err == nil) != c.ok || !c.ok && CodeOf(err) != contract.CodeUpstreamTLS {
				t.Fatal(err)
			}
			if sni.Load() != "backend.example" {
				t.Errorf("SNI is %v", sni.Load())
			}
			if c.ok {
				roundTrip(t, conn)
				if conn.Raw != nil {
					t.Error("a TLS connection has a RawConn for the engine")
				}
				p.Put(conn, p.pools.now())
				if again := get(t, p); again != conn {
					t.Error("not reused")
				}
				p.Discard(conn)
			}
		})
	}
}

// TestHTTP2: clear text and TLS, over the pool's own dialer, with the given
// authority and without redirects.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	authority := testCA(t)
	for _, protocol := range []string{"h2c", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(http.StatusFound)
				_, _ = io.WriteString(w, r.Proto+" "+r.Host+" "+r.URL.RequestURI())
			})}
			srv.Protocols.SetHTTP2(true)
			srv.Protocols.SetUnencryptedHTTP2(true)
			scheme := "http"
			if protocol == "h2" {
				scheme = "https"
				srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{authority.issue(t, "backend.example", time.Now().Add(time.Hour))}}
				go func() { _ = srv.ServeTLS(ln, "", "") }()
			} else {
				go func() { _ = srv.Serve(ln) }()
			}
			t.Cleanup(func() { _ = srv.Close() })
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			ps := newPools(t, Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}})
			p := ps.pool(t, scheme+"://backend.example:"+port, func(s *balance.Spec) { s.Protocol = protocol; s.TLS.CAPEM = authority.pem })
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://x/a%2Bb?c=1;d", nil)
			req.Host = "api.example"
			resp, err := p.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 302 || string(body) != "HTTP/2.0 api.example /a%2Bb?c=1;d" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if _, err := ps.pool(t, "http://127.0.0.1:1234").RoundTrip(req); err == nil {
				t.Error("a pool of HTTP/1.1 spoke HTTP/2")
			}
		})
	}
	// The dialer's error comes through.
	ps := newPools(t, Config{})
	p := ps.pool(t, fmt.Sprintf("http://127.0.0.1:%d", testport.Free(t)), func(s *balance.Spec) { s.Protocol = "h2c" })
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://x/", nil)
	_, err := p.RoundTrip(req)
	var e *Error
	if !errors.As(err, &e) || e.Code != contract.CodeUpstreamUnavailable {
		t.Errorf("%T %v", err, err)
	}
}
