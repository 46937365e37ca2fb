package contract

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// sampleNames is a gateway with domains of its own: their hosts, a certificate and
// rules for callers' certificates. sealed is the certificate's key as edges get it.
func sampleNames(sealed []byte) *Gateway {
	return &Gateway{
		Schema: 1, ID: "gw_1", Num: 11, Name: "shop", Label: "shop", Organization: "org_1", OrganizationNum: 5, Mode: ModeLive, Version: 7,
		Hosts:        []string{"shop.gw.example.net", "api.example.com", "*.example.com", "xn--mnchen-3ya.example"},
		Certificates: []Certificate{{Hosts: []string{"api.example.com"}, ChainPEM: "-----BEGIN CERTIFICATE-----\n", SealedKey: sealed}},
		ClientCertificates: []ClientCertificates{{
			Hosts: []string{"api.example.com"}, Mode: ClientCertOptional, CAPEM: "-----BEGIN CERTIFICATE-----\n", CRLPEM: "-----BEGIN X509 CRL-----\n",
			Subjects: []string{"CN=billing*"}, SANs: []string{"dns:*.partner.example"},
		}},
		Routes: []Route{{ID: "rt_1", Num: 9, Name: "all", Match: Match{Hosts: []string{"api.example.com", "*.example.com"}, Path: "/*"}}},
	}
}

// What edges are sent of names beside documents.
var (
	sampleChallenges = []Challenge{
		{Host: "api.example.com", Type: ChallengeHTTP, Token: "t0k_en", KeyAuth: "t0k_en.thumb-print"},
		{Host: "api.example.com", Type: ChallengeALPN, Token: "t0k_en", KeyAuth: "t0k_en.thumb-print"},
	}
	sampleEdgeCertificate = EdgeCertificate{ChainPEM: "-----BEGIN CERTIFICATE-----\n", KeyPEM: "-----BEGIN PRIVATE KEY-----\n"}
)

const sampleSealed = "-----BEGIN PRIVATE KEY-----\nof a domain\n"

// TestGoldenNames reads the stored bytes of what has to do with domains and their
// certificates: an edge and a worker of different releases go on understanding each
// other. Encrypted forms differ each time, so that only their reading is held.
func TestGoldenNames(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	dir := filepath.Join("testdata", "v"+strconv.Itoa(SchemaVersion))
	if *update {
		writeGoldenNames(t, keys, dir)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var g Gateway
	v, err := OpenDocument(keys.Edge.Verifier, KindGateway, read("names.bin"), &g)
	if err != nil || v != 7 || len(g.Certificates) != 1 {
		t.Fatalf("version %d, %v: %+v", v, err, g)
	}
	if want := sampleNames(g.Certificates[0].SealedKey); !reflect.DeepEqual(&g, want) {
		t.Errorf("%+v\nwant %+v", g, want)
	}
	if key, err := keys.Edge.OpenSecret(CertificateContext("gw_1"), g.Certificates[0].SealedKey); err != nil || string(key) != sampleSealed {
		t.Errorf("the certificate's key: %q, %v", key, err)
	}
	if _, err := keys.Edge.OpenSecret(CertificateContext("gw_2"), g.Certificates[0].SealedKey); err == nil {
		t.Error("the certificate's key can be opened for another gateway")
	}
	for i, want := range sampleChallenges {
		var c Challenge
		if err := DecodeSecretMessage(&keys.Edge, MessageChallenge, read("challenge-"+want.Type+".bin"), &c); err != nil || c != want {
			t.Errorf("challenge %d: %+v, %v", i, c, err)
		}
	}
	if a, b := sampleChallenges[0].RedisKey(), sampleChallenges[1].RedisKey(); a != "tg:acme:api.example.com:t0k_en" || b != "tg:acme:api.example.com:" {
		t.Errorf("challenges are looked up at %s and %s", a, b)
	}
	b := read("certificate.bin")
	var c EdgeCertificate
	if err := DecodeSecretMessage(&keys.Edge, MessageCertificate, b, &c); err != nil || c != sampleEdgeCertificate {
		t.Errorf("the edge domain's certificate: %+v, %v", c, err)
	}
	if DecodeSecretMessage(&keys.Edge, MessageChallenge, b, &Challenge{}) == nil {
		t.Error("a certificate passes for a challenge")
	}
}

func writeGoldenNames(t *testing.T, keys *RootKeys, dir string) {
	t.Helper()
	write := func(name string, b []byte, err error) {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := keys.Edge.SealSecret(CertificateContext("gw_1"), []byte(sampleSealed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := SignDocument(keys.Signer, KindGateway, 7, sampleNames(sealed))
	write("names.bin", b, err)
	for _, c := range sampleChallenges {
		b, err = EncodeSecretMessage(&keys.Edge, MessageChallenge, c)
		write("challenge-"+c.Type+".bin", b, err)
	}
	b, err = EncodeSecretMessage(&keys.Edge, MessageCertificate, sampleEdgeCertificate)
	write("certificate.bin", b, err)
}
