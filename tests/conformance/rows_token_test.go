package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// provider is an OpenID Connect provider whose every answer the test chooses.
type provider struct {
	url     string
	key     *ecdsa.PrivateKey
	sets    atomic.Int64 // how often its keys were asked for
	trap    atomic.Int64 // how often it was asked for what nobody should ask for
	mu      sync.Mutex
	keys    string                                       // the key set; "": its own key
	respond func(w http.ResponseWriter, r *http.Request) // instead of the key set
	issuer  string                                       // in the discovery document; "": its own
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	keys, respond, issuer := p.keys, p.respond, p.issuer
	p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		if issuer == "" {
			issuer = p.url
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": p.url + "/keys"})
	case "/keys":
		p.sets.Add(1)
		if respond != nil {
			respond(w, r)
			return
		}
		if keys == "" {
			keys = `{"keys":[` + p.jwk("k1") + `]}`
		}
		_, _ = w.Write([]byte(keys))
	default:
		p.trap.Add(1)
		http.NotFound(w, r)
	}
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *provider) jwk(kid string) string {
	pub, _ := p.key.PublicKey.ECDH()
	raw := pub.Bytes() // 4, x, y
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","use":"sig","kid":%q,"x":%q,"y":%q}`, kid, b64(raw[1:33]), b64(raw[33:]))
}

// claims are good ones for audience shop, changed; nil takes one away.
func (p *provider) claims(change map[string]any) string {
	now := time.Now().Unix()
	c := map[string]any{"iss": p.url, "aud": "shop", "sub": "alice", "exp": now + 600, "iat": now - 5}
	maps.Copy(c, change)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	b, _ := json.Marshal(c)
	return string(b)
}

// token is one with changed claims.
func (p *provider) token(change map[string]any) string {
	return p.sign(`{"alg":"ES256","kid":"k1","typ":"JWT"}`, p.claims(change))
}

