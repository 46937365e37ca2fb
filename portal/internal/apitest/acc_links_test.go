package apitest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// newLink waits for a mail with another link to a page than the one known.
func (e *env) newLink(to, page, known string) string {
	e.t.Helper()
	link := known
	eventually(e.t, fmt.Sprintf("a newer mail to %s with a link to %s", to, page), func() bool {
		link = e.mailTo(to, page)
		return link != known
	})
	return link
}

// TestACC11Invitations: a link works once, for the invited address, in time.
func TestACC11Invitations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob").login()
		anon := &caller{e: e}
		join := func(email, token string) *answer {
			return anon.post("/v1/signup", object{"email": email, "password": password, "invitation": token})
		}
		id := ada.post("/v1/invitations", object{"email": "carol@example.com", "role": "viewer"}).want(201).str("id")
		first := e.mailTo("carol@example.com", "/join")
		token := linkToken(t, first)
		// Other addresses: nothing but that the link does not work.
		bob.post("/v1/members", object{"invitation": token}).wantFields("/invitation")
		join("mallory@example.com", token).wantFields("/invitation")
		offer := anon.post("/v1/invitations/lookup", object{"invitation": token}).want(200)
		if offer.str("email") != "carol@example.com" || offer.str("organization") != "ada" || offer.str("role") != "viewer" || offer.at("has_account") != false {
			t.Errorf("the offer is %s", offer.body)
		}
		// Mailed again: only the newer link works.
		again := ada.post("/v1/invitations/"+id+"/resend", nil).want(200)
		if again.str("id") != id {
			t.Errorf("resent as %s", again.body)
		}
		newer := linkToken(t, e.newLink("carol@example.com", "/join", first))
		join("carol@example.com", token).wantFields("/invitation")
		join("carol@example.com", newer).want(201)
		join("carol2@example.com", newer).wantFields("/invitation")
		anon.post("/v1/invitations/lookup", object{"invitation": newer}).wantFields("/invitation")
		ada.post("/v1/invitations/"+id+"/resend", nil).want(404)
		// Somebody who has an account joins by session, once.
		ada.post("/v1/invitations", object{"email": bob.email, "role": "admin"}).want(201)
		token = linkToken(t, e.mailTo(bob.email, "/join"))
		if offer := anon.post("/v1/invitations/lookup", object{"invitation": token}).want(200); offer.at("has_account") != true {
			t.Errorf("the offer is %s", offer.body)
		}
		bob.post("/v1/members", object{"invitation": token}).want(201)
		bob.post("/v1/members", object{"invitation": token}).wantFields("/invitation")
		// Taken back, and too old.
		id = ada.post("/v1/invitations", object{"email": "dave@example.com", "role": "viewer"}).want(201).str("id")
		token = linkToken(t, e.mailTo("dave@example.com", "/join"))
		ada.delete("/v1/invitations/" + id).want(204)
		join("dave@example.com", token).wantFields("/invitation")
		ada.post("/v1/invitations", object{"email": "erin@example.com", "role": "viewer"}).want(201)
		token = linkToken(t, e.mailTo("erin@example.com", "/join"))
		// An organization that is gone invites nobody.
		gone := e.signup("gone")
		gone.post("/v1/invitations", object{"email": "frank@example.com", "role": "viewer"}).want(201)
		orphan := linkToken(t, e.mailTo("frank@example.com", "/join"))
		gone.login().post("/v1/organization/delete", object{"name": "gone", "current_password": password}).want(204)
		join("frank@example.com", orphan).wantFields("/invitation")
		e.clock.advance(8 * 24 * time.Hour)
		join("erin@example.com", token).wantFields("/invitation")
	})
}

// TestACC12Poisoning: links in mails lead to where the operator says the portal
// is, whatever a request says of its host.
func TestACC12Poisoning(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{mail: true, proxied: true})
	ada := e.signup("ada")
	s := ada.login()
	verified := linkToken(t, e.mailTo(ada.email, "/verify"))
	(&caller{e: e}).post("/v1/email/verify", object{"token": verified}).want(204)
	poison := http.Header{
		"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"}, "Forwarded": {"host=evil.example"}, "X-Host": {"evil.example"},
		"X-Original-Url": {"https://evil.example/reset"}, "Sec-Fetch-Site": {"same-origin"},
	}
	for page, ask := range map[string]struct {
		who  *caller
		path string
		body string
		to   string
	}{
		"/reset":  {&caller{e: e}, "/v1/password/forgot", `{"email":"ada@example.com"}`, ada.email},
		"/join":   {s, "/v1/invitations", `{"email":"guest@example.com","role":"viewer"}`, "guest@example.com"},
		"/verify": {s, "/v1/email/change", `{"email":"new@example.com","current_password":"` + password + `"}`, "new@example.com"},
	} {
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, e.base+ask.path, strings.NewReader(ask.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = poison.Clone()
		r.Header.Set("Content-Type", "application/json")
		r.Host = "evil.example"
		if ask.who.jar != nil {
			r.Header.Set("Cookie", cookiesOf(t, ask.who))
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode/100 != 2 {
			t.Errorf("%s: %s", ask.path, res.Status)
			continue
		}
		if link := e.mailTo(ask.to, page); !strings.HasPrefix(link, "http://portal.test"+page+"?token=") {
			t.Errorf("%s: the mail's link is %s", ask.path, link)
		}
		for _, text := range e.mails(ask.to) {
			if strings.Contains(text, "evil") {
				t.Errorf("%s: the mail says %s", ask.path, text)
			}
		}
	}
}

// TestACC13Reset: a reset's link works once, for 30 minutes, is not guessed and
// does not leak by a Referer.
func TestACC13Reset(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		s := ada.login()
		anon := &caller{e: e}
		const fresh = "another long password"
		reset := func(token string) *answer {
			return anon.post("/v1/password/reset", object{"token": token, "password": fresh})
		}
		ask := func(known string) string {
			anon.post("/v1/password/forgot", object{"email": ada.email}).want(202)
			return e.newLink(ada.email, "/reset", known)
		}
		first := ask("")
		second := ask(first)
		reset(linkToken(t, first)).wantFields("/token") // a newer one was sent
		e.clock.advance(31 * time.Minute)
		reset(linkToken(t, second)).wantFields("/token")
		third := ask(second)
		e.clock.advance(29 * time.Minute)
		token := linkToken(t, third)
		reset(token[:len(token)-1]).wantFields("/token")
		reset(token).want(204)
		reset(token).wantFields("/token")
		s.get("/v1/me").want(401)
		anon.post("/v1/login", object{"email": ada.email, "password": password}).want(401)
		// A change of the password kills a link that waits.
		fourth := ask(third)
		b := e.browser()
		b.post("/v1/login", object{"email": ada.email, "password": fresh}).want(200)
		b.put("/v1/password", object{"current_password": fresh, "password": password}).want(204)
		reset(linkToken(t, fourth)).wantFields("/token")
		// Guessing is slowed down long before 256 bits are through.
		refused := 0
		for range 40 {
			if a := reset("guess"); a.status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused < 5 {
			t.Errorf("%d of 40 guesses were slowed down", refused)
		}
		u, err := url.Parse(fourth)
		if err != nil {
			t.Fatal(err)
		}
		if p := anon.open(u.RequestURI()).Header.Get("Referrer-Policy"); p != "no-referrer" {
			t.Errorf("the page of the link has the Referrer-Policy %q", p)
		}
	})
}
