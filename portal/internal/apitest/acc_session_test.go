package apitest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/authz"
)

// cookieOf is a Set-Cookie of an answer by a part of its name, nil for none.
func (a *answer) cookieOf(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// TestACC06Fixation: a cookie that was there before a sign-in is worth nothing
// after it, and the new one is bound to the host, to TLS and to HTTP.
func TestACC06Fixation(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{public: "https://portal.test"})
	ada := e.signup("ada")
	const name = "__Host-tollgate"
	planted := (&caller{e: e}).with("Cookie", name+"=planted-by-somebody-else")
	login := planted.post("/v1/login", object{"email": ada.email, "password": password}).want(200)
	c := login.cookieOf(name)
	if c == nil || c.Value == "planted-by-somebody-else" || len(c.Value) < 32 {
		t.Fatalf("signed in under the cookie %v", c)
	}
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %+v", c)
	}
	planted.get("/v1/me").want(401)
	mine := (&caller{e: e}).with("Cookie", name+"="+c.Value).with("Sec-Fetch-Site", "same-origin")
	mine.get("/v1/me").want(200)
	// A second sign-in over the first: another cookie, and the first is dead.
	again := mine.post("/v1/login", object{"email": ada.email, "password": password}).want(200).cookieOf(name)
	if again == nil || again.Value == c.Value {
		t.Fatalf("the second sign-in kept the cookie")
	}
	mine.get("/v1/me").want(401)
	if h := login.header.Get("Strict-Transport-Security"); h == "" {
		t.Error("no Strict-Transport-Security with https")
	}
}

// TestACC07CSRF tries every operation that changes something, as a page of another
// origin would make a browser do it.
func TestACC07CSRF(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	own := ada.furnish()
	s := ada.login()
	before := ada.fingerprint(own)
	tried := 0
	for _, op := range operations(t) {
		if op.Method == http.MethodGet || !op.Session && !op.Public() {
			continue
		}
		path := own.path(op)
		for name, forged := range map[string]*caller{
			"cross-site":         s.with("Sec-Fetch-Site", "cross-site"),
			"same-site":          s.with("Sec-Fetch-Site", "same-site"),
			"origin null":        s.with("Sec-Fetch-Site", "").with("Origin", "null"),
			"another origin":     s.with("Sec-Fetch-Site", "").with("Origin", "https://evil.example"),
			"nothing that tells": s.with("Sec-Fetch-Site", ""),
		} {
			if name == "nothing that tells" && op.Public() {
				continue // no cookie has a say in it
			}
			tried++
			if a := forged.do(op.Method, path, samples[op.ID]); a.status != http.StatusForbidden {
				t.Errorf("%s, %s: %d, want 403: %s", op.ID, name, a.status, a.body)
			}
		}
		if op.Spec.RequestBody != nil {
			tried++
			a := s.with("Content-Type", "text/plain").do(op.Method, path, samples[op.ID])
			unknown := op.Scope == authz.ScopeOperator && a.status == http.StatusNotFound
			if a.status != http.StatusUnsupportedMediaType && a.status != http.StatusForbidden && !unknown {
				t.Errorf("%s, a form's media type: %d: %s", op.ID, a.status, a.body)
			}
		}
	}
	for _, what := range ada.fingerprint(own).changed(before) {
		t.Errorf("something was changed: %s", what)
	}
	s.get("/v1/me").want(200)
	t.Logf("ACC07: %d forged requests refused", tried)
	if tried < 200 {
		t.Errorf("only %d requests were tried", tried)
	}
}

// follow opens the gateway's log as a stream and reports when it ended.
func (c *caller) follow(g string) (ended <-chan time.Time) {
	t := c.e.t
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.e.base+g+"/logs?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range c.header {
		r.Header[k] = v
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := (&http.Client{Jar: c.jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("following the log answered %d", res.StatusCode)
	}
	out := make(chan time.Time, 1)
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(res.Body)) // until it ends, however it ends
		res.Body.Close()
		out <- time.Now()
	}()
	return out
}

// endsWithin checks that a stream ends soon after a moment.
func endsWithin(t *testing.T, what string, ended <-chan time.Time, since time.Time) {
	t.Helper()
	select {
	case at := <-ended:
		t.Logf("ACC08: %s: the stream ended after %s", what, at.Sub(since).Round(time.Millisecond))
	case <-time.After(time.Second - time.Since(since) + slack):
		t.Errorf("%s: the stream goes on after %s", what, time.Since(since))
	}
}

// slack is what a loaded machine may add to a bound.
const slack = 10 * time.Second