// sign signs whatever stands in the two parts.
func (p *provider) sign(head, payload string) string {
	input := b64([]byte(head)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		panic(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + b64(sig)
}

// bad wants tokens refused with 401 and a code on a route.
func (s *identitySite) bad(t *testing.T, code, path string, tokens map[string]string) {
	t.Helper()
	for what, token := range tokens {
		s.refuses(t, what, code, path, "Authorization", "Bearer "+token)
	}
}

func (s *identitySite) good(t *testing.T, what, path, token string) {
	t.Helper()
	s.passes(t, what, path, "Authorization", "Bearer "+token)
}

const invalidToken = "token_invalid"

func unsigned(t *testing.T, s *identitySite) {
	parts := strings.Split(s.p.token(nil), ".")
	list := map[string]string{"an empty signature": parts[0] + "." + parts[1] + "."}
	for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
		head := b64([]byte(`{"alg":"` + alg + `","kid":"k1"}`))
		list["alg "+alg] = head + "." + parts[1] + "."
		list["alg "+alg+" with a signature"] = head + "." + parts[1] + "." + parts[2]
	}
	s.bad(t, invalidToken, "/tokens/x", list)
}

func confused(t *testing.T, s *identitySite) {
	der, err := x509.MarshalPKIXPublicKey(s.p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for what, secret := range map[string][]byte{"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWK": []byte(s.p.jwk("k1"))} {
		input := b64([]byte(`{"alg":"HS256","kid":"k1","typ":"JWT"}`)) + "." + b64([]byte(s.p.claims(nil)))
		mac := hmac.New(crypto.SHA256.New, secret)
		mac.Write([]byte(input))
		list[what] = input + "." + b64(mac.Sum(nil))
	}
	list["RS256 by an EC key"] = s.p.sign(`{"alg":"RS256","kid":"k1"}`, s.p.claims(nil))
	s.bad(t, invalidToken, "/tokens/x", list)
}

func ownKeys(t *testing.T, s *identitySite) {
	forger := newProvider(t)
	list := map[string]string{}
	for what, more := range map[string]string{
		"jwk": `"jwk":` + forger.jwk("k1"), "jku": `"jku":"` + forger.url + `/evil"`, "x5u": `"x5u":"` + forger.url + `/evil"`, "x5c": `"x5c":["MIIB"]`,
	} {
		list[what] = forger.sign(`{"alg":"ES256","kid":"k1",`+more+`}`, s.p.claims(nil))
		list[what+" without kid"] = forger.sign(`{"alg":"ES256",`+more+`}`, s.p.claims(nil))
	}
	s.bad(t, invalidToken, "/tokens/x", list)
	if n := forger.trap.Load() + forger.sets.Load(); n > 0 {
		t.Errorf("%d requests to where a token pointed", n)
	}
}

func kids(t *testing.T, s *identitySite) {
	list := map[string]string{}
	for what, kid := range map[string]string{"path": `"../../keys"`, "SQL": `"' OR '1'='1"`, "NUL": `"k1\u0000"`, "empty": `""`, "number": `1`, "null": `null`, "long": `"` + strings.Repeat("k", 3000) + `"`, "case": `"K1"`} {
		list[what] = s.p.sign(`{"alg":"ES256","kid":`+kid+`}`, s.p.claims(nil))
	}
	s.bad(t, invalidToken, "/tokens/x", list)
	s.good(t, "no kid, where there is one key", "/tokens/x", s.p.sign(`{"alg":"ES256"}`, s.p.claims(nil)))
	p := newProvider(t)
	second := newProvider(t)
	p.keys = `{"keys":[` + p.jwk("a") + `,` + second.jwk("a") + `,` + second.jwk("b") + `]}`
	s.jwt(t, "shared", p.url, nil)
	s.bad(t, invalidToken, "/shared/x", map[string]string{
		"a kid of two keys":               p.sign(`{"alg":"ES256","kid":"a"}`, p.claims(nil)),
		"no kid, where there are several": p.sign(`{"alg":"ES256"}`, p.claims(nil)),
	})
}

func tenants(t *testing.T, s *identitySite) {
	theirs := newProvider(t) // its key is called like ours
	api := s.c.SignUp("tenant")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "tenant"})
	api.Must("PUT", "/v1/gateways/tenant/upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + s.origin.l.Addr().String()}}})
	api.Must("PUT", "/v1/gateways/tenant/routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "policies": []harness.Object{
		{"type": "jwt", "config": harness.Object{"issuer": theirs.url, "audiences": []string{"shop"}}},
	}})
	api.WaitLive("tenant")
	there := &identitySite{site: &site{c: s.c, addr: s.addr, host: g["hostname"].(string), origin: s.origin, api: api, call: s.call}, p: theirs}
	there.wait(t, "/x", theirs.token(nil))
	s.good(t, "ours", "/tokens/x", s.p.token(nil))
	there.bad(t, invalidToken, "/x", map[string]string{
		"ours there":                   s.p.token(nil),
		"ours, called theirs":          s.p.token(map[string]any{"iss": theirs.url}),
		"theirs, called ours, our kid": theirs.token(map[string]any{"iss": s.p.url}),
	})
	s.bad(t, invalidToken, "/tokens/x", map[string]string{"theirs here": theirs.token(nil), "theirs, called ours": theirs.token(map[string]any{"iss": s.p.url})})
}

func audiences(t *testing.T, s *identitySite) {
	list := map[string]string{}
	for what, aud := range map[string]any{"another": "other", "none": nil, "empty": "", "list of others": []string{"a", "b"}, "empty list": []string{}, "longer": "shop2", "case": "Shop", "number": 1, "list with a number": []any{"shop", 1}, "object": map[string]any{"shop": 1}} {
		list[what] = s.p.token(map[string]any{"aud": aud})
	}
	s.bad(t, "token_audience", "/tokens/x", list)
	s.good(t, "among others", "/tokens/x", s.p.token(map[string]any{"aud": []string{"a", "shop"}}))
}

func issuers(t *testing.T, s *identitySite) {
	list := map[string]string{}
	for what, iss := range map[string]any{"slash": s.p.url + "/", "case": strings.ToUpper(s.p.url), "shorter": s.p.url[:len(s.p.url)-1], "longer": s.p.url + "0", "none": nil, "list": []string{s.p.url}, "other": "https://evil.example"} {
		list[what] = s.p.token(map[string]any{"iss": iss})
	}
	s.bad(t, invalidToken, "/tokens/x", list)
}

