package apitest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// markup is what a name may hold and no page may run.
var markup = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `</title><svg onload=alert(1)>`,
	`javascript:alert(1)`, `{{7*7}}${7*7}`, `<a href="javascript:alert(1)">x</a>`,
}

// TestACC17StoredXSS stores markup in every text that people name things with and
// reads it back: from the API as JSON that no browser takes for a page, from pages
// never.
func TestACC17StoredXSS(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	g := ada.demo("demo")
	s := ada.login()
	for _, text := range markup {
		ada.patch("/v1/organization", object{"name": text}).want(200)
		s.patch("/v1/me", object{"name": text}).want(200)
		ada.post("/v1/tokens", object{"name": text, "scopes": []string{"keys:read"}}).want(201)
		ada.post(g+"/keys", object{"consumer": "c", "name": text}).want(201)
		ada.put(g+"/consumers/c", object{"metadata": object{text: text}}).want(200)
		for _, path := range []string{
			"/v1/organization", "/v1/organizations", "/v1/me", "/v1/members", "/v1/tokens", "/v1/audit", g + "/keys", g + "/consumers", "/v1/organization/export", "/v1/account/export",
		} {
			a := s.get(path).want(200)
			if ct := a.header.Get("Content-Type"); ct != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: Content-Type %q", path, ct)
			}
			if strings.ContainsAny(string(a.body), "<>") {
				t.Errorf("%s: markup is not escaped: %s", path, a.body)
			}
		}
		// Names that stand in addresses hold no markup at all.
		ada.post(g+"/routes", object{"name": text, "match": object{"path": "/x"}, "upstream": "u", "public": true}).want(422)
		ada.post("/v1/gateways", object{"name": text}).want(422)
		ada.post(g+"/usage-plans", object{"name": text}).want(422)
		// What a page is asked for comes back escaped, or not at all.
		q := url.QueryEscape(text)
		for _, page := range []string{
			"/", "/login?error=" + q, "/join?token=" + q, "/verify?token=" + q, "/reset?token=" + q, "/docs/" + url.PathEscape(text),
			"/p/" + url.PathEscape(text), "/v1/login/oidc/corp/callback?error=" + q + "&error_description=" + q, "/" + url.PathEscape(text),
		} {
			_, body := fetch(t, e.base+page)
			if strings.ContainsAny(text, "<>") && strings.Contains(body, text) {
				t.Errorf("%s repeats %s", page, text)
			}
		}
	}
	a := s.get("/v1/gateways/" + url.PathEscape(markup[0])).want(404)
	if strings.Contains(string(a.body), "<script") {
		t.Errorf("a problem repeats markup: %s", a.body)
	}
}

// TestACC17ProviderTexts: what a provider writes into an error is never shown.
func TestACC17ProviderTexts(t *testing.T) {
	t.Parallel()
	e, o := withProvider(t)
	o.manners(object{"error": "invalid_scope"}) // with markup in its description
	b := e.browser()
	link := strings.Replace(b.leave("corp", "/"), "http://portal.test", e.base, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	res, err := (&http.Client{Jar: b.jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page := readAll(t, res)
	if res.StatusCode != http.StatusBadRequest || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the callback answered %s with %s", res.Status, res.Header.Get("Content-Type"))
	}
	if strings.Contains(page, "alert") || strings.Contains(page, "invalid_scope") || strings.Contains(page, "<script") {
		t.Errorf("the page repeats the provider: %s", page)
	}
}

// TestACC18OneWayToCSV: nothing in the portal writes CSV but the package that makes
// cells safe, whose own tests say what that means.
func TestACC18OneWayToCSV(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		seen++
		src, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(src), `"encoding/csv"`) && !strings.Contains(path, "csvsafe") {
			t.Errorf("%s writes CSV past internal/csvsafe", path)
		}
		return err
	})
	if err != nil || seen < 50 {
		t.Fatalf("%d files were read, %v", seen, err)
	}
}

