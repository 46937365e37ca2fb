package oidclogin_test

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// want checks an answer.
func want(t testing.TB, what string, r *policytest.Result, status int, code contract.Code) {
	t.Helper()
	if r.Status != status || r.Reply.Code != code {
		t.Errorf("%s: %d %s (%s), want %d %s", what, r.Status, r.Reply.Code, r.Reply.Detail, status, code)
	}
}

// passes checks that a request reaches the backend as alice.
func passes(t testing.TB, what string, r *policytest.Result) {
	t.Helper()
	if !r.Forwarded || r.Principal == nil || r.Principal.ConsumerName != "alice" {
		t.Errorf("%s: %d %s (%s)", what, r.Status, r.Reply.Code, r.Reply.Detail)
	}
}

func location(r *policytest.Result) string {
	v, _ := r.Header.Get("Location")
	return v
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	i := newIDP()
	b := newFront(t, i, with(`"parameters":{"prompt":"login"},"scopes":["openid","offline_access"]`)).browser()
	u := b.open("/orders/7?x=%2f&y=//evil")
	q := u.Query()
	if u.Scheme+"://"+u.Host+u.Path != issuerURL+"/authorize" || q.Get("tenant") != "1" || q.Get("prompt") != "login" || q.Get("response_type") != "code" ||
		q.Get("client_id") != client || q.Get("scope") != "openid offline_access" || q.Get("redirect_uri") != "https://app.example.com/oauth2/callback" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("state")) != 43 || len(q.Get("nonce")) != 43 || len(q.Get("code_challenge")) != 43 {
		t.Fatalf("sent to %s", u)
	}
	for k, v := range b.jar {
		if strings.Contains(v, q.Get("state")) || !strings.HasPrefix(k, "__Host-tgl-") {
			t.Errorf("cookie %s=%s", k, v)
		}
	}
	r := b.get("/oauth2/callback?"+i.signs(u), page...)
	want(t, "callback", r, 302, 0)
	if to := location(r); to != "/orders/7?x=%2f&y=//evil" {
		t.Errorf("led to %q", to)
	}
	if len(b.jar) != 1 {
		t.Errorf("cookies %v", b.jar)
	}
	passes(t, "a page", b.get("/orders/7", page...))
	passes(t, "a script", b.get("/api", "Sec-Fetch-Mode", "cors"))
	if got := i.auth[0]; got != "Basic d2ViOnNlY3JldCUzQWNsaWVudA==" || i.asked[0].Get("client_id") != "" {
		t.Errorf("the gateway comes as %q %v", got, i.asked[0])
	}
	for _, c := range []string{"http localhost 8000 http://localhost:8000", "http demo.localhost 0 http://demo.localhost", "https app.example.com 443 https://app.example.com", "https app.example.com 8443 https://app.example.com:8443"} {
		o, want := newFront(t, newIDP(), config).browser(), ""
		if _, err := fmt.Sscan(c, &o.scheme, &o.host, &o.port, &want); err != nil {
			t.Fatal(err)
		}
		if got := o.open("/").Query().Get("redirect_uri"); got != want+"/oauth2/callback" {
			t.Errorf("%s: %s", c, got)
		}
		if to := o.signIn("/a"); to != "/a" {
			t.Errorf("%s: led to %s", c, to)
		}
		passes(t, c, o.get("/"))
	}
	plain := newFront(t, newIDP(), config).browser()
	for _, h := range []string{"app.example.com", "127.evil.example", "notlocalhost"} {
		plain.scheme, plain.host = "http", h
		want(t, "over plain http", plain.get("/", page...), 403, contract.CodeForbidden)
	}
	public := newIDP()
	newFront(t, public, strings.Replace(config, `"client_secret":{"secret":"client"},`, "", 1)).browser().signIn("/")
	if public.auth[0] != "" || public.asked[0].Get("client_id") != client {
		t.Errorf("a public client comes as %q %v", public.auth[0], public.asked[0])
	}
}

