package jwt_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/jwt"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// hmacToken signs with a public key as the secret of HS256, the classic
// confusion.
func hmacToken(secret []byte) string {
	input := b64(`{"alg":"HS256","kid":"rsa","typ":"JWT"}`) + "." + b64(string(claims(nil)))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input))
	return input + "." + b64(string(h.Sum(nil)))
}

// TestAttacks sends what reliability.md 3.8 lists; every one is refused and none
// makes the edge fetch anything but the issuer's own two documents.
func TestAttacks(t *testing.T) {
	ec, good := keys()["ec"], token("ec", nil)
	parts := strings.Split(good, ".")
	der, err := x509.MarshalPKIXPublicKey(keys()["rsa"].private.Public())
	if err != nil {
		t.Fatal(err)
	}
	own := string(keys()["ec2"].jwk("ES256"))
	head := func(extra string) string {
		return ec.signRaw(`{"alg":"ES256","kid":"ec","typ":"JWT"`+extra+`}`, claims(nil))
	}
	payload := func(s string) string { return ec.signRaw(`{"alg":"ES256","kid":"ec"}`, []byte(s)) }
	attacks := map[string]string{
		"JWT01 none":                 b64(`{"alg":"none"}`) + "." + parts[1] + ".",
		"JWT01 None":                 b64(`{"alg":"None","kid":"ec"}`) + "." + parts[1] + "." + parts[2],
		"JWT01 empty signature":      parts[0] + "." + parts[1] + ".",
		"JWT02 public key as secret": hmacToken(der),
		"JWT02 jwk as secret":        hmacToken(keys()["rsa"].jwk("RS256")),
		"JWT02 RS256 by an EC key":   ec.sign(map[string]any{"alg": "RS256"}, claims(nil)),
		"JWT02 ES256 for the P-384":  keys()["p384"].sign(map[string]any{"alg": "ES256"}, claims(nil)),
		"JWT02 not allowed":          keys()["p384"].sign(nil, claims(nil)),
		"JWT03 jwk":                  keys()["ec2"].signRaw(`{"alg":"ES256","kid":"ec","jwk":`+own+`}`, claims(nil)),
		"JWT03 jwk, own kid":         keys()["ec2"].signRaw(`{"alg":"ES256","jwk":`+own+`}`, claims(nil)),
		"JWT03 jku":                  head(`,"jku":"https://evil.example/jwks"`),
		"JWT03 x5u":                  head(`,"x5u":"https://evil.example/x"`),
		"JWT03 x5c":                  head(`,"x5c":["AAAA"]`),
		"JWT04 path":                 ec.sign(map[string]any{"kid": "../../x"}, claims(nil)),
		"JWT04 SQL":                  ec.sign(map[string]any{"kid": "' OR 1=1 --"}, claims(nil)),
		"JWT04 NUL":                  ec.sign(map[string]any{"kid": "ec\x00"}, claims(nil)),
		"JWT04 long":                 ec.sign(map[string]any{"kid": strings.Repeat("k", 300)}, claims(nil)),
		"JWT04 empty":                ec.sign(map[string]any{"kid": ""}, claims(nil)),
		"JWT04 number":               ec.signRaw(`{"alg":"ES256","kid":7}`, claims(nil)),
		"JWT04 absent of several":    ec.sign(map[string]any{"kid": nil}, claims(nil)),
		"JWT09 crit":                 head(`,"crit":["x"],"x":1`),
		"JWT09 b64":                  head(`,"b64":false,"crit":["b64"]`),
		"JWT10 JWE":                  b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000000}`) + ".a.b.c.d",
		"JWT10 PBES2":                b64(`{"alg":"PBES2-HS256+A128KW","p2c":1000000000}`) + "." + parts[1] + "." + parts[2],
		"JWT10 nested":               head(`,"cty":"JWT"`),
		"JWT10 zip":                  head(`,"zip":"DEF"`),
		"JWT10 other type":           ec.sign(map[string]any{"typ": "logout+jwt"}, claims(nil)),
		"JWT11 dots":                 strings.Repeat(".", 8000),
		"JWT11 long":                 good + strings.Repeat("A", 8200),
		"JWT13 repeated claim":       payload(strings.Replace(string(claims(nil)), "{", `{"sub":"root",`, 1)),
		"JWT13 repeated header":      head(`,"alg":"ES256"`),
		"JWT13 deep":                 payload(strings.Replace(string(claims(nil)), "{", `{"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,`, 1)),
		"JWT13 invalid UTF-8":        payload(strings.Replace(string(claims(nil)), "alice", "al\xffce", 1)),
		"JWT13 BOM":                  payload("\xef\xbb\xbf" + string(claims(nil))),
		"JWT13 behind the object":    payload(string(claims(nil)) + "{}"),
		"JWT13 array":                payload(`[]`),
		"JWT13 null":                 payload(`null`),
		"JWT13 padding":              parts[0] + "." + parts[1] + "." + parts[2] + "=",
		"JWT13 space inside":         parts[0] + ". " + parts[1] + "." + parts[2],
		"JWT13 std alphabet":         strings.NewReplacer("-", "+", "_", "/").Replace(ec.sign(nil, claims(map[string]any{"x": "ÿÿÿÿÿ???>>>"}))),
		"changed payload":            parts[0] + "." + b64(string(claims(map[string]any{"sub": "root"}))) + "." + parts[2],
		"changed signature":          parts[0] + "." + parts[1] + "." + flip(parts[2]),
		"zero signature":             parts[0] + "." + parts[1] + "." + b64(strings.Repeat("\x00", 64)),
		"short signature":            parts[0] + "." + parts[1] + "." + b64("x"),
	}
	var current *provider
	deps := func(testing.TB) policy.Deps {
		current = newProvider("rsa", "ec", "p384", "ed")
		d := policytest.NewDeps()
		d.Fetch = current
		return d
	}
	config := `{"issuer":"` + issuerURL + `","audiences":["` + audience + `"],"algorithms":["RS256","ES256","EdDSA"]}`
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			policytest.Run(t, &jwt.Descriptor, policytest.Suite{Dir: "testdata", Cases: []policytest.Case{{Name: "refused", Config: config, Deps: deps, Steps: []policytest.Step{
				send(good, passed("alice")),
				send(attack, refused(contract.CodeTokenInvalid)),
				send(good, passed("alice")),
			}}}})
			for url := range current.fetched {
				if url != "https://keys.example.com/jwks" && url != issuerURL+"/.well-known/openid-configuration" {
					t.Errorf("fetched %s", url)
				}
			}
		})
	}
}

