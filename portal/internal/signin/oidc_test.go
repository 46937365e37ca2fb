package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tollgate/tollgate/services/tenant"
)

type claims = map[string]any

// forger is a provider that signs whatever a test wants. A well-behaved one, in a
// process of its own, is what the API's tests sign in with.
type forger struct {
	*httptest.Server
	key    *rsa.PrivateKey
	signer jose.Signer // nil: the token is sent as it is in raw
	claims claims
	raw    string
	status int
}

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: key, status: http.StatusOK}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, claims{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		if f.status != http.StatusOK {
			w.WriteHeader(f.status)
			return
		}
		answer(w, claims{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": f.token(t)})
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *forger) token(t *testing.T) string {
	if f.signer == nil {
		return f.raw
	}
	js, err := json.Marshal(f.claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := f.signer.Sign(js)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func signer(t *testing.T, alg jose.SignatureAlgorithm, key any) jose.Signer {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// finish runs one sign-in against the forger.
func (f *forger) finish(t *testing.T) (*tenant.External, error) {
	t.Helper()
	p, err := NewOIDC(OIDCConfig{Name: "corp", Issuer: f.URL, ClientID: "us", ClientSecret: "hush", RedirectURL: "http://us/callback"})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*openID).finish(t.Context(), &Flow{Nonce: "n", Verifier: "v"}, "code", "")
}

func TestIdentityTokens(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := signer(t, jose.RS256, f.key)
	now := time.Now()
	base := func(more claims) claims {
		c := claims{
			"iss": f.URL, "sub": "ada", "aud": "us", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": "n",
			"email": "ada@example.com", "email_verified": true, "name": "Ada",
		}
		for k, v := range more {
			if v == nil {
				delete(c, k)
				continue
			}
			c[k] = v
		}
		return c
	}
	for name, test := range map[string]struct {
		signer   jose.Signer
		claims   claims
		ok       bool
		verified bool
	}{
		"as it should be":               {good, base(nil), true, true},
		"verified as a string":          {good, base(claims{"email_verified": "true"}), true, true},
		"not verified":                  {good, base(claims{"email_verified": false}), true, false},
		"verified as a number":          {good, base(claims{"email_verified": 1}), true, false},
		"verified as a list":            {good, base(claims{"email_verified": []bool{true}}), true, false},
		"nothing said of verification":  {good, base(claims{"email_verified": nil}), true, false},
		"for two, authorized to us":     {good, base(claims{"aud": []string{"us", "them"}, "azp": "us"}), true, true},
		"for two, authorized to them":   {good, base(claims{"aud": []string{"us", "them"}, "azp": "them"}), false, false},
		"for two, authorized to nobody": {good, base(claims{"aud": []string{"us", "them"}}), false, false},
		"for others":                    {good, base(claims{"aud": "them"}), false, false},
		"for nobody":                    {good, base(claims{"aud": nil}), false, false},
		"of another issuer":             {good, base(claims{"iss": "https://elsewhere.example"}), false, false},
		"of the issuer with a slash":    {good, base(claims{"iss": f.URL + "/"}), false, false},
		"too old":                       {good, base(claims{"exp": now.Add(-time.Minute).Unix()}), false, false},
		"without an end":                {good, base(claims{"exp": nil}), false, false},
		"without a nonce":               {good, base(claims{"nonce": nil}), false, false},
		"with another nonce":            {good, base(claims{"nonce": "m"}), false, false},
		"without a subject":             {good, base(claims{"sub": nil}), false, false},
		"with a wrong at_hash":          {good, base(claims{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), false, false},
		"signed by another key":         {signer(t, jose.RS256, other), base(nil), false, false},
		"signed by our own secret":      {signer(t, jose.HS256, []byte("hush-hush-hush-hush-hush-hush-32")), base(nil), false, false},
		"signed by the public key":      {signer(t, jose.HS256, f.key.N.Bytes()), base(nil), false, false},
	} {
		f.signer, f.claims = test.signer, test.claims
		e, err := f.finish(t)
		switch {
		case test.ok && (err != nil || e.Subject != "ada" || e.Issuer != f.URL || e.EmailVerified != test.verified):
			t.Errorf("%s: %+v, %v", name, e, err)
		case !test.ok && !errors.Is(err, ErrMisuse):
			t.Errorf("%s: %+v, %v; want a refusal", name, e, err)
		}
	}
	f.signer = nil
	for _, raw := range []string{"", "x", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."} {
		f.raw = raw
		if e, err := f.finish(t); !errors.Is(err, ErrMisuse) {
			t.Errorf("token %q: %+v, %v", raw, e, err)
		}
	}
	for status, want := range map[int]error{400: ErrMisuse, 401: ErrMisuse, 302: ErrMisuse, 500: ErrUnavailable, 503: ErrUnavailable} {
		f.status = status
		if _, err := f.finish(t); !errors.Is(err, want) {
			t.Errorf("token endpoint answers %d: %v, want %v", status, err, want)
		}
	}
}

func TestProviderURLs(t *testing.T) {
	t.Parallel()
	for u, ok := range map[string]bool{
		"https://corp.example": true, "https://corp.example/realm": true, "http://localhost:8080": true, "http://127.0.0.1:1": true,
		"http://corp.example": false, "corp.example": false, "": false, "https://user@corp.example": false, "https://corp.example?x": false, "ftp://corp.example": false,
	} {
		if _, err := NewOIDC(OIDCConfig{Name: "corp", Issuer: u}); (err == nil) != ok {
			t.Errorf("issuer %q: %v", u, err)
		}
	}
	if _, err := NewProviders(&openID{config: OIDCConfig{Name: "a"}}, &openID{config: OIDCConfig{Name: "a"}}); err == nil {
		t.Error("two providers of one name")
	}
}

// FuzzReturnTo: whatever comes out is a path of this origin.
func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/gateways", "//x", "/\\x", "/gateways?a=%0d", "/join/../../x", "/docs/%2e%2e/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ReturnTo(s)
		if got == "/" {
			return
		}
		r, err := http.NewRequest(http.MethodGet, "https://portal.example", nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.URL.Parse(got)
		if err != nil || u.Host != "portal.example" || u.Scheme != "https" || got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Fatalf("ReturnTo(%q) = %q leads to %v, %v", s, got, u, err)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c >= 0x7f || c == '\\' {
				t.Fatalf("ReturnTo(%q) = %q", s, got)
			}
		}
	})
}
