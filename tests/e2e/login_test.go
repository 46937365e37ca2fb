package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// browser is a client with cookies that follows redirects; its connections to the
// gateway go to the edges in turn, one a request.
func (s *shop) browser(certs ...tls.Certificate) *http.Client {
	c := s.partner(certs...)
	tr := c.Transport.(*http.Transport)
	edges := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(addr); err == nil && host == s.host {
			return edges(ctx, network, addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Jar = jar
	return c
}

// open opens a page and returns where it ended, with status and body.
func (s *shop) open(c *http.Client, target string, fields ...string) (at string, status int, body string) {
	s.t.Helper()
	req, err := http.NewRequest("GET", "https://"+s.host+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		s.t.Fatalf("%s: %v", target, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(resp.Request.URL.String(), "https://"+s.host), resp.StatusCode, string(b)
}

// TestLogin signs in at a real provider with a browser's cookies, over two edges: a
// session that one makes is good at the other.
func TestLogin(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s user=%s consumer=%s cookie=%q authorization=%q", r.URL, r.Header.Get("X-Email"), r.Header.Get("Tollgate-Consumer"), r.Header.Get("Cookie"), r.Header.Get("Authorization"))
	}))
	t.Cleanup(backend.Close)
	c := harness.New(t, harness.Options{Edges: 2})
	s := newShop(t, c, "signin", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	s.put("upstreams/web", harness.Object{"targets": []harness.Object{{"url": backend.URL}}})
	s.put("secrets/client", harness.Object{"value": "test-secret"})
	s.put("secrets/session", harness.Object{"value": "0123456789abcdef0123456789abcdef"})
	s.put("consumers/alice", harness.Object{"identities": []harness.Object{{"issuer": o.Issuer, "subject": "u-1"}}})
	login := harness.Object{"type": "oidc_login", "config": harness.Object{
		"issuer": o.Issuer, "client_id": "test", "client_secret": harness.Object{"secret": "client"}, "keys": []harness.Object{{"secret": "session"}},
		"claims_to_headers": harness.Object{"email": "X-Email"},
	}}
	desk := func(name, upstream string, claims ...harness.Object) {
		match := harness.Object{"path": "/*"}
		if len(claims) > 0 {
			match["claims"] = claims
		}
		s.put("routes/"+name, harness.Object{"match": match, "upstream": upstream, "policies": []harness.Object{login, {"type": "response_headers", "config": harness.Object{"set": harness.Object{"X-Web": "1"}}}}})
	}
	desk("web", "web")
	desk("staff", "web", harness.Object{"name": "email", "regex": ".+@staff\\.example"})
	s.api.WaitLive("signin")
	o.Set(t, "redirects", []string{"https://" + s.host + "/oauth2/callback"})
	o.Set(t, "person", harness.Object{"subject": "u-1", "email": "alice@example.com", "email_verified": true})

	alice := s.browser()
	at, status, body := s.open(alice, "/orders?page=2", "Cookie", "theme=dark")
	if status != 200 || at != "/orders?page=2" || !strings.Contains(body, "/orders?page=2 user=alice@example.com consumer=alice") {
		t.Fatalf("%s: %d %s", at, status, body)
	}
	for range 6 { // both edges
		if at, status, body = s.open(alice, "/x", "Cookie", "theme=dark"); status != 200 || at != "/x" || strings.Contains(body, "tgs-") || !strings.Contains(body, "theme=dark") || !strings.Contains(body, `authorization=""`) {
			t.Fatalf("%s: %d %s", at, status, body)
		}
	}
	if status, code, err := get(s.browser(), s.host, "/x", ""); err != nil || status != 401 || code != "token_missing" {
		t.Errorf("a program: %d %s %v", status, code, err)
	}
	home, _ := url.Parse("https://" + s.host + "/")
	cookies := alice.Jar.Cookies(home)
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-tgs-") {
		t.Fatalf("cookies %v", cookies)
	}

	// Another organization's gateway with the same provider, client and secret.
	other := newShop(t, c, "foreign", []*harness.Backend{harness.StartBackend(t, "unused2")}, nil)
	other.put("secrets/client", harness.Object{"value": "test-secret"})
	other.put("secrets/session", harness.Object{"value": "0123456789abcdef0123456789abcdef"})
	other.put("routes/web", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "policies": []harness.Object{login}})
	other.api.WaitLive("foreign")
	thief := other.browser()
	there, _ := url.Parse("https://" + other.host + "/")
	thief.Jar.SetCookies(there, []*http.Cookie{{Name: cookies[0].Name, Value: cookies[0].Value, Path: "/", Secure: true}})
	if status, code, err := get(thief, other.host, "/x", ""); err != nil || status != 401 {
		t.Errorf("another tenant takes the cookie: %d %s %v", status, code, err)
	}

	// A member of the staff is led to her own route.
	o.Set(t, "person", harness.Object{"subject": "u-2", "email": "bob@staff.example", "email_verified": true})
	bob := s.browser()
	if _, status, body = s.open(bob, "/desk"); status != 200 || !strings.Contains(body, "user=bob@staff.example") {
		t.Fatalf("%d %s", status, body)
	}
	const mine = 7 // alice's requests
	if got := s.usage("route", map[string]int64{"web": mine, "staff": 1}, 15*time.Second); got["web"] != mine || got["staff"] != 1 {
		t.Errorf("by route: %v", got)
	}
	if got := s.usage("consumer", map[string]int64{"alice": mine}, 10*time.Second); got["alice"] != mine {
		t.Errorf("by consumer: %v", got)
	}

	// The provider is away: who is signed in goes on, who is not is told.
	o.Control(t, "/mode/fail")
	time.Sleep(100 * time.Millisecond)
	if at, status, body = s.open(alice, "/still"); status != 200 || at != "/still" {
		t.Errorf("away: %s: %d %s", at, status, body)
	}
	if err := harness.Until(t.Context(), 40*time.Second, func() error { // a document of a moment ago may still serve
		carol := s.browser()
		carol.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if _, status, body := s.open(carol, "/"); status != 503 || !strings.Contains(body, "provider_unavailable") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	}); err != nil {
		t.Errorf("a new sign-in: %v", err)
	}
	o.Control(t, "/mode/ok")

	// Signing out leads to the provider's end of sessions and takes the cookie away.
	alice.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if _, status, _ = s.open(alice, "/oauth2/logout"); status != 303 {
		t.Errorf("signing out: %d", status)
	}
	if left := alice.Jar.Cookies(home); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if status, _, err := get(alice, s.host, "/x", ""); err != nil || status != 401 {
		t.Errorf("after signing out: %d %v", status, err)
	}
}

