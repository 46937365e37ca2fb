package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/tests/harness"
)

// leaf makes a certificate for hosts that signs itself, and its key, in PEM.
func leaf(t *testing.T, hosts ...string) (cert *x509.Certificate, certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// served is the fingerprint-like serial of the certificate that an edge serves to
// a client that trusts roots and asks for host by SNI; the error is the client's.
func served(e *harness.Edge, host string, roots *x509.CertPool) (*big.Int, error) {
	c, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(e.TLSPort), &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber, nil
}

// servedQUIC is the same over HTTP/3.
func servedQUIC(e *harness.Edge, host string, roots *x509.CertPool) (*big.Int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := quic.DialAddr(ctx, fmt.Sprintf("127.0.0.1:%d", e.TLSPort), &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{http3.NextProtoH3}}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.CloseWithError(0x100, "") }()
	return c.ConnectionState().TLS.PeerCertificates[0].SerialNumber, nil
}

// TestCertificatesAreServedBySNI uploads a certificate to each of two gateways of
// two organizations: every edge serves each host its own, and no gateway can have
// one for the other's host.
func TestCertificatesAreServedBySNI(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{Edges: 2})
	b := harness.StartBackend(t, "only")
	roots := x509.NewCertPool()
	type site struct {
		*shop
		cert     *x509.Certificate
		pem, key string
	}
	var sites []*site
	for _, name := range []string{"first", "second"} {
		s := &site{shop: newShop(t, c, name, []*harness.Backend{b}, nil)}
		s.put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "public": true})
		s.cert, s.pem, s.key = leaf(t, s.host)
		roots.AddCert(s.cert)
		o := s.put("certificates/front", harness.Object{"chain_pem": s.pem, "key_pem": s.key})
		if o["state"] != "expiring" || o["days_left"].(float64) != 9 || fmt.Sprint(o["hosts"]) != "["+s.host+"]" {
			t.Errorf("shown as %v", o)
		}
		if text := fmt.Sprint(s.api.Must("GET", "/v1/gateways/"+name+"/certificates", nil)); strings.Contains(text, "PRIVATE") {
			t.Error("a private key is shown")
		}
		sites = append(sites, s)
	}
	for _, s := range sites {
		s.api.WaitLive(s.name)
		for _, e := range c.Edges {
			if serial, err := served(e, s.host, roots); err != nil || serial.Cmp(s.cert.SerialNumber) != 0 {
				t.Errorf("%s for %s: %v, %v", e.ID, s.host, serial, err)
			}
			if serial, err := servedQUIC(e, s.host, roots); err != nil || serial.Cmp(s.cert.SerialNumber) != 0 {
				t.Errorf("%s for %s over HTTP/3: %v, %v", e.ID, s.host, serial, err)
			}
		}
	}
	foreign, err := sites[1].api.Do("PUT", "/v1/gateways/second/certificates/stolen", harness.Object{"chain_pem": sites[0].pem, "key_pem": sites[0].key})
	if err != nil || foreign.Status != 422 || !strings.Contains(string(foreign.Body), `"/chain_pem"`) {
		t.Errorf("another organization's host: %d %s, %v", foreign.Status, foreign.Body, err)
	}
	mixed, err := sites[0].api.Do("PUT", "/v1/gateways/first/certificates/front", harness.Object{"chain_pem": sites[0].pem, "key_pem": sites[1].key})
	if err != nil || mixed.Status != 422 || !strings.Contains(string(mixed.Body), `"/key_pem"`) {
		t.Errorf("another key: %d %s, %v", mixed.Status, mixed.Body, err)
	}
	s := sites[0]
	if r, err := s.api.Do("DELETE", "/v1/gateways/first/certificates/front", nil); err != nil || r.Status != 204 {
		t.Fatal(r, err)
	}
	s.api.WaitLive(s.name)
	for _, e := range c.Edges {
		if _, err := served(e, s.host, roots); err == nil {
			t.Errorf("%s still serves a certificate that was deleted", e.ID)
		}
		if _, err := servedQUIC(e, s.host, roots); err == nil {
			t.Errorf("%s still serves a certificate that was deleted over HTTP/3", e.ID)
		}
	}
}

// budget finds one budget of an answer by its name.
func budget(t *testing.T, o harness.Object, name string) harness.Object {
	t.Helper()
	list, _ := o["budgets"].([]any)
	for _, b := range list {
		if b := b.(harness.Object); b["name"] == name {
			return b
		}
	}
	t.Fatalf("no budget %s in %v", name, o)
	return nil
}

