package edge

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"testing"
	"time"
)

// TestTicketKeys: what one edge makes the others open, for as long as it is good.
func TestTicketKeys(t *testing.T) {
	t.Parallel()
	secret, now := []byte("secret"), time.Date(2026, 1, 2, 3, 59, 59, 0, time.UTC)
	first := ticketKeys(secret, now, "")[0]
	for after, want := range map[time.Duration]bool{-time.Hour: true, time.Second: true, ticketHours * time.Hour: true, (ticketHours + 1) * time.Hour: false} {
		if slices.Contains(ticketKeys(secret, now.Add(after), ""), first) != want {
			t.Errorf("%s later a ticket is understood: %v", after, !want)
		}
	}
	if ticketKeys(secret, now.Add(time.Hour), "")[0] == first {
		t.Error("the key in use does not change")
	}
	if slices.Contains(ticketKeys(secret, now, "gateway"), first) || slices.Contains(ticketKeys([]byte("other"), now, ""), first) {
		t.Error("another scope or secret has the same key")
	}
}

// TestChallengeCertificate is RFC 8737 3: the digest in a critical extension, and
// no other name.
func TestChallengeCertificate(t *testing.T) {
	t.Parallel()
	c, err := challengeCertificate("a.example.com", "token.thumb", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(leaf.DNSNames, []string{"a.example.com"}) {
		t.Errorf("names %v", leaf.DNSNames)
	}
	digest := sha256.Sum256([]byte("token.thumb"))
	want := append([]byte{4, 32}, digest[:]...) // an OCTET STRING
	for _, x := range leaf.Extensions {
		if x.Id.Equal(acmeIdentifier) && x.Critical && bytes.Equal(x.Value, want) {
			return
		}
	}
	t.Errorf("no good extension in %v", leaf.Extensions)
}