// TestForgedCallbacks: what did not begin in this browser ends in no session
// (reliability.md ACC01–ACC04).
func TestForgedCallbacks(t *testing.T) {
	t.Parallel()
	i := newIDP()
	f := newFront(t, i, config)
	bad := func(what string, r *policytest.Result) {
		t.Helper()
		want(t, what, r, 400, contract.CodeRequestInvalid)
		for _, c := range r.Header.All("Set-Cookie") {
			if strings.Contains(c, "tgs-") {
				t.Errorf("%s: %s", what, c)
			}
		}
	}
	mallory, alice := f.browser(), f.browser()
	u := mallory.open("/")
	answer := i.signs(u)
	bad("another browser's answer", alice.get("/oauth2/callback?"+answer, page...))
	alice.open("/") // a sign-in of her own changes nothing
	bad("another browser's answer", alice.get("/oauth2/callback?"+answer, page...))
	for k, v := range mallory.jar {
		state := u.Query().Get("state")
		alice.jar[k] = v[:len(v)-4] + "AAAA"
		bad("a forged cookie", alice.get("/oauth2/callback?"+answer, page...))
		other := alice.open("/x").Query().Get("state")
		for name, value := range alice.jar {
			if strings.HasSuffix(name, other[:8]) {
				alice.jar[strings.TrimSuffix(name, other[:8])+state[:8]] = value
			}
		}
		bad("a cookie of another state", alice.get("/oauth2/callback?"+answer, page...))
	}
	for _, q := range []string{"", "code=c", "state=", "state=short&code=c", "state=" + strings.Repeat("s", 43) + "&code=c", "%zz", "state=a&state=b&code=c", "state=" + strings.Repeat("s", 300)} {
		bad(q, mallory.get("/oauth2/callback?"+q, page...))
	}
	want(t, "first", mallory.get("/oauth2/callback?"+answer, page...), 302, 0)
	bad("twice", mallory.get("/oauth2/callback?"+answer, page...))

	for name, change := range map[string]func(i *idp){
		"another nonce": func(i *idp) { i.more["nonce"] = "other" }, "no nonce": func(i *idp) { i.more["nonce"] = nil },
		"another client": func(i *idp) { i.more["aud"] = "other" }, "two audiences without azp": func(i *idp) { i.more["aud"] = []string{client, "other"} },
		"another azp":    func(i *idp) { i.more["azp"] = "other" },
		"another issuer": func(i *idp) { i.more["iss"] = issuerURL + "/" }, "expired": func(i *idp) { i.more["exp"] = 1 }, "no expiry": func(i *idp) { i.more["exp"] = nil },
		"of tomorrow": func(i *idp) { i.more["iat"] = i.now.Unix() + 86400 }, "nobody": func(i *idp) { i.more["sub"] = nil },
		"another access token": func(i *idp) { i.more["at_hash"] = "AAAA" }, "a refused code": func(i *idp) { i.refuse = "invalid_grant" },
	} {
		i := newIDP()
		change(i)
		b := newFront(t, i, config).browser()
		bad(name, b.get("/oauth2/callback?"+i.signs(b.open("/")), page...))
		if len(b.jar) != 0 {
			t.Errorf("%s: the sign-in can be tried again: %v", name, b.jar)
		}
	}
	b := f.browser()
	bad("an answer of another issuer", b.get("/oauth2/callback?"+i.signs(b.open("/"))+"&iss=https://evil.example", page...))
	want(t, "an answer that names the issuer", b.get("/oauth2/callback?"+i.signs(b.open("/"))+"&iss="+url.QueryEscape(issuerURL), page...), 302, 0)
	names := newIDP()
	names.doc = `,"authorization_response_iss_parameter_supported":true`
	b = newFront(t, names, config).browser()
	bad("an answer that does not name the issuer, of one who always does", b.get("/oauth2/callback?"+names.signs(b.open("/")), page...))
	b = f.browser()
	r := b.get("/oauth2/callback?error=access_denied&error_description=%3Cscript%3E&state="+b.open("/").Query().Get("state"), page...)
	want(t, "refused by the person", r, 403, contract.CodeForbidden)
	if !strings.HasSuffix(r.Reply.Detail, ": access_denied") {
		t.Errorf("told %q", r.Reply.Detail)
	}
	bad("a strange error", b.get("/oauth2/callback?error=%3Cscript%3E&state="+b.open("/").Query().Get("state"), page...))
	late := b.open("/")
	i.set(func(i *idp) { i.now = i.now.Add(11 * time.Minute) })
	bad("after eleven minutes", b.get("/oauth2/callback?"+i.signs(late), page...))
	want(t, "by POST", b.do("POST", "/oauth2/callback?"+answer), 405, contract.CodeMethodNotAllowed)
}

