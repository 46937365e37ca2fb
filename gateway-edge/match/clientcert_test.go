package match

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"CN=a", "CN=a", true},
		{"CN=a", "CN=ab", false},
		{"CN=a*", "CN=ab", true},
		{"*", "", true},
		{"dns:*.example.com", "dns:a.example.com", true},
		{"dns:*.example.com", "dns:example.com", false},
		{"dns:*.example.com", "dns:a.example.com.evil", false},
		{"a*b*c", "a1b2c", true},
		{"a*b*c", "a1c2b", false},
		{"ab*ba", "aba", false}, // the two ends share no character
		{strings.Repeat("a*", 500) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%.40q, %.40q) is %v", c.pattern, c.s, got)
		}
	}
}

func TestClientPolicyFor(t *testing.T) {
	t.Parallel()
	named, rest := &ClientPolicy{hosts: []string{"a.com", "*.b.com"}}, &ClientPolicy{}
	all := []*ClientPolicy{rest, named}
	for host, want := range map[string]*ClientPolicy{"a.com": named, "x.b.com": named, "b.com": rest, "x.y.b.com": rest} {
		if ClientPolicyFor(all, host) != want {
			t.Errorf("%s gets another policy", host)
		}
	}
	if ClientPolicyFor(all[1:], "c.com") != nil {
		t.Error("a host that nobody names gets a policy")
	}
}

// TestClientCertificatesTwice: two entries for one host could only contradict.
func TestClientCertificatesTwice(t *testing.T) {
	t.Parallel()
	list := []contract.ClientCertificates{{Hosts: []string{"a.com"}}, {Hosts: []string{"a.com"}}, {}, {}}
	_, errs := CompileClientCertificates(list, []string{"a.com"})
	text := errs.Error()
	for _, want := range []string{"/1/hosts: names what entry 0 is for already", "/3/hosts: names what entry 2 is for already", "/0/ca_pem: holds no certificate"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// testCA is an authority.
type testCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newTestKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue signs a certificate for a key; by nil signs with the key itself.
func issue(t *testing.T, by *testCA, key *ecdsa.PrivateKey, serial int64, name string, ca bool) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if by == nil {
		by = &testCA{key, template}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pemOf(kind string, der ...[]byte) (out string) {
	for _, b := range der {
		out += string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return out
}

// TestRevokedByWhateverChain: an authority that was certified again is the same
// authority. A client chooses which of its certificates it shows.
func TestRevokedByWhateverChain(t *testing.T) {
	t.Parallel()
	rootKey, subKey := newTestKey(t), newTestKey(t)
	root := &testCA{rootKey, issue(t, nil, rootKey, 1, "root", true)}
	sub := &testCA{subKey, issue(t, root, subKey, 2, "sub", true)}
	again := issue(t, root, subKey, 3, "sub", true)
	leaf, other := issue(t, sub, newTestKey(t), 77, "revoked", false), issue(t, sub, newTestKey(t), 78, "good", false)
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: time.Now().Add(-time.Minute)}},
	}, sub.cert, sub.key)
	if err != nil {
		t.Fatal(err)
	}
	list := []contract.ClientCertificates{{CAPEM: pemOf("CERTIFICATE", root.cert.Raw, sub.cert.Raw), CRLPEM: pemOf("X509 CRL", crl)}}
	all, errs := CompileClientCertificates(list, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for name, chain := range map[string][]*x509.Certificate{"alone": {leaf}, "as configured": {leaf, sub.cert}, "certified again": {leaf, again}} {
		if err := all[0].Verify(chain, time.Now()); err == nil || !strings.Contains(err.Error(), "was revoked") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, chain := range [][]*x509.Certificate{{other}, {other, again}} {
		if err := all[0].Verify(chain, time.Now()); err != nil {
			t.Error(err)
		}
	}
}
