package apitest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// submit sends a form as a browser does.
func (e *env) submit(page string, fields url.Values, header http.Header) (int, string) {
	e.t.Helper()
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.base+page, strings.NewReader(fields.Encode()))
	if err != nil {
		e.t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestMailedLinks(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{mail: true})
	ada := e.signup("ada")
	link := e.mailTo(ada.email, "/verify")
	token := linkToken(t, link)
	for range 2 { // programs that look at mails follow links: nothing happens
		fetch(t, e.base+"/verify?token="+token)
	}
	if code, _ := e.submit("/verify", url.Values{"token": {token}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}); code != 403 {
		t.Errorf("a page of another site confirmed an address: %d", code)
	}
	if code, body := e.submit("/verify", url.Values{"token": {token}}, nil); code != 200 || !strings.Contains(body, "confirmed") {
		t.Errorf("confirming answered %d: %s", code, body)
	}
	if code, body := e.submit("/verify", url.Values{"token": {token}}, nil); code != 422 || !strings.Contains(body, "role=\"alert\"") {
		t.Errorf("confirming twice answered %d: %s", code, body)
	}
	if ada.get("/v1/me").want(200).at("user", "verified") != true {
		t.Error("the address is not verified")
	}

	(&caller{e: e}).post("/v1/password/forgot", object{"email": ada.email}).want(202)
	token = linkToken(t, e.mailTo(ada.email, "/reset"))
	if code, body := e.submit("/reset", url.Values{"token": {token}, "password": {"short"}}, nil); code != 422 || !strings.Contains(body, "at least 10") || !strings.Contains(body, token) {
		t.Errorf("a short password answered %d: %s", code, body)
	}
	if code, body := e.submit("/reset", url.Values{"token": {token}, "password": {"another long password"}}, nil); code != 200 {
		t.Errorf("a new password answered %d: %s", code, body)
	}
	(&caller{e: e}).post("/v1/login", object{"email": ada.email, "password": "another long password"}).want(200)

	ada.post("/v1/invitations", object{"email": "bob@example.com", "role": "viewer"}).want(201)
	token = linkToken(t, e.mailTo("bob@example.com", "/join"))
	if code, body := e.submit("/join", url.Values{"token": {token}, "email": {`"><script>`}, "password": {password}}, nil); code != 422 || strings.Contains(body, "<script>") {
		t.Errorf("a bad address answered %d: %s", code, body)
	}
	if code, body := e.submit("/join", url.Values{"token": {token}, "email": {"bob@example.com"}, "password": {password}}, nil); code != 200 {
		t.Errorf("joining answered %d: %s", code, body)
	}
	ada.memberID("bob@example.com")
	if code, _ := e.submit("/reset", url.Values{"token": {strings.Repeat("x", 20<<10)}}, nil); code != 422 {
		t.Errorf("a huge form answered %d", code)
	}
}
