package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestLoginIsRenewed: tokens that end are renewed at the real provider, whose refresh
// tokens are good once, whichever edge is asked; who is locked out there is out here
// when her tokens end; signing out revokes the refresh token.
func TestLoginIsRenewed(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL) }))
	t.Cleanup(app.Close)
	s := newShop(t, harness.New(t, harness.Options{Edges: 2}), "renewed", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	s.put("upstreams/web", harness.Object{"targets": []harness.Object{{"url": app.URL}}})
	s.put("secrets/client", harness.Object{"value": "test-secret"})
	s.put("secrets/session", harness.Object{"value": "0123456789abcdef0123456789abcdef"})
	s.put("routes/web", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "web", "policies": []harness.Object{{"type": "oidc_login", "config": harness.Object{
		"issuer": o.Issuer, "client_id": "test", "client_secret": harness.Object{"secret": "client"}, "keys": []harness.Object{{"secret": "session"}},
		"scopes": []string{"openid", "email", "offline_access"},
	}}}})
	s.api.WaitLive("renewed")
	const token, revoke, lifetime = "/oauth/token", "/revoke", 4 * time.Second
	o.Set(t, "redirects", []string{"https://" + s.host + "/oauth2/callback"})
	o.Set(t, "person", harness.Object{"subject": "u-1", "email": "alice@example.com", "email_verified": true})
	o.Set(t, "manners", harness.Object{"lifetime": lifetime.String()})
	home, _ := url.Parse("https://" + s.host + "/")

	alice := s.browser()
	if at, status, body := s.open(alice, "/orders"); status != 200 || at != "/orders" {
		t.Fatalf("%s: %d %s", at, status, body)
	}
	first, signedIn := alice.Jar.Cookies(home)[0].Value, o.Asked(t, token)
	for end := time.Now().Add(5 * lifetime / 2); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, code, err := get(alice, s.host, "/x", ""); err != nil || status != 200 {
			t.Fatalf("while tokens are renewed: %d %s %v", status, code, err)
		}
	}
	renewals := o.Asked(t, token) - signedIn
	if now := alice.Jar.Cookies(home)[0].Value; now == first || renewals < 2 {
		t.Errorf("%d renewals; the cookie changed: %v", renewals, now != first)
	}
	t.Logf("%d renewals in %v of tokens that live %v", renewals, 5*lifetime/2, lifetime)

	o.Set(t, "locked", map[string]bool{"u-1": true})
	if err := harness.Until(t.Context(), 5*lifetime, func() error {
		if status, code, err := get(alice, s.host, "/x", ""); err != nil || status != 401 || code != "token_expired" {
			return fmt.Errorf("%d %s %v", status, code, err)
		}
		return nil
	}); err != nil {
		t.Errorf("locked out: %v", err)
	}

	o.Set(t, "locked", map[string]bool{})
	again := s.browser()
	if at, status, body := s.open(again, "/orders"); status != 200 || at != "/orders" {
		t.Fatalf("%s: %d %s", at, status, body)
	}
	again.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	before := o.Asked(t, revoke)
	if _, status, _ := s.open(again, "/oauth2/logout"); status != 303 || o.Asked(t, revoke) != before+1 {
		t.Errorf("signing out: %d, revocations %d", status, o.Asked(t, revoke)-before)
	}
}