// injections are texts that mean something to a database.
var injections = []string{
	`' OR '1'='1`, `'; DROP TABLE users; --`, `" OR ""="`, `1 UNION SELECT password_hash FROM users`, `%' OR name LIKE '%`, `{"$ne": null}`, `$1`, `?`, `\'`, `$.a ? (@ > 0)`,
}

// TestACC19Injection sends such texts in every parameter and every text of every
// body that reads something: none is an error of ours, none finds more than its
// plain meaning.
func TestACC19Injection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		own := ada.furnish()
		bob.furnish()
		s := ada.login()
		tried := 0
		for _, op := range operations(t) {
			if op.Method != http.MethodGet || elsewhere(op) && !op.Public() {
				continue
			}
			c := ada
			if !op.Token && !op.Public() {
				c = s
			}
			for _, list := range []openapi3.Parameters{op.Item.Parameters, op.Spec.Parameters} {
				for _, p := range list {
					if p.Value.In != openapi3.ParameterInQuery || p.Value.Name == "follow" {
						continue
					}
					for _, text := range injections {
						tried++
						a := c.get(own.path(op) + "?" + p.Value.Name + "=" + url.QueryEscape(text))
						if a.status >= 500 && a.str("code") != "unavailable" {
							t.Errorf("%s with %s=%s: %d: %s", op.ID, p.Value.Name, text, a.status, a.body)
						}
						if strings.Contains(string(a.body), bob.org) || strings.Contains(string(a.body), "argon2id") {
							t.Errorf("%s with %s=%s finds somebody else's: %s", op.ID, p.Value.Name, text, a.body)
						}
					}
				}
			}
		}
		for _, text := range injections {
			for _, filter := range []string{"action", "actor", "resource", "gateway"} {
				if n := len(ada.get("/v1/audit?" + filter + "=" + url.QueryEscape(text)).want(200).list("items")); n != 0 {
					t.Errorf("audit with %s=%s finds %d lines", filter, text, n)
				}
			}
			(&caller{e: e}).post("/v1/login", object{"email": text, "password": text}).want(401)
			e.clock.advance(2 * 60e9)
			ada.patch("/v1/organization", object{"name": text}).want(200)
			if got := ada.get("/v1/organization").want(200).str("name"); got != text {
				t.Errorf("a name came back as %q, want %q", got, text)
			}
		}
		bob.get("/v1/organization").want(200)
		t.Logf("ACC19: %d requests", tried)
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// TestACC20Races: a hundred at once make as many keys as the plan allows, and an
// organization always has an owner (TestOneOwnerIsLeftWhateverRaces).
func TestACC20Races(t *testing.T) {
	t.Parallel()
	plans := filepath.Join(t.TempDir(), "plans.json")
	const ten = `{"default":"free","unverified_requests_per_day":100,"plans":[{"name":"free","num":1,"title":"Free","included_requests":100000,
		"requests_per_second":50,"burst":100,"concurrency":50,"gateways":3,"consumers":100,"keys":10,"max_body_bytes":1048576,
		"log_retention":"24h","currency":"usd","price_cents":0}]}`
	if err := os.WriteFile(plans, []byte(ten), 0o600); err != nil {
		t.Fatal(err)
	}
	eachWith(t, settingsFor{plans: plans}, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		answers := make(chan int, 100)
		for i := range 100 {
			go func() { answers <- ada.post(g+"/keys", object{"consumer": "c", "name": fmt.Sprint(i)}).status }()
		}
		made := map[int]int{}
		for range 100 {
			made[<-answers]++
		}
		have := len(ada.get(g + "/keys?limit=200").want(200).list("items"))
		t.Logf("ACC20: 100 keys at once at a limit of 10: %v, %d are there", made, have)
		if made[201] != 10 || have != 10 || made[201]+made[403]+made[503] != 100 {
			t.Errorf("100 at once made %v, and %d are there; want 10", made, have)
		}
	})
}
