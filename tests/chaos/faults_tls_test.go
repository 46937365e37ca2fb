package chaos

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// fakeCA is an authority of one test.
type fakeCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newFakeCA(t *testing.T) *fakeCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faults"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &fakeCA{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue makes a certificate for a name, or for 127.0.0.1, that ends at until.
func (a *fakeCA) issue(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// untrusted is B09: none of these backends gets a request, in whatever form.
func untrusted(t *testing.T, s *names) {
	ours, theirs := newFakeCA(t), newFakeCA(t)
	soon := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		cert  tls.Certificate
		old   bool
		stall bool
		ok    bool
	}{
		"good":              {cert: ours.issue(t, "127.0.0.1", soon), ok: true},
		"expired":           {cert: ours.issue(t, "127.0.0.1", time.Now().Add(-time.Hour))},
		"another host":      {cert: ours.issue(t, "other.test", soon)},
		"another authority": {cert: theirs.issue(t, "127.0.0.1", soon)},
		"TLS 1.1":           {cert: ours.issue(t, "127.0.0.1", soon), old: true},
		"stalled":           {stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := make(chan string, 64)
			go func() {
				for {
					raw, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer raw.Close()
						if c.stall {
							time.Sleep(10 * time.Second)
							return
						}
						cfg := &tls.Config{Certificates: []tls.Certificate{c.cert}}
						if c.old {
							cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
						}
						conn := tls.Server(raw, cfg)
						buf := make([]byte, 4096)
						n, err := conn.Read(buf)
						if err != nil {
							return
						}
						got <- string(buf[:n])
						_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
					}()
				}
			}()
			p := over(t, s, "https://"+l.Addr().String(), harness.Object{"tls": harness.Object{"ca_pem": ours.pem}, "outlier_detection": harness.Object{"disabled": true}})
			began := time.Now()
			r := p.get(p.Edges[0], "/x", "")
			took := time.Since(began)
			switch {
			case c.ok && r.Status != 200:
				t.Errorf("%d %s", r.Status, r.Code)
			case c.stall && (r.Status != 502 && r.Status != 504 || took > 6*time.Second):
				t.Errorf("%d %s after %v", r.Status, r.Code, took)
			case !c.ok && !c.stall && (r.Status != 502 || r.Code != "upstream_tls"):
				t.Errorf("%d %s", r.Status, r.Code)
			}
			t.Logf("%d %s after %v", r.Status, r.Code, took.Round(time.Millisecond))
			select {
			case text := <-got:
				if !c.ok || !strings.HasPrefix(text, "GET /x ") {
					t.Errorf("the backend got %q", text)
				}
			default:
				if c.ok {
					t.Error("the backend got nothing")
				}
			}
		})
	}
}