func times(t *testing.T, s *identitySite) {
	now := time.Now().Unix()
	list := map[string]string{}
	for what, change := range map[string]map[string]any{
		"no exp": {"exp": nil}, "exp a text": {"exp": "9999999999"}, "exp negative": {"exp": -1}, "exp 2^63": {"exp": json.Number("9223372036854775808")}, "exp 1e400": {"exp": json.RawMessage("1e400")}, "exp null": {"exp": json.RawMessage("null")},
		"nbf ahead": {"nbf": now + 120}, "iat ahead": {"iat": now + 120}, "nbf a text": {"nbf": "1"}, "iat a list": {"iat": []int{1}},
	} {
		list[what] = s.p.token(change)
	}
	s.bad(t, invalidToken, "/tokens/x", list)
	s.bad(t, "token_expired", "/tokens/x", map[string]string{"past": s.p.token(map[string]any{"exp": now - 120}), "zero": s.p.token(map[string]any{"exp": 0})})
	s.good(t, "within the leeway", "/tokens/x", s.p.token(map[string]any{"exp": now - 20, "nbf": now + 20}))
	s.good(t, "a fraction", "/tokens/x", s.p.token(map[string]any{"exp": float64(now) + 100.5}))
}

func critical(t *testing.T, s *identitySite) {
	s.bad(t, invalidToken, "/tokens/x", map[string]string{
		"unknown": s.p.sign(`{"alg":"ES256","kid":"k1","crit":["x"],"x":1}`, s.p.claims(nil)), "empty": s.p.sign(`{"alg":"ES256","kid":"k1","crit":[]}`, s.p.claims(nil)),
		"b64": s.p.sign(`{"alg":"ES256","kid":"k1","crit":["b64"],"b64":false}`, s.p.claims(nil)),
	})
}

func encrypted(t *testing.T, s *identitySite) {
	parts := strings.Split(s.p.token(nil), ".")
	s.bad(t, invalidToken, "/tokens/x", map[string]string{
		"JWE":        b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1"}`)) + ".a.b.c.d",
		"PBES2":      b64([]byte(`{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":1000000000,"p2s":"AAAA"}`)) + ".a.b.c.d",
		"PBES2, JWS": b64([]byte(`{"alg":"PBES2-HS512+A256KW","p2c":1000000000}`)) + "." + parts[1] + "." + parts[2],
		"nested":     s.p.sign(`{"alg":"ES256","kid":"k1","cty":"JWT"}`, s.p.claims(nil)),
		"zip":        s.p.sign(`{"alg":"ES256","kid":"k1","zip":"DEF"}`, s.p.claims(nil)),
	})
}

func longTokens(t *testing.T, s *identitySite) {
	s.bad(t, invalidToken, "/tokens/x", map[string]string{
		"over 8 KiB": s.p.token(map[string]any{"pad": strings.Repeat("x", 9000)}), "dots": strings.Repeat(".", 7000), "dots inside": strings.Repeat("a.", 3000),
	})
	for what, token := range map[string]string{"1 MiB": strings.Repeat("a", 1<<20), "a million dots": strings.Repeat(".", 1_000_000)} {
		if a := s.send(t, "GET /tokens/x HTTP/1.1\r\nHost: "+s.host+"\r\nAuthorization: Bearer "+token+"\r\n\r\n"); len(a.statuses) == 0 || a.statuses[0] != 431 {
			t.Errorf("%s: %v", what, a.statuses)
		}
	}
}

