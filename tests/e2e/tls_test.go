package e2e

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/tests/harness"
)

// authority signs certificates of one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  crypto.Signer
	pem  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	return a
}

// sign signs a certificate under a new key; the first one is the authority's own.
func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, crypto.Signer, string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return out, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// leaf makes a certificate for client and server, with its key behind it in PEM.
func (a *authority) leaf(name string, hosts ...string) (tls.Certificate, string) {
	a.t.Helper()
	c, key, text := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: hosts, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	text += string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}, text
}

// revoke is a list of revoked certificates.
func (a *authority) revoke(certs ...tls.Certificate) string {
	a.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certs {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// call is one request over a new connection.
type call struct {
	sni, host string
	certs     []tls.Certificate
	headers   string
	cache     tls.ClientSessionCache
	quic      bool // over HTTP/3
}

// over sends it to an edge and returns the status, the body and whether the
// session was resumed.
func (c call) over(e *harness.Edge) (status int, body string, resumed bool, err error) {
	config := &tls.Config{
		ServerName: c.sni, InsecureSkipVerify: true, ClientSessionCache: c.cache, // the edge's own certificate is not what is tested
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // whomever the edge says it trusts
			if len(c.certs) == 0 {
				return &tls.Certificate{}, nil
			}
			return &c.certs[0], nil
		},
	}
	if c.quic {
		return c.overQUIC(e, config)
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(e.TLSPort), config)
	if err != nil {
		return 0, "", false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET /x HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n", c.host, c.headers); err != nil {
		return 0, "", false, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", false, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), conn.ConnectionState().DidResume, err
}

// overQUIC sends it over HTTP/3.
func (c call) overQUIC(e *harness.Edge, config *tls.Config) (status int, body string, resumed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	config.NextProtos = []string{http3.NextProtoH3}
	conn, err := quic.DialAddr(ctx, "127.0.0.1:"+strconv.Itoa(e.TLSPort), config, nil)
	if err != nil {
		return 0, "", false, err
	}
	defer func() { _ = conn.CloseWithError(0x100, "") }()
	r, err := http.NewRequestWithContext(ctx, "GET", "https://"+c.host+"/x", nil)
	if err != nil {
		return 0, "", false, err
	}
	for line := range strings.SplitSeq(c.headers, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Add(name, value)
		}
	}
	resp, err := (&http3.Transport{}).NewClientConn(conn).RoundTrip(r)
	if err != nil {
		return 0, "", false, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	time.Sleep(20 * time.Millisecond) // the session's ticket comes behind the handshake
	return resp.StatusCode, string(b), conn.ConnectionState().TLS.DidResume, err
}

// TestTLS: what gateways ask of their callers and show to their backends.
func TestTLS(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{Edges: 2})
	inside, outside, stranger := newAuthority(t, "Inside"), newAuthority(t, "Callers"), newAuthority(t, "Stranger")
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(harness.Object{"shown": r.TLS.PeerCertificates[0].Subject.CommonName, "sni": r.TLS.ServerName, "header": r.Header})
	}))
	served, _ := inside.leaf("backend", "backend.internal.example")
	pool := x509.NewCertPool()
	pool.AddCert(inside.cert)
	backend.TLS = &tls.Config{Certificates: []tls.Certificate{served}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	backend.StartTLS()
	t.Cleanup(backend.Close)

	api := c.SignUp("tls")
	_, gatewayPEM := inside.leaf("gateway")
	good, _ := outside.leaf("billing", "billing.partner.example")
	revoked, _ := outside.leaf("billing-old", "old.partner.example")
	other, _ := outside.leaf("marketing", "marketing.partner.example")
	foreign, _ := stranger.leaf("billing", "billing.partner.example")
	for _, name := range []string{"closed", "open"} {
		g := "/v1/gateways/" + name
		api.Must("POST", "/v1/gateways", harness.Object{"name": name})
		api.Must("PUT", g+"/secrets/client", harness.Object{"value": gatewayPEM})
		api.Must("PUT", g+"/upstreams/backend", harness.Object{
			"targets": []harness.Object{{"url": backend.URL}},
			"tls":     harness.Object{"ca_pem": inside.pem, "server_name": "backend.internal.example", "min_version": "1.3", "client_certificate": harness.Object{"secret": "client"}},
		})
		api.Must("PUT", g+"/routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "backend", "public": true})
	}
	api.Must("PUT", "/v1/gateways/closed", harness.Object{"name": "closed", "client_certificates": []harness.Object{{
		"ca_pem": outside.pem, "crl_pem": outside.revoke(revoked), "subjects": []string{"CN=billing*"}, "sans": []string{"dns:*.partner.example"},
	}}})
	api.WaitLive("closed")
	api.WaitLive("open")
	edge := c.Edges[0]
	const closed, open = "closed.localhost", "open.localhost"

	for _, quic := range []bool{false, true} {
		status, body, _, err := call{sni: closed, host: closed, quic: quic, certs: []tls.Certificate{good}, headers: "Client-Cert: :Zm9yZ2Vk:\r\nTollgate-Client-Subject: CN=root\r\n"}.over(edge)
		if err != nil || status != 200 || !strings.Contains(body, `"shown":"gateway"`) || !strings.Contains(body, `"sni":"backend.internal.example"`) ||
			!strings.Contains(body, `"Tollgate-Client-Subject":["CN=billing"]`) || !strings.Contains(body, "dns:billing.partner.example") || strings.Contains(body, "Zm9yZ2Vk") || strings.Contains(body, "CN=root") {
			t.Errorf("QUIC %v, a good certificate: %d %s, %v", quic, status, body, err)
		}
		for name, certs := range map[string][]tls.Certificate{"none": nil, "revoked": {revoked}, "another subject": {other}, "another authority": {foreign}} {
			if status, body, _, err := (call{sni: closed, host: closed, certs: certs, quic: quic}).over(edge); err == nil {
				t.Errorf("QUIC %v, certificate %s: the handshake ends well, %d %s", quic, name, status, body)
			}
		}
		for name, c := range map[string]struct {
			call
			want int
		}{
			"no server name":         {call{host: closed, certs: []tls.Certificate{good}}, 421},
			"another gateway's name": {call{sni: open, host: closed, certs: []tls.Certificate{good}}, 421},
			"the other way round":    {call{sni: closed, host: open, certs: []tls.Certificate{good}}, 421},
			"the open one":           {call{sni: open, host: open, headers: "Client-Cert: :Zm9yZ2Vk:\r\n"}, 200},
		} {
			c.quic = quic
			status, body, _, err := c.over(edge)
			if err != nil || status != c.want || strings.Contains(body, "Zm9yZ2Vk") {
				t.Errorf("QUIC %v, %s: %d %s, %v; want %d", quic, name, status, body, err, c.want)
			}
		}
	}
	if r := harness.NewCaller(1).Get(edge.Addr(), closed, "/x", ""); r.Status != 403 {
		t.Errorf("without TLS: %+v", r)
	}

	t.Run("tickets", func(t *testing.T) {
		for i, host := range []string{open, closed, open, closed} {
			cache := tls.NewLRUClientSessionCache(4)
			at := call{sni: host, host: host, certs: []tls.Certificate{good}, cache: cache, quic: i > 1}
			if _, _, resumed, err := at.over(c.Edges[0]); err != nil || resumed {
				t.Fatalf("%s: the first session: resumed %v, %v", host, resumed, err)
			}
			if status, body, resumed, err := at.over(c.Edges[1]); err != nil || !resumed || status != 200 {
				t.Errorf("%s: at the other edge: resumed %v, %d %s, %v", host, resumed, status, body, err)
			}
		}
	})

	t.Run("rules change", func(t *testing.T) {
		at := call{sni: closed, host: closed, certs: []tls.Certificate{good}, cache: tls.NewLRUClientSessionCache(4)}
		too := at
		too.quic, too.cache = true, tls.NewLRUClientSessionCache(4)
		for _, c := range []call{at, too} {
			if _, _, _, err := c.over(edge); err != nil {
				t.Fatal(err)
			}
		}
		api.Must("PUT", "/v1/gateways/closed", harness.Object{"name": "closed", "client_certificates": []harness.Object{{"ca_pem": outside.pem, "crl_pem": outside.revoke(good)}}})
		api.WaitLive("closed")
		for _, c := range []call{at, too} {
			if status, body, _, err := c.over(edge); err == nil {
				t.Errorf("QUIC %v: a session of before is resumed with a revoked certificate: %d %s", c.quic, status, body)
			}
		}
		api.Must("PUT", "/v1/gateways/closed", harness.Object{"name": "closed", "client_certificates": []harness.Object{{"mode": "optional", "ca_pem": outside.pem}}})
		api.WaitLive("closed")
		for name, c := range map[string]struct {
			certs []tls.Certificate
			ok    bool
		}{"none": {nil, true}, "good": {[]tls.Certificate{good}, true}, "foreign": {[]tls.Certificate{foreign}, false}} {
			if status, body, _, err := (call{sni: closed, host: closed, certs: c.certs}).over(edge); (err == nil) != c.ok || c.ok && status != 200 {
				t.Errorf("optional, %s: %d %s, %v", name, status, body, err)
			}
		}
	})

	t.Run("refused", func(t *testing.T) {
		for name, in := range map[string]harness.Object{
			"no CA":             {"ca_pem": "hello"},
			"a foreign list":    {"ca_pem": outside.pem, "crl_pem": stranger.revoke()},
			"no authority":      {"ca_pem": pemOf(good)},
			"an unknown host":   {"ca_pem": outside.pem, "hosts": []string{"www.example.com"}},
			"a kindless name":   {"ca_pem": outside.pem, "sans": []string{"*.example.com"}},
			"a mode that isn't": {"ca_pem": outside.pem, "mode": "never"},
		} {
			r, err := api.Do("PUT", "/v1/gateways/closed", harness.Object{"name": "closed", "client_certificates": []harness.Object{in}})
			if err != nil || r.Status != 422 || !strings.Contains(string(r.Body), "/client_certificates/0") {
				t.Errorf("%s: %v %+v", name, err, r)
			}
		}
		r, err := api.Do("DELETE", "/v1/gateways/open/secrets/client", nil)
		if err != nil || r.Status != 409 {
			t.Errorf("a secret that an upstream shows: %v %+v", err, r)
		}
	})
}

func pemOf(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}
