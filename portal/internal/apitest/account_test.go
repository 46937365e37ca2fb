package apitest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestSignup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		anon := &caller{e: e}
		a := anon.post("/v1/signup", map[string]any{"email": "Ada@Example.com", "password": password, "organization": "Ada & <b>sons</b>"}).want(201)
		if !strings.HasPrefix(a.str("token"), "tgm_") || a.str("organization", "plan") != "free" {
			t.Fatalf("signup answered %s", a.body)
		}
		ada := &caller{e: e, token: a.str("token")}
		me := ada.get("/v1/me").want(200)
		if me.str("user", "email") != "Ada@Example.com" || len(me.list("organizations")) != 1 {
			t.Fatalf("me answered %s", me.body)
		}
		anon.post("/v1/signup", map[string]any{"email": "ada@example.COM", "password": password, "organization": "x"}).wantCode(409, "email_taken")
		anon.post("/v1/signup", map[string]any{"email": "a@b@c", "password": "short", "organisation": "x"}).
			wantFields("/password", "/organisation")
		anon.post("/v1/signup", map[string]any{"email": "a@b@c", "password": "1234567890", "organization": " "}).
			wantFields("/email", "/password", "/organization")
		for _, email := range []string{"ünïcode@example.com", `"a b"@example.com`, "a@[127.0.0.1]", "a@-example.com", "Ada <a@example.com>", "a@example..com"} {
			anon.post("/v1/signup", map[string]any{"email": email, "password": password, "organization": "x"}).wantFields("/email")
		}
	})
}

func TestSignupIsThrottled(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	anon := &caller{e: e}
	refused := 0
	for range 40 {
		// Input that is refused by the database costs a try, too.
		a := anon.post("/v1/signup", map[string]any{"email": "ada@example.com", "password": password, "organization": "x"})
		if a.status == 429 {
			refused++
			if a.header.Get("Retry-After") == "" {
				t.Fatal("429 without Retry-After")
			}
		}
	}
	if refused < 5 {
		t.Fatalf("%d of 40 signups were refused, want at least 5", refused)
	}
	e.clock.advance(2 * time.Minute)
	anon.post("/v1/signup", map[string]any{"email": "bob@example.com", "password": password, "organization": "x"}).want(201)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		anon := &caller{e: e}
		wrong := anon.post("/v1/login", map[string]any{"email": ada.email, "password": "not it, not it"}).wantCode(401, "unauthenticated")
		unknown := anon.post("/v1/login", map[string]any{"email": "nobody@example.com", "password": "not it, not it"}).wantCode(401, "unauthenticated")
		if wrong.str("detail") != unknown.str("detail") {
			t.Errorf("a wrong password and an unknown address are told apart: %q, %q", wrong.str("detail"), unknown.str("detail"))
		}
		s := ada.login()
		s.get("/v1/me").want(200)
		s.get("/v1/organization").want(200)
		s.with("Tollgate-Organization", "org_00000000000000000000000000").get("/v1/organization").wantCode(404, "not_found")

		list := s.get("/v1/sessions").want(200).list("items")
		if len(list) != 1 || list[0].(map[string]any)["current"] != true {
			t.Fatalf("sessions are %v", list)
		}
		other := ada.login()
		if n := len(s.get("/v1/sessions").want(200).list("items")); n != 2 {
			t.Fatalf("%d sessions, want 2", n)
		}
		s.delete("/v1/sessions").want(204)
		other.get("/v1/me").want(401)
		s.get("/v1/me").want(200)
		s.post("/v1/logout", nil).want(204)
		s.get("/v1/me").want(401)
	})
}

