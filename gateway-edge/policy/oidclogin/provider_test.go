package oidclogin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/oidclogin"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

const (
	issuerURL = "https://login.example.com"
	client    = "web"
)

var signingKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// idp is an OpenID Connect provider that a function answers for.
type idp struct {
	mu      sync.Mutex
	down    bool
	now     time.Time
	more    map[string]any    // claims; nil removes one
	expires int               // of tokens, in seconds
	refresh bool              // gives refresh tokens
	refuse  string            // error of the token endpoint
	codes   map[string]string // code → challenge, nonce and redirect URI
	asked   []url.Values      // of the token endpoint
	auth    []string
	revoked []string
	hold    chan struct{} // renewals wait for it
	pad     int           // of ID tokens
	doc     string        // more of the discovery document
}

func newIDP() *idp {
	return &idp{now: policytest.Noon, expires: 300, refresh: true, codes: map[string]string{}, more: map[string]any{}}
}

func (i *idp) set(f func(*idp)) { i.mu.Lock(); defer i.mu.Unlock(); f(i) }

// answer is the provider's back channel.
func (i *idp) answer(r *policy.FetchRequest) (*policy.FetchResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return nil, errors.New("connection refused")
	}
	path := strings.TrimPrefix(r.URL, issuerURL)
	ok := func(v any) (*policy.FetchResponse, error) {
		b, err := json.Marshal(v)
		return &policy.FetchResponse{Status: 200, Body: b}, err
	}
	switch path {
	case "/.well-known/openid-configuration":
		return &policy.FetchResponse{Status: 200, Body: []byte(`{"issuer":"` + issuerURL + `","authorization_endpoint":"` + issuerURL + `/authorize?tenant=1","token_endpoint":"` + issuerURL +
			`/token","jwks_uri":"` + issuerURL + `/jwks","end_session_endpoint":"` + issuerURL + `/end","revocation_endpoint":"` + issuerURL + `/revoke"` + i.doc + `}`)}, nil
	case "/jwks":
		return ok(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signingKey().Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, err
	}
	if path == "/revoke" {
		i.revoked = append(i.revoked, form.Get("token"))
		return ok(struct{}{})
	}
	i.asked, i.auth = append(i.asked, form), append(i.auth, strings.Join(r.Header["Authorization"], ","))
	if hold := i.hold; hold != nil {
		i.mu.Unlock()
		<-hold
		i.mu.Lock()
	}
	if i.refuse != "" {
		return &policy.FetchResponse{Status: 400, Body: []byte(`{"error":"` + i.refuse + `"}`)}, nil
	}
	nonce := ""
	if form.Get("grant_type") == "authorization_code" {
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		want := strings.Split(i.codes[form.Get("code")], " ")
		if len(want) != 3 || want[0] != challenge || want[2] != form.Get("redirect_uri") {
			return &policy.FetchResponse{Status: 400, Body: []byte(`{"error":"invalid_grant"}`)}, nil
		}
		delete(i.codes, form.Get("code"))
		nonce = want[1]
	} else if form.Get("refresh_token") != fmt.Sprintf("refresh-%d", len(i.asked)-1) {
		return &policy.FetchResponse{Status: 400, Body: []byte(`{"error":"invalid_grant"}`)}, nil
	}
	out := map[string]any{"access_token": fmt.Sprintf("access-%d", len(i.asked)), "token_type": "Bearer", "expires_in": i.expires, "id_token": i.idToken(nonce)}
	if i.refresh {
		out["refresh_token"] = fmt.Sprintf("refresh-%d", len(i.asked))
	}
	return ok(out)
}