// TestKeyLimits spends a key's own quota and the usage plan's side by side, reads
// what is left, and rotates the key: the successor goes on with what is left.
func TestKeyLimits(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{Edges: 2})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, "limits", []*harness.Backend{b}, nil)
	s.put("usage-plans/basic", harness.Object{"quota": harness.Object{"limit": 6, "period": "day"}})
	s.keyed("all", "/*")
	s.put("consumers/alice", harness.Object{"usage_plan": "basic"})
	s.api.WaitLive(s.name)
	_, plain := s.api.Key(s.name, "alice", nil)
	id, own := s.api.Key(s.name, "alice", harness.Object{"limits": harness.Object{"quota": harness.Object{"limit": 12, "period": "day"}}})
	spend := func(key string, n int) (good int) {
		for i := range n {
			if r := s.call.Get(c.Edges[i%2].Addr(), s.host, "/x", key); r.Status == 200 {
				good++
			} else if r.Status != 429 || r.Code != "quota_exceeded" {
				t.Fatalf("call %d: %d %s", i, r.Status, r.Body)
			}
		}
		return good
	}
	first := s.waitKey("/x", own)
	got := first + spend(own, 4)
	keyPath := "/v1/gateways/limits/keys/"
	err := harness.Until(t.Context(), 10*time.Second, func() error {
		q := budget(t, s.api.Must("GET", keyPath+id, nil), "quota")
		if q["used"] != float64(got) || q["remaining"] != float64(12-got) || q["from"] != "key" || q["source"] != "live" {
			return fmt.Errorf("%d were answered, the budget says %v", got, q)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	o := s.api.Must("POST", keyPath+id+"/rotate", harness.Object{})
	next := o["key"].(string)
	more := s.waitKey("/x", next)
	if sum := got + more + spend(next, 6) + spend(own, 2); sum != 12 {
		t.Errorf("a key and its successor were answered %d times of 12", sum)
	}
	if n := s.waitKey("/x", plain) + spend(plain, 8); n != 6 {
		t.Errorf("the plan's own quota answered %d times of 6", n)
	}
	list := s.api.Must("GET", "/v1/gateways/limits/consumers?budgets=true", nil)
	if q := budget(t, list["items"].([]any)[0].(harness.Object), "quota"); q["by"] != "consumer" || q["limit"] != float64(6) {
		t.Errorf("the consumer's budget: %v", q)
	}
	r, err := s.api.Do("PUT", keyPath+id, harness.Object{"limits": harness.Object{"concurrency": 900000, "quota": harness.Object{"limit": 0, "period": "day"}}})
	if err != nil || r.Status != 422 || !strings.Contains(string(r.Body), "/limits/quota/limit") {
		t.Errorf("bad limits: %d %s, %v", r.Status, r.Body, err)
	}
}

// TestTokensCountUnderTheirConsumer gives a consumer a key and an identity of a
// real provider: both count under it, a stranger's token does not.
func TestTokensCountUnderTheirConsumer(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	c := harness.New(t, harness.Options{})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, "callers", []*harness.Backend{b}, nil)
	s.put("routes/tokens", harness.Object{"match": harness.Object{"path": "/t/*"}, "upstream": "app", "policies": []harness.Object{
		{"type": "jwt", "config": harness.Object{"issuer": o.Issuer, "audiences": []string{"shop"}}},
	}})
	s.keyed("keys", "/k/*")
	s.put("consumers/alice", harness.Object{"identities": []harness.Object{{"issuer": o.Issuer, "subject": "alice"}}})
	_, key := s.api.Key(s.name, "alice", nil)
	s.api.WaitLive(s.name)
	edge := c.Edges[0].Addr()
	want := int64(s.waitKey("/k/x", key))
	tokens := map[string]string{"alice": o.Token(t, "shop", "subject", "alice"), "eve": o.Token(t, "shop", "subject", "eve")}
	for range 7 {
		for who, token := range tokens {
			if r := s.call.Get(edge, s.host, "/t/x", "", "Authorization", "Bearer "+token); r.Status != 200 {
				t.Fatalf("%s: %d %s", who, r.Status, r.Body)
			}
		}
		want++
	}
	got := s.usage("consumer", map[string]int64{"alice": want, "tokens of no consumer": 7}, 15*time.Second)
	if got["alice"] != want || got["tokens of no consumer"] != 7 {
		t.Errorf("usage by consumer: %v, want alice %d and unmatched 7", got, want)
	}
	// The identity moves: from the next call on it counts under its new owner.
	s.put("consumers/alice", harness.Object{})
	s.put("consumers/bob", harness.Object{"identities": []harness.Object{{"issuer": o.Issuer, "subject": "alice"}}})
	err := harness.Until(t.Context(), 15*time.Second, func() error {
		s.call.Get(edge, s.host, "/t/x", "", "Authorization", "Bearer "+tokens["alice"])
		if n := s.usage("consumer", map[string]int64{}, 0)["bob"]; n == 0 {
			return fmt.Errorf("nothing counts under bob: %v", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
