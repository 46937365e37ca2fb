package apitest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tollgate/tollgate/services/contract/settings"
)

// oidc is a real OpenID Connect provider in a process of its own.
type oidc struct {
	t               *testing.T
	issuer, control string
}

// oidcBinary builds the provider of the tests module once.
var oidcBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tgoidc")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "oidcprovider")
	build := exec.Command("go", "build", "-o", path, "./oidcprovider")
	build.Dir = "../../../tests"
	build.Stderr = os.Stderr
	return path, build.Run()
})

// startOIDC starts a provider that ends with the test.
func startOIDC(t *testing.T) *oidc {
	t.Helper()
	path, err := oidcBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path) //nolint:gosec // a test's own
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var hello struct{ Issuer, Control string }
	if err := json.Unmarshal(line, &hello); err != nil {
		t.Fatal(err)
	}
	return &oidc{t: t, issuer: hello.Issuer, control: hello.Control}
}

// as is the provider as the operator sets it; its redirect URIs become ours.
func (o *oidc) as(name string) settings.Provider {
	o.put("redirects", []string{"http://portal.test/v1/login/oidc/" + name + "/callback", "https://portal.test/v1/login/oidc/" + name + "/callback"})
	return settings.Provider{Name: name, Issuer: o.issuer, ClientID: "test", ClientSecret: "test-secret"}
}

// person says who is signed in at the provider.
func (o *oidc) person(subject, email string, verified bool) {
	o.put("person", object{"subject": subject, "email": email, "email_verified": verified, "name": "<b>" + subject + "</b>"})
}

// manners says how sign-ins that begin from now on misbehave.
func (o *oidc) manners(m object) { o.put("manners", m) }

func (o *oidc) put(what string, v any) {
	o.t.Helper()
	js, err := json.Marshal(v)
	if err != nil {
		o.t.Fatal(err)
	}
	o.steer(http.MethodPut, "/"+what, js)
}

func (o *oidc) steer(method, path string, body []byte) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.control+path, bytes.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		o.t.Fatalf("the provider's control answered %s to %s", res.Status, path)
	}
}

// browser is a caller with a cookie jar, as a browser is before it signs in.
func (e *env) browser() *caller {
	e.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		e.t.Fatal(err)
	}
	return &caller{e: e, jar: jar}
}

// open follows one link without following where it leads. The portal's public
// name stands for where it listens.
func (c *caller) open(link string) *http.Response {
	t := c.e.t
	t.Helper()
	link = strings.Replace(strings.Replace(link, "http://portal.test", c.e.base, 1), "https://portal.test", c.e.base, 1)
	if strings.HasPrefix(link, "/") {
		link = c.e.base + link
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*")
	for k, v := range c.header {
		r.Header[k] = v
	}
	client := &http.Client{Jar: c.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

// location is where an answer leads, absolute.
func location(t *testing.T, res *http.Response) string {
	t.Helper()
	u, err := res.Location()
	if err != nil {
		t.Fatalf("%s answered %d and leads nowhere", res.Request.URL, res.StatusCode)
	}
	return u.String()
}

// leave begins a sign-in and goes through the provider, up to the address of our
// callback, which is not opened.
func (c *caller) leave(provider, returnTo string) string {
	c.e.t.Helper()
	return c.through(location(c.e.t, c.open("/v1/login/oidc/"+provider+"?return_to="+url.QueryEscape(returnTo))))
}

// through goes from the provider's first page to the address of our callback.
func (c *caller) through(link string) string {
	t := c.e.t
	t.Helper()
	for range 6 {
		link = location(t, c.open(link))
		if strings.Contains(link, "://portal.test/") {
			return link
		}
	}
	t.Fatalf("the provider leads on and on, to %s at last", link)
	return ""
}

// signIn signs in by a provider and returns where the portal leads.
func (c *caller) signIn(provider, returnTo string) string {
	c.e.t.Helper()
	res := c.open(c.leave(provider, returnTo))
	if res.StatusCode != http.StatusSeeOther {
		c.e.t.Fatalf("the callback answered %d", res.StatusCode)
	}
	return res.Header.Get("Location")
}

// withQuery changes parameters of a link; "" takes one away.
func withQuery(t *testing.T, link string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