func weakKeys(t *testing.T, s *identitySite) {
	parts := strings.Split(s.p.token(nil), ".")
	s.bad(t, invalidToken, "/tokens/x", map[string]string{
		"r = s = 0": parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), "short": parts[0] + "." + parts[1] + "." + b64(make([]byte, 63)),
		"wrong curve": s.p.sign(`{"alg":"ES384","kid":"k1"}`, s.p.claims(nil)),
	})
	p := newProvider(t)
	n := func(bytes int) string {
		b := make([]byte, bytes)
		b[0], b[bytes-1] = 0x80, 1
		return b64(b)
	}
	p.keys = `{"keys":[` + strings.Join([]string{
		`{"kty":"RSA","kid":"r16k","n":"` + n(2048) + `","e":"AQAB"}`, `{"kty":"RSA","kid":"r1k","n":"` + n(128) + `","e":"AQAB"}`, `{"kty":"RSA","kid":"e1","n":"` + n(256) + `","e":"AQ"}`,
		`{"kty":"OKP","crv":"Ed25519","kid":"small","x":"` + b64(make([]byte, 32)) + `"}`, p.jwk("k1"),
	}, ",") + `]}`
	s.jwt(t, "weak", p.url, nil)
	s.wait(t, "/weak/x", p.token(nil))
	list := map[string]string{}
	for kid, alg := range map[string]string{"r16k": "RS256", "r1k": "RS256", "e1": "RS256", "small": "EdDSA"} {
		list[kid] = b64([]byte(`{"alg":"`+alg+`","kid":"`+kid+`"}`)) + "." + b64([]byte(p.claims(nil))) + "." + b64(make([]byte, 64))
	}
	s.bad(t, invalidToken, "/weak/x", list)
}

func spellings(t *testing.T, s *identitySite) {
	good := s.p.token(nil)
	parts := strings.Split(good, ".")
	c := s.p.claims(nil)
	sign := func(payload string) string { return s.p.sign(`{"alg":"ES256","kid":"k1"}`, payload) }
	s.bad(t, invalidToken, "/tokens/x", map[string]string{
		"a claim twice": sign(strings.Replace(c, "{", `{"sub":"root",`, 1)), "alg twice": s.p.sign(`{"alg":"none","alg":"ES256","kid":"k1"}`, c),
		"deep": sign(strings.Replace(c, "{", `{"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,`, 1)), "invalid UTF-8": sign(strings.Replace(c, "alice", "al\xffce", 1)),
		"BOM": sign("\xef\xbb\xbf" + c), "two values": sign(c + c), "padding": good + "=", "spare bits": good[:len(good)-1] + string(good[len(good)-1]+1), "space": parts[0] + " ." + parts[1] + "." + parts[2],
		"a list": sign("[]"),
	})
	s.good(t, "the one spelling", "/tokens/x", good)
}

func verdicts(t *testing.T, s *identitySite) {
	s.jwt(t, "scoped", s.p.url, harness.Object{"scopes": []string{"admin"}})
	s.jwt(t, "elsewhere", s.p.url, harness.Object{"audiences": []string{"elsewhere"}})
	token := s.p.token(map[string]any{"scope": "read"})
	for range 2 {
		s.good(t, "where it is good", "/tokens/x", token)
		s.refuses(t, "another audience", "token_audience", "/elsewhere/x", "Authorization", "Bearer "+token)
		s.refuses(t, "another scope", "forbidden", "/scoped/x", "Authorization", "Bearer "+token)
	}
}

