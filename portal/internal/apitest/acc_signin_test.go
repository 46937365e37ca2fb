package apitest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/settings"
)

// withProvider starts a portal that one signs in to by one provider.
func withProvider(t *testing.T) (*env, *oidc) {
	t.Helper()
	o := startOIDC(t)
	e := start(t, "sqlite", settingsFor{providers: []settings.Provider{o.as("corp")}})
	o.person("ada", "ada@example.com", true)
	return e, o
}

// refused opens a callback that must be refused: 400, and nobody is signed in.
func (c *caller) refused(what, link string) {
	c.e.t.Helper()
	if res := c.open(link); res.StatusCode != http.StatusBadRequest {
		c.e.t.Errorf("%s: the callback answered %d, want 400", what, res.StatusCode)
	}
	if a := c.get("/v1/me"); a.status != http.StatusUnauthorized {
		c.e.t.Errorf("%s: a session came of it: %d", what, a.status)
	}
}

func TestSignInByProvider(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t)
	list := e.browser().get("/v1/login/providers").want(200).list("items")
	if len(list) != 1 || list[0].(object)["title"] != "Corp" || list[0].(object)["url"] != "/v1/login/oidc/corp" {
		t.Fatalf("providers are %v", list)
	}
	b := e.browser()
	if to := b.signIn("corp", "/gateways?x=1"); to != "/gateways?x=1" {
		t.Fatalf("signed in and sent to %s", to)
	}
	me := b.get("/v1/me").want(200)
	if me.str("user", "email") != "ada@example.com" || me.at("user", "verified") != true || me.at("user", "has_password") != false || len(me.list("organizations")) != 0 {
		t.Fatalf("me is %s", me.body)
	}
	org := b.post("/v1/organizations", object{"name": "Ada's"}).want(201)
	if org.at("verified") != true {
		t.Fatalf("the organization is %s", org.body)
	}
	b.get("/v1/organization").want(200)
	again := e.browser()
	again.signIn("corp", "/")
	if got := again.get("/v1/me").want(200).str("user", "id"); got != me.str("user", "id") {
		t.Fatalf("the second sign-in made another user, %s", got)
	}
	if res := e.browser().open("/v1/login/oidc/nobody"); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown provider: %d", res.StatusCode)
	}
}

// TestACC01State: a callback counts only with the state that this browser was
// sent out with, once.
func TestACC01State(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t)
	e.browser().refused("no flow at all", "/v1/login/oidc/corp/callback?code=a&state=b")
	b := e.browser()
	b.refused("no state", withQuery(t, b.leave("corp", "/"), "state", ""))
	b.refused("a wrong state", withQuery(t, b.leave("corp", "/"), "state", "x"))
	victim, attacker := e.browser(), e.browser()
	foreign := attacker.leave("corp", "/")
	victim.refused("another browser's callback", foreign)
	victim.leave("corp", "/")
	victim.refused("another browser's callback over an own flow", foreign)
	// Used twice, even by a browser that puts its cookie back.
	b = e.browser()
	link := b.leave("corp", "/")
	u, err := url.Parse(e.base)
	if err != nil {
		t.Fatal(err)
	}
	cookies := b.jar.Cookies(u)
	if res := b.open(link); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the first use answered %d", res.StatusCode)
	}
	b.post("/v1/logout", nil).want(204)
	b.refused("a second use", link)
	b.jar.SetCookies(u, cookies)
	b.refused("a second use with the cookie put back", link)
	// A flow ends after ten minutes.
	b = e.browser()
	link = b.leave("corp", "/")
	e.clock.advance(flowTime)
	b.refused("a flow that is too old", link)
}

// TestACC02CodeAndPKCE: a code works once, and only with the verifier of the flow
// that asked for it.
func TestACC02CodeAndPKCE(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t)
	b := e.browser()
	start := b.open("/v1/login/oidc/corp")
	q, err := url.Parse(location(t, start))
	if err != nil {
		t.Fatal(err)
	}
	if v := q.Query(); v.Get("code_challenge_method") != "S256" || len(v.Get("code_challenge")) != 43 || len(v.Get("state")) < 43 || len(v.Get("nonce")) < 43 || v.Get("response_type") != "code" {
		t.Fatalf("the provider is asked %s", q)
	}
	// The attacker's code in the victim's flow: its verifier is another.
	attacker, victim := e.browser(), e.browser()
	stolen, err := url.Parse(attacker.leave("corp", "/"))
	if err != nil {
		t.Fatal(err)
	}
	victim.refused("an injected code", withQuery(t, victim.leave("corp", "/"), "code", stolen.Query().Get("code")))
	// A code that was used.
	used := e.browser()
	link := used.leave("corp", "/")
	used.open(link)
	spent, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	b = e.browser()
	b.refused("a used code", withQuery(t, b.leave("corp", "/"), "code", spent.Query().Get("code")))
	b.refused("no code", withQuery(t, b.leave("corp", "/"), "code", ""))
	b.refused("a made-up code", withQuery(t, b.leave("corp", "/"), "code", "made-up"))
}

