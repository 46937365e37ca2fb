package provider

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func set(keys ...any) string {
	var out []string
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			out = append(out, k)
		case jose.JSONWebKey:
			b, err := k.MarshalJSON()
			if err != nil {
				panic(err)
			}
			out = append(out, string(b))
		}
	}
	return `{"keys":[` + strings.Join(out, ",") + `]}`
}

func rsaJWK(kid string, n *big.Int, e int) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":%q}`, kid, b64(n.Bytes()), b64(big.NewInt(int64(e)).Bytes()))
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	bits := func(n int) *big.Int {
		b := make([]byte, n/8)
		_, _ = rand.Read(b)
		b[0] |= 0x80
		b[len(b)-1] |= 1
		return new(big.Int).SetBytes(b)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec2, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "ec", Use: "sig", Algorithm: "ES256"}
	edKey := jose.JSONWebKey{Key: public, KeyID: "ed"}
	small := func(y, sign byte) string {
		b := make([]byte, 32)
		b[0], b[31] = y, sign
		return `{"kty":"OKP","crv":"Ed25519","kid":"small","x":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`
	}
	for _, tt := range []struct {
		name string
		in   string
		want []string
	}{
		{"good ones", set(ecKey, edKey, rsaJWK("rsa", bits(2048), 65537), rsaJWK("rsa3", bits(4096), 3)), []string{"ec", "ed", "rsa", "rsa3"}},
		{"a private key counts as its public half", set(jose.JSONWebKey{Key: private, KeyID: "leaked"}), []string{"leaked"}},
		{"symmetric", set(ecKey, `{"kty":"oct","kid":"hs","k":"AAAA"}`), []string{"ec"}},
		{"unknown kind", set(ecKey, `{"kty":"ML-DSA","kid":"pq"}`, `7`, `{}`), []string{"ec"}},
		{"for encryption", set(ecKey, jose.JSONWebKey{Key: &ec2.PublicKey, KeyID: "enc", Use: "enc"}), []string{"ec"}},
		{"weak RSA", set(ecKey, rsaJWK("r1024", bits(1024), 65537), rsaJWK("r16k", bits(16384), 65537), rsaJWK("e1", bits(2048), 1), rsaJWK("e2", bits(2048), 2)), []string{"ec"}},
		{"small order", set(ecKey, small(0, 0), small(1, 0), small(1, 0x80)), []string{"ec"}},
		{"off the curve", set(edKey, `{"kty":"EC","crv":"P-256","kid":"off","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`), []string{"ed"}},
		{"one kid, two keys", set(edKey, ecKey, jose.JSONWebKey{Key: &ec2.PublicKey, KeyID: "ec", Algorithm: "ES256"}), []string{"ed"}},
		{"one key twice", set(ecKey, ecKey), []string{"ec"}},
		{"nothing usable", set(`{"kty":"oct","kid":"hs","k":"AAAA"}`), nil},
		{"empty", `{"keys":[]}`, nil},
		{"not JSON", `<html>`, nil},
		{"too many", set(slices.Repeat([]any{ecKey}, 101)...), nil},
	} {
		s, err := parseKeys([]byte(tt.in))
		if (err != nil) != (tt.want == nil) {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		var got []string
		for kid := range s.byKid {
			got = append(got, kid)
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestKeyFits(t *testing.T) {
	t.Parallel()
	rsaPublic := &rsa.PublicKey{N: big.NewInt(1), E: 3}
	ec := func(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }
	for _, tt := range []struct {
		key  *Key
		fits []string
	}{
		{&Key{public: rsaPublic}, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{&Key{public: rsaPublic, alg: "PS256"}, []string{"PS256"}},
		{&Key{public: ec(elliptic.P256())}, []string{"ES256"}},
		{&Key{public: ec(elliptic.P384())}, []string{"ES384"}},
		{&Key{public: ec(elliptic.P521())}, []string{"ES512"}},
		{&Key{public: ec(elliptic.P224())}, nil},
		{&Key{public: ed25519.PublicKey{}}, []string{"EdDSA"}},
		{&Key{public: ed25519.PublicKey{}, alg: "HS256"}, nil},
	} {
		var got []string
		for _, a := range append([]string{"HS256", "none", "NONE", ""}, Algorithms...) {
			if tt.key.fits(a) {
				got = append(got, a)
			}
		}
		slices.Sort(got)
		slices.Sort(tt.fits)
		if !slices.Equal(got, tt.fits) {
			t.Errorf("%T %s fits %q, want %q", tt.key.public, tt.key.alg, got, tt.fits)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.AA")
	f.Fuzz(func(t *testing.T, raw string) {
		tok, err := ParseToken(raw, nil)
		if err != nil {
			return
		}
		// One form only: what was taken is what encoding it again gives.
		parts := strings.Split(raw, ".")
		for _, part := range parts {
			b, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || base64.RawURLEncoding.EncodeToString(b) != part {
				t.Fatalf("%q has a second form", raw)
			}
		}
		if tok.Header.Alg == "" || tok.Claims == nil {
			t.Fatalf("%+v", tok)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseKeys(raw)
		if err != nil {
			return
		}
		if !json.Valid(raw) || len(s.all()) == 0 {
			t.Fatalf("%q gave %d keys", raw, len(s.all()))
		}
		for _, k := range s.all() {
			if k.fits("HS256") || k.fits("none") {
				t.Fatalf("%q gave a symmetric key", raw)
			}
		}
	})
}
