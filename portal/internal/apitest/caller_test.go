package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/tollgate/tollgate/portal/api"
)

// caller is somebody who calls the API.
type caller struct {
	e      *env
	token  string
	org    string // id of the organization that signup made
	user   string // id
	email  string
	header http.Header
	jar    http.CookieJar
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

const password = "correct horse battery"

// eventually waits for what has to come true, however slow the machine is.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// signup makes a user with an organization of its own.
func (e *env) signup(name string) *caller {
	e.t.Helper()
	anon := &caller{e: e}
	email := name + "@example.com"
	a := anon.post("/v1/signup", map[string]any{"email": email, "password": password, "organization": name}).want(201)
	c := &caller{e: e, email: email}
	c.token, c.org, c.user = a.str("token"), a.str("organization", "id"), a.str("user", "id")
	return c
}

// login signs the same user in by password: a session instead of the token.
func (c *caller) login() *caller {
	c.e.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.e.t.Fatal(err)
	}
	s := &caller{e: c.e, jar: jar, org: c.org, user: c.user, email: c.email}
	s.post("/v1/login", map[string]any{"email": c.email, "password": password}).want(200)
	s.header = http.Header{"Tollgate-Organization": {c.org}}
	return s
}

// with returns a caller that sends one more header field.
func (c *caller) with(name, value string) *caller {
	out := *c
	out.header = c.header.Clone()
	if out.header == nil {
		out.header = http.Header{}
	}
	out.header.Set(name, value)
	return &out
}

func (c *caller) get(path string) *answer { c.e.t.Helper(); return c.do("GET", path, nil) }

func (c *caller) post(path string, body any) *answer { c.e.t.Helper(); return c.do("POST", path, body) }

func (c *caller) put(path string, body any) *answer { c.e.t.Helper(); return c.do("PUT", path, body) }

func (c *caller) patch(path string, body any) *answer {
	c.e.t.Helper()
	return c.do("PATCH", path, body)
}
func (c *caller) delete(path string) *answer { c.e.t.Helper(); return c.do("DELETE", path, nil) }

// do sends a request; a body that is no []byte is encoded as JSON.
func (c *caller) do(method, path string, body any) *answer {
	t := c.e.t
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		js, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(js)
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, c.e.base+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.jar != nil {
		r.Header.Set("Sec-Fetch-Site", "same-origin") // as browsers do
	}
	for k, v := range c.header {
		if r.Header[k] = v; len(v) == 1 && v[0] == "" {
			r.Header.Del(k)
		}
	}
	a := &answer{t: t, what: method + " " + path}
	client := &http.Client{Jar: c.jar}
	res, err := client.Do(r)
	if err != nil {
		t.Error(err) // not Fatal: tests call from goroutines, too, and wait for the answer
		return a
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("%s: %v", a.what, err)
		return a
	}
	a.status, a.header, a.body = res.StatusCode, res.Header, b
	a.fits(r)
	return a
}

var document = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Document)
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// fits holds the answer against the document.
func (a *answer) fits(r *http.Request) {
	a.t.Helper()
	if a.header.Get("X-Request-Id") == "" {
		a.t.Errorf("%s: no X-Request-Id", a.what)
	}
	if a.status >= 400 {
		a.isProblem()
	}
	router, err := document()
	if err != nil {
		a.t.Fatal(err)
	}
	r = r.Clone(r.Context())
	r.URL.Host, r.URL.Scheme, r.Host = "", "", ""
	route, params, err := router.FindRoute(r)
	if err != nil || a.status == 500 {
		return
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		a.t.Errorf("%s: answer %d does not fit the document: %v\n%s", a.what, a.status, err, a.body)
	}
}

// isProblem checks the one form of errors.
func (a *answer) isProblem() {
	a.t.Helper()
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Errorf("%s: %d with Content-Type %q", a.what, a.status, ct)
	}
	for _, field := range []string{"type", "title", "code", "request_id"} {
		if a.str(field) == "" {
			a.t.Errorf("%s: problem without %s: %s", a.what, field, a.body)
		}
	}
	for _, leak := range []string{"SQL", "pgx", "gorm", "sqlite", ".go:", "goroutine"} {
		if strings.Contains(string(a.body), leak) {
			a.t.Errorf("%s: the problem tells of our insides (%s): %s", a.what, leak, a.body)
		}
	}
}

// want checks the status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: answered %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// wantCode checks status and code of a problem.
func (a *answer) wantCode(status int, code string) *answer {
	a.t.Helper()
	a.want(status)
	if got := a.str("code"); got != code {
		a.t.Fatalf("%s: code %q, want %q: %s", a.what, got, code, a.body)
	}
	return a
}

// wantFields checks that a 422 names exactly these pointers.
func (a *answer) wantFields(pointers ...string) *answer {
	a.t.Helper()
	a.want(422)
	got := map[string]bool{}
	for _, f := range a.list("errors") {
		got[f.(map[string]any)["pointer"].(string)] = true
	}
	for _, p := range pointers {
		if !got[p] {
			a.t.Errorf("%s: %s is not named: %s", a.what, p, a.body)
		}
		delete(got, p)
	}
	for p := range got {
		a.t.Errorf("%s: %s is named, but not bad: %s", a.what, p, a.body)
	}
	return a
}

// at is a value inside the JSON body, nil for none.
func (a *answer) at(path ...string) any {
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		return nil
	}
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func (a *answer) str(path ...string) string { s, _ := a.at(path...).(string); return s }

func (a *answer) list(path ...string) []any { l, _ := a.at(path...).([]any); return l }

// etag is the answer's entity tag.
func (a *answer) etag() string {
	a.t.Helper()
	e := a.header.Get("ETag")
	if e == "" {
		a.t.Fatalf("%s: no ETag", a.what)
	}
	return e
}