// TestOwnPathsOnly: ACC05.
func TestOwnPathsOnly(t *testing.T) {
	t.Parallel()
	b := newFront(t, newIDP(), config).browser()
	for target, to := range map[string]string{
		"/": "/", "/a/b?x=1": "/a/b?x=1", "/?//evil.example": "/?//evil.example", "//evil.example": "/", "/\\evil.example": "/",
		"/" + strings.Repeat("a", 3000): "/",
	} {
		if got := b.signIn(target); got != to {
			t.Errorf("%s leads to %s, want %s", target, got, to)
		}
		clear(b.jar)
	}
	var at []*url.URL
	for n := range 7 {
		at = append(at, b.open(fmt.Sprintf("/%d", n)))
	}
	if len(b.jar) > 5 {
		t.Errorf("%d sign-ins under way", len(b.jar))
	}
	for _, n := range []int{6, 5} {
		r := b.get("/oauth2/callback?"+b.f.idp.signs(at[n]), page...)
		if want(t, "a tab", r, 302, 0); location(r) != fmt.Sprintf("/%d", n) {
			t.Errorf("a tab leads to %s", location(r))
		}
	}
}

// TestTenants: a cookie is good for its own organization, gateway, issuer and client.
func TestTenants(t *testing.T) {
	t.Parallel()
	i := newIDP()
	b := newFront(t, i, config).browser()
	under := b.open("/other") // and one that is under way
	b.signIn("/")
	for name, change := range map[string]func(d *policy.Deps){
		"another organization": func(d *policy.Deps) { d.Scope.Organization = "org_other" },
		"another gateway":      func(d *policy.Deps) { d.Scope.Gateway = "gw_other" },
		"another key": func(d *policy.Deps) {
			d.Secret = func(string) ([]byte, error) { return []byte(strings.Repeat("k", 40)), nil }
		},
	} {
		theirs := newFront(t, i, config, change)
		o := theirs.browser()
		o.open("/")
		var session, login string
		for k := range o.jar {
			login = k[:len("__Host-tgl-00000000-")]
			session = "__Host-tgs-" + login[len("__Host-tgl-"):len(login)-1]
		}
		clear(o.jar)
		for k, v := range b.jar {
			if strings.HasPrefix(k, "__Host-tgs-") {
				o.jar[session] = v
			} else {
				o.jar[login+k[len(login):]] = v
			}
		}
		want(t, name, o.get("/", "Accept", "*/*"), 401, contract.CodeTokenInvalid)
		want(t, name+", callback", o.get("/oauth2/callback?"+i.signs(under), page...), 400, contract.CodeRequestInvalid)
	}
	otherClient := newFront(t, i, strings.Replace(config, `"web"`, `"other"`, 1)).browser()
	maps.Copy(otherClient.jar, b.jar)
	want(t, "another client", otherClient.get("/"), 401, contract.CodeTokenMissing)
	edge := newFront(t, i, config).browser() // another edge
	maps.Copy(edge.jar, b.jar)
	passes(t, "another edge", edge.get("/"))
	// A sealed sign-in is no session.
	for k, v := range b.jar {
		if strings.HasPrefix(k, "__Host-tgl-") {
			edge.jar["__Host-tgs-"+k[len("__Host-tgl-"):len("__Host-tgl-00000000")]] = "1" + v
		}
	}
	want(t, "a sign-in for a session", edge.get("/"), 401, contract.CodeTokenInvalid)
}

