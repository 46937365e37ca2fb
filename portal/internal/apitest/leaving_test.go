package apitest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// challenge is RFC 7636's S256.
func challenge(verifier string) string {
	d := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(d[:])
}

func TestChangeOfAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		s := ada.login()
		anon := &caller{e: e}
		s.post("/v1/email/change", object{"email": "new@example.com"}).wantFields("/current_password")
		s.post("/v1/email/change", object{"email": "no address", "current_password": password}).wantFields("/email")
		anon.post("/v1/password/forgot", object{"email": ada.email}).want(202)
		reset := linkToken(t, e.mailTo(ada.email, "/reset"))
		s.post("/v1/email/change", object{"email": "New@example.com", "current_password": password}).want(202)
		token := linkToken(t, e.mailTo("New@example.com", "/verify"))
		if got := s.get("/v1/me").want(200).str("user", "email"); got != ada.email {
			t.Fatalf("the address is %s before it was proved", got)
		}
		anon.post("/v1/email/verify", object{"token": token}).want(204)
		anon.post("/v1/email/verify", object{"token": token}).wantFields("/token")
		if got := s.get("/v1/me").want(200).str("user", "email"); got != "New@example.com" {
			t.Fatalf("the address is %s", got)
		}
		anon.post("/v1/login", object{"email": ada.email, "password": password}).want(401)
		anon.post("/v1/login", object{"email": "new@EXAMPLE.com", "password": password}).want(200)
		// What was mailed to the old address is worth nothing any more.
		anon.post("/v1/password/reset", object{"token": reset, "password": "another long password"}).wantFields("/token")
		notices := 0
		eventually(t, "the old address is told twice", func() bool {
			notices = 0
			for _, text := range e.mails(ada.email) {
				if strings.Contains(text, "New@example.com") {
					notices++
				}
			}
			return notices >= 2
		})
		// Somebody else's address: its owner learns of it, nobody else does.
		s.post("/v1/email/change", object{"email": bob.email, "current_password": password}).want(202)
		token = linkToken(t, e.mailTo(bob.email, "/verify"))
		anon.post("/v1/email/verify", object{"token": token}).wantCode(409, "email_taken")
		// A change of the password takes a change of address back.
		s.post("/v1/email/change", object{"email": "third@example.com", "current_password": password}).want(202)
		token = linkToken(t, e.mailTo("third@example.com", "/verify"))
		s.put("/v1/password", object{"current_password": password, "password": "another long password"}).want(204)
		anon.post("/v1/email/verify", object{"token": token}).wantFields("/token")
	})
}

