package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// OIDC is a real OpenID Connect provider in a process of its own.
type OIDC struct {
	*Process
	Issuer  string
	control string
}

// StartOIDC starts a provider that ends with the test.
func StartOIDC(t testing.TB) *OIDC {
	t.Helper()
	o := &OIDC{Process: &Process{Name: "oidc", Path: Helper(t, "oidcprovider", "oidcprovider"), Env: cleanEnv()}}
	must(t, o.Start())
	t.Cleanup(o.Kill)
	must(t, Until(context.Background(), 10*time.Second, func() error {
		var hello struct{ Issuer, Control string }
		line, _, _ := strings.Cut(o.Log(), "\n")
		if err := json.Unmarshal([]byte(line), &hello); err != nil {
			return err
		}
		o.Issuer, o.control = hello.Issuer, hello.Control
		return nil
	}))
	return o
}

// Token asks the provider for an access token by client credentials. More are
// further form fields: subject, lifetime, claims.
func (o *OIDC) Token(t testing.TB, audience string, more ...string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "audience": {audience}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	req, err := http.NewRequest("POST", o.Issuer+"/oauth/token", strings.NewReader(form.Encode()))
	must(t, err)
	req.SetBasicAuth("test", "test-secret")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	var out struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error_description"`
	}
	must(t, json.NewDecoder(resp.Body).Decode(&out))
	if out.AccessToken == "" {
		t.Fatalf("the provider gave no token: %s %s", resp.Status, out.Error)
	}
	return out.AccessToken
}

// Set tells the provider's control what sign-ins are to be like: "redirects",
// "person", "manners", "locked".
func (o *OIDC) Set(t testing.TB, what string, v any) {
	t.Helper()
	body, err := json.Marshal(v)
	must(t, err)
	req, err := http.NewRequest("PUT", o.control+"/"+what, bytes.NewReader(body))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", what, resp.Status)
	}
}

// Asked is how often a path of the provider was asked for.
func (o *OIDC) Asked(t testing.TB, path string) int {
	t.Helper()
	resp, err := http.Get(o.control + "/stats")
	must(t, err)
	defer resp.Body.Close()
	var stats map[string]int
	must(t, json.NewDecoder(resp.Body).Decode(&stats))
	return stats[path]
}

// Control calls the provider's control: "/keys/rotate", "/mode/hang", …
func (o *OIDC) Control(t testing.TB, path string) {
	t.Helper()
	resp, err := http.Post(o.control+path, "", nil)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		must(t, fmt.Errorf("%s: %s", path, resp.Status))
	}
}