// TestKeysRotate: the first key seals, each opens.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	keys := func(names ...string) string {
		return strings.Replace(config, `[{"secret":"session-key-of-this-gateway"}]`, `[{"secret":"session-key-of-`+strings.Join(names, `-2026"},{"secret":"session-key-of-`)+`-2026"}]`, 1)
	}
	i := newIDP()
	f := newFront(t, i, keys("october"))
	old := f.browser()
	old.signIn("/")
	f.use(keys("november", "october"))
	passes(t, "the old key behind the new one", old.get("/"))
	fresh := f.browser()
	fresh.signIn("/")
	f.use(keys("november"))
	passes(t, "the new key", fresh.get("/"))
	want(t, "the old key taken away", old.get("/"), 401, contract.CodeTokenInvalid)
	old.open("/")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.pad = 3500
	f := newFront(t, i, with(`"after_logout":"/bye"`))
	b, copied := f.browser(), f.browser()
	b.signIn("/")
	maps.Copy(copied.jar, b.jar)
	want(t, "another site", b.get("/oauth2/logout", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 403, contract.CodeForbidden)
	passes(t, "still", b.get("/"))
	r := b.get("/oauth2/logout", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
	u, err := url.Parse(location(r))
	if err != nil || r.Status != 303 {
		t.Fatalf("%d %v", r.Status, err)
	}
	q := u.Query()
	if u.Scheme+"://"+u.Host+u.Path != issuerURL+"/end" || q.Get("client_id") != client || q.Get("post_logout_redirect_uri") != "https://app.example.com/bye" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("led to %s", u)
	}
	if len(b.jar) != 0 || len(i.revoked) != 1 || i.revoked[0] != "refresh-1" {
		t.Errorf("left %v, revoked %v", b.jar, i.revoked)
	}
	want(t, "signed out", b.get("/"), 401, contract.CodeTokenMissing)
	want(t, "a copy at this edge", copied.get("/"), 401, contract.CodeTokenExpired)
	if r := b.do("POST", "/oauth2/logout"); r.Status != 303 || location(r) != "/bye" {
		t.Errorf("nobody signed in: %d %s", r.Status, location(r))
	}
	b.signIn("/")
	i.set(func(i *idp) { i.down, i.now = true, i.now.Add(time.Minute) })
	if r := b.get("/oauth2/logout"); r.Status != 303 || len(b.jar) != 0 {
		t.Errorf("with the provider away: %d %v", r.Status, b.jar)
	}
	want(t, "by DELETE", b.do("DELETE", "/oauth2/logout"), 405, contract.CodeMethodNotAllowed)
}

// TestLarge: tokens that don't fit give no half a session.
func TestLarge(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.pad = 4500
	b := newFront(t, i, config).browser()
	want(t, "too large", b.get("/oauth2/callback?"+i.signs(b.open("/")), page...), 503, contract.CodeProviderUnavailable)
	i.set(func(i *idp) { i.pad = 3800 })
	b.signIn("/")
	if len(b.jar) < 2 {
		t.Fatalf("%d cookies", len(b.jar))
	}
	passes(t, "in pieces", b.get("/"))
	maps.DeleteFunc(b.jar, func(k, _ string) bool { return strings.HasSuffix(k, "-1") })
	want(t, "a piece is missing", b.get("/"), 401, contract.CodeTokenMissing)
	i.set(func(i *idp) { i.pad = 0 })
	b.jar["__Host-tgs-00000000-1"] = "of another"
	b.signIn("/")
	passes(t, "shorter", b.get("/"))
}