func TestProfile(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	s := ada.login()
	me := s.patch("/v1/me", object{"name": "Ada Lovelace", "organization": ada.org}).want(200)
	if me.str("user", "name") != "Ada Lovelace" || me.str("organization") != ada.org {
		t.Errorf("me is %s", me.body)
	}
	s.patch("/v1/me", object{"name": "a\nb"}).wantFields("/name")
	s.patch("/v1/me", object{"name": ""}).want(200)
	ada.patch("/v1/me", object{"name": "by token"}).wantCode(403, "forbidden")
	list := s.get("/v1/sessions").want(200).list("items")
	if got := list[0].(object); got["device"] != "A Go program" || got["last_client"] != "127.0.0.1" {
		t.Errorf("the session is %v", got)
	}
	b := e.browser()
	a := b.post("/v1/signup", object{"email": "bob@example.com", "password": password, "organization": "Bob", "session": true}).want(201)
	if a.at("token") != nil {
		t.Errorf("a signup in the browser makes a token: %s", a.body)
	}
	if n := len(b.get("/v1/tokens").want(200).list("items")); n != 0 {
		t.Errorf("%d tokens", n)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		own := ada.furnish()
		s := ada.login()
		g := "/v1/gateways/" + own["gateway"]
		key := ada.post(g+"/keys", object{"consumer": "c"}).want(201).str("key")
		const canary = "canary-of-a-gateway-secret"
		ada.put(g+"/secrets/s", object{"value": canary}).want(200)
		secret, recovery := s.enrol()
		s = e.browser()
		s.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
		s.post("/v1/login/second-factor", object{"recovery_code": recovery[0]}).want(200)
		account, org := s.get("/v1/account/export").want(200), s.get("/v1/organization/export").want(200)
		for _, a := range []*answer{account, org} {
			if d := a.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="tollgate-`) {
				t.Errorf("%s: Content-Disposition %q", a.what, d)
			}
			for _, hidden := range []string{secret, recovery[1], key, ada.token, canary, password, "argon2", s.cookie()} {
				if strings.Contains(string(a.body), hidden) {
					t.Errorf("%s holds the secret %.12s…", a.what, hidden)
				}
			}
		}
		if account.str("user", "id") != ada.user || len(account.list("sessions")) < 1 || len(account.list("organizations")) != 1 || len(account.list("activity")) != 1 {
			t.Errorf("the account's export is %s", account.body)
		}
		if org.str("organization", "id") != ada.org || len(org.list("members")) != 1 || len(org.list("invitations")) != 1 || len(org.list("tokens")) != 2 || len(org.list("audit")) < 5 {
			t.Errorf("the organization's export is %s", org.body)
		}
		gateway := org.list("gateways")[0].(object)
		if len(gateway["keys"].([]any)) != 2 || len(gateway["consumers"].([]any)) != 1 || len(gateway["secrets"].([]any)) != 1 || gateway["config"] == nil {
			t.Errorf("the gateway's export is %v", gateway)
		}
		// Everything of many: the list goes on over its pages.
		for i := range 250 {
			ada.post(g+"/consumers", object{"name": fmt.Sprintf("many-%d", i)})
		}
		if _, err := e.app.Tenants.SetPlan(t.Context(), e.orgID(ada), "pro"); err != nil {
			t.Fatal(err)
		}
		for i := range 250 {
			ada.post(g+"/consumers", object{"name": fmt.Sprintf("more-%d", i)}).want(201)
		}
		have := 0
		for cursor := ""; ; {
			a := ada.get(g + "/consumers?limit=200&cursor=" + cursor).want(200)
			have += len(a.list("items"))
			if cursor = a.str("next_cursor"); cursor == "" {
				break
			}
		}
		org = ada.get("/v1/organization/export").want(200)
		if n := len(org.list("gateways")[0].(object)["consumers"].([]any)); n != have {
			t.Errorf("%d consumers are exported of %d", n, have)
		}
	})
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		s := ada.login()
		dev := ada.invite("dev", "developer")
		devs := dev.login()
		s.post("/v1/account/delete", object{}).wantFields("/current_password")
		if a := s.post("/v1/account/delete", object{"current_password": password}).wantCode(409, "conflict"); !strings.Contains(a.str("detail"), "ada") {
			t.Errorf("the refusal names nothing: %s", a.body)
		}
		// Who is no last owner can go; its tokens and sessions die.
		devs.post("/v1/account/delete", object{"current_password": password}).want(204)
		devs.get("/v1/me").want(401)
		dev.get("/v1/me").want(401)
		(&caller{e: e}).post("/v1/login", object{"email": dev.email, "password": password}).want(401)
		if n := len(ada.get("/v1/members").want(200).list("items")); n != 1 {
			t.Errorf("%d members are left", n)
		}
		// The organization, by its typed name.
		s.post("/v1/organization/delete", object{"name": "Ada", "current_password": password}).wantFields("/name")
		s.post("/v1/organization/delete", object{"name": "ada"}).wantFields("/current_password")
		admin := ada.invite("admin", "admin").login()
		admin.post("/v1/organization/delete", object{"name": "ada", "current_password": password}).wantCode(403, "forbidden")
		s.post("/v1/organization/delete", object{"name": "ada", "current_password": password}).want(204)
		ada.get(g).want(401) // its tokens
		s.get(g).want(404)   // its sessions
		admin.get(g).want(404)
		if n := len(s.get("/v1/organizations").want(200).list("items")); n != 0 {
			t.Errorf("%d organizations are left", n)
		}
		doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil || !doc.Suspended {
			t.Errorf("edges are told %+v, %v", doc, err)
		}
		eventually(t, "the worker takes the gateways of the deleted organization away", func() bool {
			_, err := e.app.Gateways.Get(t.Context(), e.orgID(ada), "demo")
			return core.CodeOf(err) == core.CodeNotFound
		})
		s.post("/v1/account/delete", object{"current_password": password}).want(204)
		s.get("/v1/me").want(401)
		// The address is free again.
		e.clock.advance(2 * time.Minute)
		e.signup("ada")
	})
}

// TestLastOwnersRace: two owners leave at once; one has to stay.
func TestLastOwnersRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		two := ada.invite("two", "viewer")
		ada.put("/v1/members/"+ada.memberID(two.email), object{"role": "owner"}).want(200)
		var all sync.WaitGroup
		answers := make([]int, 2)
		for i, c := range []*caller{ada.login(), two.login()} {
			all.Go(func() { answers[i] = c.post("/v1/account/delete", object{"current_password": password}).status })
		}
		all.Wait()
		if answers[0]+answers[1] != http.StatusNoContent+http.StatusConflict {
			t.Errorf("two last owners left with %v", answers)
		}
	})
}