// flip changes a bit in the middle of a signature.
func flip(sig string) string {
	b, _ := base64.RawURLEncoding.DecodeString(sig)
	b[len(b)/2] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

// TestAbsentKid: a token without kid is taken where the issuer has one key, and
// only there.
func TestAbsentKid(t *testing.T) {
	none := keys()["ec"].sign(map[string]any{"kid": nil}, claims(nil))
	for _, tt := range []struct {
		kids []string
		want policytest.Want
	}{
		{[]string{"ec"}, passed("alice")},
		{[]string{"ec", "ed"}, refused(contract.CodeTokenInvalid)},
		{[]string{"ec2"}, refused(contract.CodeTokenInvalid)},
	} {
		deps, _ := with(func() *provider { return newProvider(tt.kids...) })
		policytest.Run(t, &jwt.Descriptor, policytest.Suite{Dir: "testdata", Cases: []policytest.Case{
			{Name: strings.Join(tt.kids, "+"), Config: config, Deps: deps, Steps: []policytest.Step{send(none, tt.want)}},
		}})
	}
}

// TestTenants: two organizations that use the same issuer URL share nothing
// (JWT05): the second one's provider has other keys under the same names.
func TestTenants(t *testing.T) {
	forged := *keys()["ec2"]
	forged.kid = "ec"
	first, second := newProvider("ec"), newProvider()
	second.published = append(second.published, forged.jwk("ES256"))
	a, b := policytest.NewDeps(), policytest.NewDeps()
	a.Fetch, b.Fetch = first, second
	good := token("ec", nil)
	for _, tt := range []struct {
		deps policy.Deps
		want policytest.Want
	}{{a, passed("alice")}, {b, refused(contract.CodeTokenInvalid)}, {a, passed("alice")}} {
		p, err := jwt.New([]byte(config), tt.deps)
		if err != nil {
			t.Fatal(err)
		}
		policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &jwt.Descriptor}}, send(good, tt.want))
	}
}

// TestConfigurationsAreApart: what one configuration accepted is no verdict for
// another one that shares the issuer's state (JWT14).
func TestConfigurationsAreApart(t *testing.T) {
	d := policytest.NewDeps()
	f := newProvider("ec")
	d.Fetch = f
	for _, tt := range []struct {
		audience string
		want     policytest.Want
	}{{audience, passed("alice")}, {"another", refused(contract.CodeTokenAudience)}, {audience, passed("alice")}} {
		p, err := jwt.New([]byte(`{"issuer":"`+issuerURL+`","audiences":["`+tt.audience+`"]}`), d)
		if err != nil {
			t.Fatal(err)
		}
		policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &jwt.Descriptor}}, send(token("ec", nil), tt.want))
	}
	if n := f.count("https://keys.example.com/jwks"); n != 1 {
		t.Errorf("%d fetches, want 1: a new version starts warm", n)
	}
}