// TestClaimsAndCertificates: claims choose the route of a token, and a certificate of
// the handshake is a consumer, whose usage is counted.
func TestClaimsAndCertificates(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	app := serve(t, 2, func(i int, w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "backend %d", i) })
	c := harness.New(t, harness.Options{})
	s := newShop(t, c, "claims", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	partners, stranger := newAuthority(t, "Partners"), newAuthority(t, "Stranger")
	for i, u := range app.urls {
		s.put(fmt.Sprintf("upstreams/app%d", i), harness.Object{"targets": []harness.Object{{"url": u}}})
	}
	jwt := harness.Object{"type": "jwt", "config": harness.Object{"issuer": o.Issuer, "audiences": []string{"shop"}}}
	route := func(name, upstream string, claims []harness.Object, policies ...harness.Object) harness.Object {
		m := harness.Object{"path": "/orders/*"}
		if claims != nil {
			m["claims"] = claims
		}
		return harness.Object{"match": m, "upstream": upstream, "policies": policies}
	}
	gold := []harness.Object{{"name": "tier", "exact": "gold"}}
	s.put("routes/rest", route("rest", "app0", nil, jwt))
	s.put("routes/gold", route("gold", "app1", gold, jwt))
	for name, r := range map[string]harness.Object{
		"another authentication": route("bad", "app1", []harness.Object{{"name": "tier", "exact": "silver"}}, harness.Object{"type": "api_key", "config": harness.Object{}}),
		"the same claims":        route("bad", "app1", gold, jwt),
	} {
		if got, err := s.api.Do("PUT", "/v1/gateways/claims/routes/bad", r); err != nil || got.Status != 422 {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
	s.api.Must("PUT", "/v1/gateways/claims", harness.Object{"name": "claims", "client_certificates": []harness.Object{{"mode": "optional", "ca_pem": partners.pem}}})
	s.put("consumers/pay", harness.Object{"identities": []harness.Object{{"issuer": "https://ca.bank.example", "subject": "pay"}}})
	s.put("routes/certs", harness.Object{"match": harness.Object{"path": "/certs/*"}, "upstream": "app0", "policies": []harness.Object{
		{"type": "mtls", "config": harness.Object{"issuer": "https://ca.bank.example", "require_consumer": true}},
	}})
	s.api.WaitLive("claims")
	edge := c.Edges[0].Addr()
	for tier, want := range map[string]string{"gold": "backend 1", "silver": "backend 0", "": "backend 0"} {
		token := o.Token(t, "shop", "subject", "a", "claims", `{"tier":"`+tier+`"}`)
		for range 3 {
			if r := s.call.Get(edge, s.host, "/orders/7", "", "Authorization", "Bearer "+token); r.Status != 200 || r.Body != want {
				t.Fatalf("%q: %d %s, want %s", tier, r.Status, r.Body, want)
			}
		}
	}
	if got := s.usage("route", map[string]int64{"gold": 3, "rest": 6}, 15*time.Second); got["gold"] != 3 || got["rest"] != 6 {
		t.Errorf("by route: %v", got)
	}
	answer := s.api.Must("POST", "/v1/gateways/claims/explain", harness.Object{
		"method": "GET", "url": "http://" + s.host + "/orders/7", "headers": harness.Object{"Authorization": []string{"Bearer " + o.Token(t, "shop", "subject", "b", "claims", `{"tier":"silver"}`)}},
	})
	if text := fmt.Sprint(answer); !strings.Contains(text, "route:rest") || !strings.Contains(text, `it is not so that claim tier is "gold"`) {
		t.Errorf("explained as %s", text)
	}

	good, _ := partners.leaf("pay")
	unknown, _ := partners.leaf("nobody")
	foreign, _ := stranger.leaf("pay")
	if err := harness.Until(context.Background(), 10*time.Second, func() error { // the identity is on its way
		if status, code, err := get(s.partner(good), s.host, "/certs/x", ""); err != nil || status != 200 {
			return fmt.Errorf("%d %s %v", status, code, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		certs  []tls.Certificate
		status int // 0: the handshake fails
		code   string
	}{
		"again": {[]tls.Certificate{good}, 200, ""}, "none": {nil, 403, "client_certificate"},
		"another authority": {[]tls.Certificate{foreign}, 0, ""}, "no consumer": {[]tls.Certificate{unknown}, 403, "forbidden"},
	} {
		client := s.partner(x.certs...)
		if len(x.certs) > 0 { // whomever the edge says it trusts
			client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &x.certs[0], nil }
		}
		status, code, err := get(client, s.host, "/certs/x", "")
		if status != x.status || code != x.code || (err == nil) != (x.status != 0) {
			t.Errorf("%s: %d %s, %v; want %d %s", name, status, code, err, x.status, x.code)
		}
	}
	if got := s.usage("consumer", map[string]int64{"pay": 2}, 15*time.Second); got["pay"] != 2 {
		t.Errorf("by consumer: %v", got)
	}
	s.api.Must("PUT", "/v1/gateways/claims", harness.Object{"name": "claims", "client_certificates": []harness.Object{{"mode": "optional", "ca_pem": partners.pem, "crl_pem": partners.revoke(good)}}})
	s.api.WaitLive("claims")
	if status, code, err := get(s.partner(good), s.host, "/certs/x", ""); err == nil && status == 200 {
		t.Errorf("a revoked certificate: %d %s", status, code)
	}
	other, _ := partners.leaf("pay")
	if status, code, err := get(s.partner(other), s.host, "/certs/x", ""); err != nil || status != 200 {
		t.Errorf("one that is not revoked: %d %s %v", status, code, err)
	}
}