func endedTokens(t *testing.T, s *identitySite) {
	short := s.p.token(map[string]any{"exp": time.Now().Unix() + 1})
	s.jwt(t, "strict", s.p.url, harness.Object{"leeway": "0s"})
	s.wait(t, "/strict/x", s.p.token(nil))
	token := s.p.token(map[string]any{"exp": time.Now().Unix() + 2})
	s.good(t, "while it is good", "/strict/x", token)
	if err := harness.Until(t.Context(), 6*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, "/strict/x", "", "Authorization", "Bearer "+token); r.Code != "token_expired" {
			return fmt.Errorf("%d %s", r.Status, r.Code)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	s.good(t, "its end is within the leeway", "/tokens/x", short)
}

func brokenSets(t *testing.T, s *identitySite) {
	trap := newProvider(t)
	for name, respond := range map[string]func(w http.ResponseWriter, r *http.Request){
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, trap.url+"/keys", http.StatusFound) },
		"large": func(w http.ResponseWriter, _ *http.Request) {
			for range 1024 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"html": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"fail": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		p := newProvider(t)
		p.respond = respond
		s.jwt(t, "set-"+name, p.url, nil)
		s.refuses(t, name, "provider_unavailable", "/set-"+name+"/x", "Authorization", "Bearer "+p.token(nil))
	}
	if trap.sets.Load() > 0 {
		t.Error("a redirection to another origin was followed")
	}
	// The last good set goes on serving: of known keys, tokens never seen are taken.
	p := newProvider(t)
	s.jwt(t, "kept", p.url, nil)
	s.wait(t, "/kept/x", p.token(nil))
	p.set(func() { p.respond = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	s.refuses(t, "an unknown kid while the provider is away", "provider_unavailable", "/kept/x", "Authorization", "Bearer "+p.sign(`{"alg":"ES256","kid":"new"}`, p.claims(nil)))
	s.good(t, "a new token by a known key", "/kept/x", p.token(map[string]any{"jti": "2"}))
	for _, url := range []string{"file:///etc/passwd", "http://login.example.com", "gopher://x/"} {
		r, err := s.api.Do("PUT", "/v1/gateways/conf/routes/file", harness.Object{"match": harness.Object{"path": "/file/*"}, "upstream": "app", "policies": []harness.Object{
			{"type": "jwt", "config": harness.Object{"issuer": s.p.url, "audiences": []string{"shop"}, "jwks_url": url}},
		}})
		if err != nil || r.Status != 422 {
			t.Errorf("%s: %v %v", url, r, err)
		}
	}
}

func inventedKids(t *testing.T, s *identitySite) {
	before := s.p.sets.Load()
	for i := range 500 {
		token := s.p.sign(fmt.Sprintf(`{"alg":"ES256","kid":"no-%d"}`, i), s.p.claims(nil))
		if r := s.call.Get(s.addr, s.host, "/tokens/x", "", "Authorization", "Bearer "+token); r.Code != invalidToken {
			t.Fatalf("an invented kid: %d %s", r.Status, r.Body)
		}
	}
	if n := s.p.sets.Load() - before; n > 2 {
		t.Errorf("500 invented kids fetched the keys %d times", n)
	}
}

func claimFields(t *testing.T, s *identitySite) {
	s.jwt(t, "fields", s.p.url, harness.Object{"claims_to_headers": harness.Object{"v": "X-V"}})
	s.wait(t, "/fields/x", s.p.token(map[string]any{"v": "ok"}))
	for what, v := range map[string]any{"line end": "a\r\nX-Admin: 1", "NUL": "a\x00", "list": []string{"a"}, "object": map[string]any{"a": 1}, "number": 1, "long": strings.Repeat("v", 1025)} {
		s.refuses(t, what, "forbidden", "/fields/x", "Authorization", "Bearer "+s.p.token(map[string]any{"v": v}))
	}
	s.origin.take()
	s.passes(t, "absent", "/fields/x", "Authorization", "Bearer "+s.p.token(nil), "X-V", "forged")
	time.Sleep(20 * time.Millisecond)
	if all := strings.Join(s.origin.take(), ""); strings.Contains(all, "forged") {
		t.Errorf("the client's own field got through: %q", all)
	}
}

func addresses(t *testing.T, s *identitySite) {
	s.jwt(t, "mail", s.p.url, harness.Object{"consumer_claim": "email"})
	s.wait(t, "/mail/x", s.p.token(map[string]any{"email": "a@shop.example", "email_verified": true}))
	for what, c := range map[string]map[string]any{
		"not verified": {"email": "a@shop.example"}, "verified as a text": {"email": "a@shop.example", "email_verified": "true"}, "false": {"email": "a@shop.example", "email_verified": false},
		"two @": {"email": "a@evil.example@shop.example", "email_verified": true}, "no @": {"email": "admin", "email_verified": true}, "space": {"email": "a @shop.example", "email_verified": true},
	} {
		s.refuses(t, what, "forbidden", "/mail/x", "Authorization", "Bearer "+s.p.token(c))
	}
}

func otherDocuments(t *testing.T, s *identitySite) {
	p := newProvider(t)
	p.issuer = s.p.url
	s.jwt(t, "document", p.url, nil)
	s.refuses(t, "another issuer's document", "provider_unavailable", "/document/x", "Authorization", "Bearer "+p.token(nil))
	if p.sets.Load() > 0 {
		t.Error("keys were fetched by a document of another issuer")
	}
}