// TestACC03MixUp: what one issuer answers is never taken for another's.
func TestACC03MixUp(t *testing.T) {
	t.Parallel()
	honest, evil := startOIDC(t), startOIDC(t)
	e := start(t, "sqlite", settingsFor{providers: []settings.Provider{honest.as("honest"), evil.as("evil")}})
	honest.person("ada", "ada@example.com", true)
	evil.person("ada", "ada@example.com", true)
	b := e.browser()
	b.refused("the state of one at the callback of the other", strings.Replace(b.leave("honest", "/"), "/honest/", "/evil/", 1))
	code, err := url.Parse(e.browser().leave("evil", "/"))
	if err != nil {
		t.Fatal(err)
	}
	b.refused("the code of one with the state of the other", withQuery(t, b.leave("honest", "/"), "code", code.Query().Get("code")))
	b.refused("the iss of one in the answer of the other", withQuery(t, b.leave("honest", "/"), "iss", evil.issuer))
	honest.manners(object{"iss": "https://elsewhere.example"})
	b.refused("an iss of nobody", b.leave("honest", "/"))
	honest.manners(object{"audience": []string{"somebody-else", "test"}})
	if res := b.open(b.leave("honest", "/")); res.StatusCode != http.StatusSeeOther {
		t.Errorf("a token for two, authorized to us: %d", res.StatusCode)
	}
	honest.manners(object{"iss": "own"})
	if to := e.browser().signIn("honest", "/docs/"); to != "/docs/" {
		t.Errorf("with the right iss: sent to %s", to)
	}
	// A provider that says it always sends iss must.
	silent := startOIDC(t)
	silent.manners(object{"advertise": true})
	silent.person("ada", "ada@example.com", true)
	e = start(t, "sqlite", settingsFor{providers: []settings.Provider{silent.as("silent")}})
	b = e.browser()
	b.refused("iss left out by who always sends it", b.leave("silent", "/"))
}

// TestACC04Nonce: an identity token belongs to one flow.
func TestACC04Nonce(t *testing.T) {
	t.Parallel()
	e, o := withProvider(t)
	b := e.browser()
	for _, nonce := range []string{"-", "another"} {
		o.manners(object{"nonce": nonce})
		b.refused("nonce "+nonce, b.leave("corp", "/"))
	}
	o.manners(object{})
	if to := b.signIn("corp", "/"); to != "/" {
		t.Errorf("with the right nonce: sent to %s", to)
	}
}

// TestACC05OpenRedirect: nobody is sent anywhere but to the portal's own pages.
func TestACC05OpenRedirect(t *testing.T) {
	t.Parallel()
	e, _ := withProvider(t)
	for target, want := range map[string]string{
		"/gateways": "/gateways", "/account/security?tab=a%20b": "/account/security?tab=a%20b", "/join?token=abc": "/join?token=abc",
		"/p/acme/": "/p/acme/", "": "/", "/": "/",
		"//evil.example": "/", "/\\evil.example": "/", "https:evil.example": "/", "https://evil.example/": "/",
		"%2f%2fevil.example": "/", "/%2f%2fevil.example": "/", "javascript:alert(1)": "/", "/ok\r\nLocation: https://evil.example": "/",
		"/ok%0d%0aLocation:%20https://evil.example": "/", "/gateways/%0d%0aLocation:": "/", "/gateways\\@evil.example": "/",
		"/\t/evil.example": "/", "/gateways/..//evil.example": "/", "/gateways/../../evil": "/", "/v1/logout": "/", "/dev/mails": "/",
		"/gateways#@evil.example": "/", "http:///evil.example": "/", "///evil.example": "/", "/@evil.example": "/", "\x00/": "/",
		"/gateways/%2f%2fevil.example": "/", "/gateways/%5cevil.example": "/", "/gatewäys": "/",
	} {
		b := e.browser()
		res := b.open("/v1/login/oidc/corp?return_to=" + url.QueryEscape(target))
		if strings.Contains(target, "\x00") {
			if res.StatusCode != http.StatusBadRequest {
				t.Errorf("return_to %q: %d", target, res.StatusCode)
			}
			continue
		}
		to := b.open(b.through(location(t, res))).Header.Get("Location")
		if to != want {
			t.Errorf("return_to %q leads to %q, want %q", target, to, want)
		}
	}
}

// TestSignInThatPeopleCanMend: what is nobody's fault leads back with a word that
// the page knows, and never shows what the provider wrote.
func TestSignInThatPeopleCanMend(t *testing.T) {
	t.Parallel()
	e, o := withProvider(t)
	o.manners(object{"error": "access_denied"})
	b := e.browser()
	if to := b.signIn("corp", "/gateways"); to != "/login?error=denied&provider=corp" {
		t.Errorf("denied: sent to %s", to)
	}
	o.manners(object{"error": "<script>alert(1)</script>"})
	b.refused("an error that is none", b.leave("corp", "/"))
	o.manners(object{})
	o.person("eve", "ada@example.com", false)
	if to := b.signIn("corp", "/"); to != "/login?error=unverified_email&provider=corp" {
		t.Errorf("an address that the provider does not vouch for: sent to %s", to)
	}
	link := b.leave("corp", "/")
	o.steer(http.MethodPost, "/mode/fail", nil)
	if to := b.open(link).Header.Get("Location"); to != "/login?error=provider_unavailable&provider=corp" {
		t.Errorf("a provider that is out of order: sent to %s", to)
	}
	b.get("/v1/me").want(401)
	away := start(t, "sqlite", settingsFor{providers: []settings.Provider{o.as("corp")}})
	if to := away.browser().open("/v1/login/oidc/corp").Header.Get("Location"); to != "/login?error=provider_unavailable&provider=corp" {
		t.Errorf("a provider that was never there: sent to %s", to)
	}
}

// flowTime is longer than a sign-in may take.
const flowTime = 11 * time.Minute