// TestACC08Invalidation: whoever is signed out, has another password or lost a
// role is stopped at once, in the middle of a stream within a second.
func TestACC08Invalidation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		// Signed out: the other sessions of the user stay.
		one, two := ada.login(), ada.login()
		stream := one.follow(g)
		one.post("/v1/logout", nil).want(204)
		since := time.Now()
		one.get("/v1/me").want(401)
		endsWithin(t, "logout", stream, since)
		two.get("/v1/me").want(200)
		// A new password: every session but the one that set it.
		three := ada.login()
		stream = three.follow(g)
		two.put("/v1/password", object{"current_password": password, "password": "another long password"}).want(204)
		since = time.Now()
		three.get("/v1/me").want(401)
		endsWithin(t, "password change", stream, since)
		two.get("/v1/me").want(200)
		// A role that was taken, and a member who was removed.
		dev := ada.invite("dev", "developer")
		session := dev.login()
		stream, byToken := session.follow(g), dev.follow(g)
		ada.put("/v1/members/"+ada.memberID(dev.email), object{"role": "billing"}).want(200)
		since = time.Now()
		session.get(g+"/logs").wantCode(403, "forbidden")
		dev.get(g + "/logs").want(403)
		endsWithin(t, "role change", stream, since)
		endsWithin(t, "role change, by token", byToken, since)
		ada.put("/v1/members/"+ada.memberID(dev.email), object{"role": "developer"}).want(200)
		stream, byToken = session.follow(g), dev.follow(g)
		ada.delete("/v1/members/" + ada.memberID(dev.email)).want(204)
		since = time.Now()
		session.get(g + "/logs").want(404)
		dev.get(g + "/logs").want(401)
		endsWithin(t, "removal", stream, since)
		endsWithin(t, "removal, by token", byToken, since)
		// Somebody else's session, ended from the list.
		four := e.browser()
		four.post("/v1/login", object{"email": ada.email, "password": "another long password"}).want(200)
		for _, item := range two.get("/v1/sessions").want(200).list("items") {
			if item := item.(object); item["current"] != true {
				two.delete("/v1/sessions/" + item["id"].(string)).want(204)
			}
		}
		four.get("/v1/me").want(401)
	})
}

// TestACC21Framing: no page of another origin frames the portal or reads its
// answers.
func TestACC21Framing(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	s := e.signup("ada").login()
	for _, origin := range []string{"null", "https://evil.example", "http://portal.test", "http://portal.test.evil.example"} {
		for _, path := range []string{"/v1/me", "/v1/plans", "/v1/nothing", "/login", "/docs/api"} {
			res := s.with("Origin", origin).open(path)
			h := res.Header
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s for %s: %s: %s", path, origin, name, h.Get(name))
				}
			}
			if csp := h.Get("Content-Security-Policy"); h.Get("X-Frame-Options") != "DENY" || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'self'") && !strings.Contains(csp, "default-src 'none'") {
				t.Errorf("%s: X-Frame-Options %q, Content-Security-Policy %q", path, h.Get("X-Frame-Options"), csp)
			} else if strings.Contains(scriptPart(csp), "unsafe-inline") || strings.Contains(csp, "unsafe-eval") {
				t.Errorf("%s: the policy allows inline script: %s", path, csp)
			}
		}
	}
	for _, op := range operations(t) {
		if op.Scope != authz.ScopeUser {
			continue
		}
		a := s.with("Origin", "https://evil.example").with("Access-Control-Request-Method", op.Method).do(http.MethodOptions, op.Path, nil)
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("a preflight of %s is answered %s: %s", op.ID, name, a.header.Get(name))
			}
		}
	}
}

// scriptPart is what a policy says of scripts: script-src, else default-src.
func scriptPart(csp string) string {
	part := ""
	for d := range strings.SplitSeq(csp, ";") {
		d = strings.TrimSpace(d)
		if strings.HasPrefix(d, "script-src ") {
			return d
		}
		if strings.HasPrefix(d, "default-src ") {
			part = d
		}
	}
	return part
}

// TestACC22Audiences: a management token opens nothing that is a session's, a
// session nothing that is a token's.
func TestACC22Audiences(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	own := ada.furnish()
	s := ada.login()
	before := ada.fingerprint(own)
	tried := 0
	for _, op := range operations(t) {
		if op.Public() || op.Token == op.Session {
			continue
		}
		c := ada
		if op.Token {
			c = s
		}
		tried++
		if a := c.do(op.Method, own.path(op), samples[op.ID]); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
			t.Errorf("%s by the wrong kind of credential: %d: %s", op.ID, a.status, a.body)
		}
	}
	for _, what := range ada.fingerprint(own).changed(before) {
		t.Errorf("something was changed: %s", what)
	}
	// Both at once: the token counts, and the cookie adds nothing to it.
	both := *s
	both.token = ada.token
	both.get("/v1/sessions").want(403)
	// A session's cookie is no token, and a token no cookie.
	(&caller{e: e}).with("Cookie", "tollgate="+ada.token).get("/v1/me").want(401)
	(&caller{e: e}).with("Authorization", "Bearer "+s.cookie()).get("/v1/me").want(401)
	// An API key of a gateway opens nothing here.
	key := ada.post("/v1/gateways/"+own["gateway"]+"/keys", object{"consumer": "c"}).want(201).str("key")
	(&caller{e: e, token: key}).get("/v1/me").want(401)
	ada.post("/v1/gateways/"+own["gateway"]+"/keys/"+own["key"]+"/revoke", nil).want(200)
	if tried < 15 {
		t.Errorf("only %d operations belong to one kind of credential", tried)
	}
	t.Logf("ACC22: %d operations tried with the wrong kind of credential", tried)
}

// cookie is the value of the caller's session cookie.
func (c *caller) cookie() string {
	r, err := http.NewRequest(http.MethodGet, c.e.base, nil)
	if err != nil {
		c.e.t.Fatal(err)
	}
	for _, k := range c.jar.Cookies(r.URL) {
		if k.Name == "tollgate" {
			return k.Value
		}
	}
	return ""
}