func TestLoginIsSlowedDownPerAccountAndClient(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada, bob := e.signup("ada"), e.signup("bob")
	e.clock.freeze()
	anon := &caller{e: e}
	guess := func() *answer {
		return anon.post("/v1/login", map[string]any{"email": ada.email, "password": "guessing again"})
	}
	for range 4 {
		guess().want(401)
	}
	guess().wantCode(429, "throttled")
	anon.post("/v1/login", map[string]any{"email": ada.email, "password": password}).want(429)
	bob.login() // somebody else at the same address does not wait
	e.clock.advance(2 * time.Second)
	guess().want(401)
	guess().want(429)
	e.clock.advance(time.Minute) // never longer: nobody is locked out
	ada.login()
	guess().want(401) // a success starts the count anew
}

func TestABusyOfficeDoesNotWait(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	e.clock.freeze()
	for range 35 {
		ada.login()
	}
	anon := &caller{e: e}
	refused := false
	for i := range 40 { // a leaked list: another account each time
		a := anon.post("/v1/login", map[string]any{"email": fmt.Sprintf("u%d@example.com", i), "password": "guessing again"})
		refused = refused || a.status == 429
		if i == 10 {
			ada.login()
		}
	}
	if !refused {
		t.Error("40 accounts could be tried in a row")
	}
}

func TestPasswordChange(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	s, other := ada.login(), ada.login()
	s.put("/v1/password", map[string]any{"current_password": "wrong wrong wrong", "password": "another long password"}).wantFields("/current_password")
	s.put("/v1/password", map[string]any{"current_password": password, "password": "another long password"}).want(204)
	other.get("/v1/me").want(401)
	s.get("/v1/me").want(200)
	ada.put("/v1/password", map[string]any{"current_password": password, "password": "another long password"}).wantCode(403, "forbidden")
}

func TestVerification(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{mail: true}, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		if ada.get("/v1/organization").want(200).at("verified") != false {
			t.Fatal("a new organization is verified")
		}
		doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil || doc.RequestsPerDay != 100 {
			t.Fatalf("edges are told of %d requests a day, %v", doc.RequestsPerDay, err)
		}
		old := linkToken(t, e.mailTo(ada.email, "/verify"))
		ada.post("/v1/email/resend", nil).want(202)
		token := old
		eventually(t, "another link", func() bool {
			token = linkToken(t, e.mailTo(ada.email, "/verify"))
			return token != old
		})
		anon := &caller{e: e}
		anon.post("/v1/email/verify", map[string]any{"token": old}).wantFields("/token")
		anon.post("/v1/email/verify", map[string]any{"token": token}).want(204)
		anon.post("/v1/email/verify", map[string]any{"token": token}).wantFields("/token")
		if ada.get("/v1/organization").want(200).at("verified") != true {
			t.Fatal("the organization is not verified")
		}
		if doc, err = e.app.Tenants.Document(t.Context(), e.orgID(ada)); err != nil || doc.RequestsPerDay != 0 {
			t.Fatalf("edges are still told of %d requests a day, %v", doc.RequestsPerDay, err)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/docs/api":              {200, "POST /v1/signup"},
		"/docs/api-errors":       {200, `<h2 id="email_taken">`},
		"/docs/errors":           {200, `<h2 id="key_missing">`},
		"/docs/policies/api_key": {200, "<h1"},
		"/docs/nothing":          {404, "no such page"},
		"/static/style.css":      {200, "color-scheme"},
		"/static/../server.go":   {404, ""},
		"/assets/nothing.js":     {404, ""},
		"/openapi.yaml":          {200, "openapi: 3.0.3"},
		"/healthz":               {200, "ok"},
		"/readyz":                {200, "ok"},
	} {
		res, body := fetch(t, e.base+path)
		if res.StatusCode != want.status || !strings.Contains(body, want.text) {
			t.Errorf("GET %s: %d, want %d with %q:\n%.300s", path, res.StatusCode, want.status, want.text, body)
		}
		if path[1:] != "healthz" && path[1:] != "readyz" && res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: no security headers", path)
		}
		if regexp.MustCompile(`(?i)<script|style=`).MatchString(body) && strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("GET %s: inline script or style, which the policy forbids", path)
		}
	}
}