// idToken signs one for alice. The caller holds mu.
func (i *idp) idToken(nonce string) string {
	c := map[string]any{
		"iss": issuerURL, "aud": client, "sub": "alice", "exp": i.now.Unix() + int64(i.expires), "iat": i.now.Unix(),
		"email": "alice@example.com", "email_verified": true, "pad": strings.Repeat("x", i.pad),
	}
	if nonce != "" {
		c["nonce"] = nonce
	}
	for k, v := range i.more {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: signingKey(), KeyID: "k"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(b)
	if err != nil {
		panic(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

// front is the policy with the provider, seen by browsers.
type front struct {
	t    testing.TB
	idp  *idp
	deps policy.Deps
	step []policy.Step
}

func newFront(t testing.TB, i *idp, config string, change ...func(*policy.Deps)) *front {
	t.Helper()
	f := &front{t: t, idp: i, deps: policytest.NewDeps()}
	f.deps.Fetch = policytest.Server(i.answer)
	f.deps.Wall = func() time.Time { i.mu.Lock(); defer i.mu.Unlock(); return i.now }
	for _, c := range change {
		c(&f.deps)
	}
	f.use(config)
	return f
}

// use compiles another version of the configuration.
func (f *front) use(config string) {
	f.t.Helper()
	p, err := oidclogin.New([]byte(config), f.deps)
	if err != nil {
		f.t.Fatal(err)
	}
	f.step = []policy.Step{{Policy: p, Descriptor: &oidclogin.Descriptor}}
}

// browser keeps cookies.
type browser struct {
	f      *front
	jar    map[string]string
	scheme string
	host   string
	port   int
}

func (f *front) browser() *browser {
	return &browser{f: f, jar: map[string]string{}, scheme: "https", host: "app.example.com"}
}

var page = policytest.Fields{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}

// get makes a request and keeps the cookies of the answer.
func (b *browser) get(target string, fields ...string) *policytest.Result {
	return b.do("GET", target, fields...)
}

func (b *browser) do(method, target string, fields ...string) *policytest.Result {
	b.f.t.Helper()
	path, query, _ := strings.Cut(target, "?")
	h := policytest.Fields(fields)
	var cookies []string
	for k, v := range b.jar {
		cookies = append(cookies, k+"="+v)
	}
	if len(cookies) > 0 {
		h = append(h, "Cookie", strings.Join(cookies, "; "))
	}
	r := policytest.Serve(b.f.t, b.f.step, policytest.Step{Request: policytest.Request{
		Method: method, Scheme: b.scheme, Host: b.host, Port: b.port, Path: path, Query: query, Header: h,
	}})
	for _, c := range r.Header.All("Set-Cookie") {
		pair, attributes, _ := strings.Cut(c, "; ")
		k, v, _ := strings.Cut(pair, "=")
		if !strings.Contains(attributes, "HttpOnly; SameSite=Lax") || !strings.Contains(attributes, "Path=/;") || strings.Contains(attributes, "Domain") ||
			strings.HasPrefix(k, "__Host-") != strings.Contains(attributes, "Secure") || strings.HasPrefix(k, "__Host-") != (b.scheme == "https") || len(c) > 4096 {
			b.f.t.Errorf("cookie %s", c)
		}
		if strings.Contains(attributes, "Max-Age=0;") {
			delete(b.jar, k)
		} else {
			b.jar[k] = v
		}
	}
	return r
}

// open opens a page and returns where the browser is sent.
func (b *browser) open(target string) *url.URL {
	b.f.t.Helper()
	r := b.get(target, page...)
	if r.Status != 302 {
		b.f.t.Fatalf("%s: %d %s", target, r.Status, r.Reply.Detail)
	}
	if cc, _ := r.Header.Get("Cache-Control"); cc != "no-store" {
		b.f.t.Errorf("%s: Cache-Control %q", target, cc)
	}
	to, _ := r.Header.Get("Location")
	u, err := url.Parse(to)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return u
}

// signs is the provider's part: the query of its redirect for a request that it was
// sent.
func (i *idp) signs(u *url.URL) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := u.Query()
	code := fmt.Sprintf("code-%s", q.Get("state")[:6])
	i.codes[code] = q.Get("code_challenge") + " " + q.Get("nonce") + " " + q.Get("redirect_uri")
	return url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// signIn signs alice in and returns the page that she comes to.
func (b *browser) signIn(target string) string {
	b.f.t.Helper()
	u := b.open(target)
	r := b.get("/oauth2/callback?"+b.f.idp.signs(u), page...)
	if r.Status != 302 {
		b.f.t.Fatalf("callback: %d %s %s", r.Status, r.Reply.Code, r.Reply.Detail)
	}
	to, _ := r.Header.Get("Location")
	return to
}

// cookie is the Cookie field.
func (b *browser) cookie() string {
	var out []string
	for k, v := range b.jar {
		out = append(out, k+"="+v)
	}
	return strings.Join(out, "; ")
}
