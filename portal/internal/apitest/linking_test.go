package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// TestNoAccountIsTakenOver: an identity never joins an account by its address
// alone, whoever was there first.
func TestNoAccountIsTakenOver(t *testing.T) {
	t.Parallel()
	o := startOIDC(t)
	e := start(t, "sqlite", settingsFor{mail: true, providers: []settings.Provider{o.as("corp")}})
	// Somebody lies in wait under Ada's address, unproved.
	thief := e.signup("ada")
	waiting := thief.login()
	o.person("ada-at-corp", "ADA@example.com", true)
	b := e.browser()
	if to := b.signIn("corp", "/gateways"); to != "/login?error=account_exists&provider=corp&return_to=%2Fgateways" {
		t.Fatalf("sent to %s", to)
	}
	b.get("/v1/me").want(401)
	// Who lies in wait can't prepare a second factor or an identity of its own.
	waiting.post("/v1/totp", object{"current_password": password}).wantCode(403, "forbidden")
	link := waiting.post("/v1/identities", object{"provider": "corp", "current_password": password}).want(201).str("url")
	o.person("thief", "thief@example.com", true)
	if res := waiting.open(waiting.through(link)); res.StatusCode != http.StatusForbidden {
		t.Errorf("an identity was linked to an unproved address: %d", res.StatusCode)
	}
	// The owner of the address claims it by mail: nothing of the other is left.
	anon := &caller{e: e}
	anon.post("/v1/password/forgot", object{"email": "ada@example.com"}).want(202)
	anon.post("/v1/password/reset", object{"token": linkToken(t, e.mailTo("ada@example.com", "/reset")), "password": "the real ada's own"}).want(204)
	waiting.get("/v1/me").want(401)
	thief.get("/v1/me").want(401) // the management token of the signup
	o.person("ada-at-corp", "ada@example.com", true)
	b = e.browser()
	b.signIn("corp", "/")
	b.post("/v1/login", object{"email": "ada@example.com", "password": "the real ada's own"}).want(200)
	if list := b.get("/v1/identities").want(200).list("items"); len(list) != 1 || list[0].(object)["title"] != "Corp" {
		t.Fatalf("identities are %v", list)
	}
	again := e.browser()
	if to := again.signIn("corp", "/guide"); to != "/guide" {
		t.Errorf("the linked identity leads to %s", to)
	}
}

// TestWaitingLinkIsTheOwners: an identity that waits is linked to no other account
// that the browser signs in to.
func TestWaitingLinkIsTheOwners(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t) // Ada at the provider
	e.signup("ada")
	bob := e.signup("bob")
	b := e.browser()
	b.signIn("corp", "/")
	b.post("/v1/login", object{"email": bob.email, "password": password}).want(200)
	if list := b.get("/v1/identities").want(200).list("items"); len(list) != 0 {
		t.Fatalf("Bob's identities are %v", list)
	}
	if to := e.browser().signIn("corp", "/"); !strings.Contains(to, "account_exists") {
		t.Errorf("sent to %s", to)
	}
}

func TestLinkingAndUnlinking(t *testing.T) {
	t.Parallel()
	e, o := withProvider(t)
	ada, bob := e.signup("ada"), e.signup("bob")
	s := ada.login()
	o.person("ada-elsewhere", "private@elsewhere.example", false) // any identity of hers, her own to give
	s.post("/v1/identities", object{"provider": "corp"}).wantFields("/current_password")
	s.post("/v1/identities", object{"provider": "nobody", "current_password": password}).want(404)
	start := s.post("/v1/identities", object{"provider": "corp", "current_password": password, "return_to": "//evil.example"}).want(201)
	if to := s.open(s.through(start.str("url"))).Header.Get("Location"); to != "/account/security?linked=corp" {
		t.Fatalf("linked and sent to %s", to)
	}
	// Bob can't have the same.
	other := bob.login()
	start = other.post("/v1/identities", object{"provider": "corp", "current_password": password}).want(201)
	if to := other.open(other.through(start.str("url"))).Header.Get("Location"); to != "/account/security?error=identity_taken&provider=corp" {
		t.Errorf("a second account: sent to %s", to)
	}
	// A link that another session began, or that lost its session, is refused.
	start = other.post("/v1/identities", object{"provider": "corp", "current_password": password}).want(201)
	callback := other.through(start.str("url"))
	other.post("/v1/logout", nil).want(204)
	if res := other.open(callback); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a link without its session: %d", res.StatusCode)
	}
	id := s.get("/v1/identities").want(200).list("items")[0].(object)["id"].(string)
	bob.login().delete("/v1/identities/"+id).wantCode(404, "not_found")
	s.delete("/v1/identities/" + id).want(204)
	// The only way in stays.
	o.person("carol", "carol@example.com", true)
	c := e.browser()
	c.signIn("corp", "/")
	id = c.get("/v1/identities").want(200).list("items")[0].(object)["id"].(string)
	c.delete("/v1/identities/"+id).wantCode(409, "conflict")
	c.put("/v1/password", object{"password": "carol's own password"}).want(204) // freshly signed in
	c.delete("/v1/identities/" + id).want(204)
	e.browser().post("/v1/login", object{"email": "carol@example.com", "password": "carol's own password"}).want(200)
}

