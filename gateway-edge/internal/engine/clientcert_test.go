package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestCertificateFacts: what policies see is the leaf's, and only that.
func TestCertificateFacts(t *testing.T) {
	t.Parallel()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pay", Organization: []string{"Bank"}}, NotBefore: end.Add(-time.Hour), NotAfter: end,
		DNSNames: []string{"Pay.Bank.example"}, EmailAddresses: []string{"pay@bank.example"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "bank", Path: "/pay"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	got := NewClientCert([]*x509.Certificate{leaf}).facts
	if len(got.Fingerprint) != 64 {
		t.Errorf("fingerprint %q", got.Fingerprint)
	}
	got.Fingerprint = ""
	want := policy.Certificate{
		Subject: "CN=pay,O=Bank", CommonName: "pay", DNSNames: []string{"pay.bank.example"}, Emails: []string{"pay@bank.example"}, URIs: []string{"spiffe://bank/pay"}, NotAfter: end.Unix(),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
