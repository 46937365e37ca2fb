package acme

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// selfSigned is a certificate that ends at a time and lasts for three hours.
func selfSigned(t *testing.T, until time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.example.com"}, NotBefore: until.Add(-3 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// TestHandsOver: what is stored is taken for a domain only where that lacks it. A
// certificate that is asked for beside its time is ordered, not found.
func TestHandsOver(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, other := selfSigned(t, now.Add(3*time.Hour)), selfSigned(t, now.Add(3*time.Hour))
	for name, row := range map[string]struct {
		stored pair
		has    []byte
		at     time.Time
		want   bool
	}{
		"the domain has none":      {one, nil, now, true},
		"it has an older one":      {one, other.chain, now, true},
		"it has this one":          {one, one.chain, now, false},
		"it has it without others": {pair{append(one.chain[:len(one.chain):len(one.chain)], other.chain...), one.key}, one.chain, now, false},
		"it is due":                {one, other.chain, now.Add(2*time.Hour + time.Minute), false},
		"the key is another's":     {pair{one.chain, other.key}, nil, now, false},
		"nothing of use":           {pair{}, nil, now, false},
	} {
		if got := handsOver(row.stored, string(row.has), row.at); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