// TestFreshSignIn: an account without a password proves itself by a sign-in that is
// young.
func TestFreshSignIn(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t)
	b := e.browser()
	b.signIn("corp", "/")
	e.clock.advance(11 * time.Minute)
	b.post("/v1/totp", object{}).wantFields("/current_password")
	b.put("/v1/password", object{"password": "another long password"}).wantFields("/current_password")
	b.post("/v1/account/delete", object{}).wantFields("/current_password")
	b.signIn("corp", "/")
	secret, recovery := b.enrol()
	// With a second factor, it is asked for after the provider, too.
	again := e.browser()
	if to := again.signIn("corp", "/gateways"); to != "/login?return_to=%2Fgateways&step=second" {
		t.Fatalf("sent to %s", to)
	}
	again.get("/v1/me").want(401)
	again.post("/v1/login/second-factor", object{"code": code(t, secret, e.clock.now())}).want(200)
	again.post("/v1/account/delete", object{}).wantFields("/code")
	again.post("/v1/account/delete", object{"code": recovery[0]}).want(204)
}

// fakeGitHub is as much of GitHub as signing in needs; it checks what it is sent.
type fakeGitHub struct {
	t      *testing.T
	mu     sync.Mutex // guards all that follows
	codes  map[string]url.Values
	given  int
	id     int64
	email  string
	proved bool
}

func (g *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/login/oauth/authorize":
		q := r.URL.Query()
		c := fmt.Sprint("code", g.given)
		g.given++
		g.codes[c] = q
		http.Redirect(w, r, q.Get("redirect_uri")+"?code="+c+"&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
	case "/login/oauth/access_token":
		q, ok := g.codes[r.FormValue("code")]
		delete(g.codes, r.FormValue("code"))
		if !ok || r.FormValue("client_secret") != "hush" || r.FormValue("redirect_uri") != q.Get("redirect_uri") || challenge(r.FormValue("code_verifier")) != q.Get("code_challenge") {
			answer(map[string]string{"error": "bad_verification_code"}) // with 200, as GitHub does
			return
		}
		answer(map[string]string{"access_token": "gho_x", "token_type": "bearer", "scope": "user:email"})
	case "/api/v3/user":
		answer(object{"id": g.id, "login": "ada", "name": "Ada", "email": "public@elsewhere.example"})
	case "/api/v3/user/emails":
		answer([]object{{"email": "old@example.com", "primary": false, "verified": true}, {"email": g.email, "primary": true, "verified": g.proved}})
	default:
		http.NotFound(w, r)
	}
}

func TestSignInByGitHub(t *testing.T) {
	t.Parallel()
	g := &fakeGitHub{t: t, codes: map[string]url.Values{}, id: 7, email: "ada@example.com", proved: true}
	server := httptest.NewServer(g)
	defer server.Close()
	e := start(t, "sqlite", settingsFor{github: signin.GitHubConfig{URL: server.URL, ClientID: "tollgate", ClientSecret: "hush"}})
	b := e.browser()
	if to := b.signIn("github", "/guide"); to != "/guide" {
		t.Fatalf("sent to %s", to)
	}
	me := b.get("/v1/me").want(200)
	if me.str("user", "email") != "ada@example.com" || me.str("user", "name") != "Ada" {
		t.Errorf("me is %s", me.body)
	}
	// The account is the number, not the address.
	g.mu.Lock()
	g.email = "renamed@example.com"
	g.mu.Unlock()
	again := e.browser()
	again.signIn("github", "/")
	if got := again.get("/v1/me").want(200).str("user", "id"); got != me.str("user", "id") {
		t.Errorf("another address made another user")
	}
	g.mu.Lock()
	g.id, g.proved = 8, false
	g.mu.Unlock()
	if to := e.browser().signIn("github", "/"); to != "/login?error=unverified_email&provider=github" {
		t.Errorf("an unproved address: sent to %s", to)
	}
	b = e.browser()
	b.refused("an injected code", withQuery(t, b.leave("github", "/"), "code", "code0"))
	b.refused("a wrong state", withQuery(t, b.leave("github", "/"), "state", "x"))
}
