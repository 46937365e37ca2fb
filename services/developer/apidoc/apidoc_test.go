package apidoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer/apidoc"
)

func generate(t *testing.T, in apidoc.Input) *openapi3.T {
	t.Helper()
	b, err := apidoc.Generate(in)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	again, err := apidoc.Generate(in)
	if err != nil || string(again) != string(b) {
		t.Error("the same routes gave other bytes")
	}
	return doc
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	no := false
	doc := generate(t, apidoc.Input{
		Title: "Orders </title><script>", Description: "About", URL: "https://shop.gw.test",
		Policies: []contract.Policy{{Type: "api_key"}},
		Routes: []contract.Route{
			{Name: "orders", Match: contract.Match{
				Path: "/orders/{id}", Methods: []string{"GET", "PUT"},
				Headers: []contract.FieldMatch{{Name: "X-Version", Exact: "2"}, {Name: "x-version", Prefix: "2"}, {Name: "X-Old", Present: &no}, {Name: "Accept", Exact: "text/plain"}},
				Query:   []contract.FieldMatch{{Name: "full", Prefix: "t"}},
			}, Policies: []contract.Policy{{Type: "jwt"}}},
			{Name: "orders-2", Match: contract.Match{Path: "/orders/{order}", Methods: []string{"DELETE", "GET"}}},
			{Name: "files", Match: contract.Match{Path: "/files/*"}, Public: true},
			{Name: "tail", Match: contract.Match{Path: "/tail/{rest+}", Methods: []string{"GET"}}},
			{Name: "old", Match: contract.Match{Path: "/old", Methods: []string{"GET"}}, Public: true, Policies: []contract.Policy{{Type: "redirect", Config: json.RawMessage(`{"status":301}`)}}},
			{Name: "pattern", Match: contract.Match{Path: "~^/x/[0-9]+$"}},
		},
	})
	if s := doc.Servers[0].URL; s != "https://shop.gw.test" {
		t.Errorf("server %s", s)
	}
	if !strings.Contains(doc.Info.Description, "pattern") {
		t.Errorf("the route with a regular expression is not named: %s", doc.Info.Description)
	}
	get := doc.Paths.Value("/orders/{id}").Get
	if n := len(get.Parameters); n != 2 {
		t.Errorf("%d parameters beside the path's, want X-Version and full", n)
	}
	if s := *get.Security; len(s) != 1 || len(s[0]) != 2 {
		t.Errorf("GET needs %v, want key and token", s)
	}
	limited := get.Responses.Status(429).Value
	for _, h := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if limited.Headers[h] == nil {
			t.Errorf("429 without %s", h)
		}
	}
	for _, code := range []string{"rate_limited", "quota_exceeded", "concurrency_exceeded"} {
		if !strings.Contains(*limited.Description, code) {
			t.Errorf("429 without the code %s", code)
		}
	}
	if doc.Paths.Value("/orders/{id}").Delete == nil {
		t.Error("two templates that OpenAPI takes for one are not one path")
	}
	files := doc.Paths.Value("/files/{path}")
	if files == nil || files.Get == nil || files.Post == nil || files.Get.Responses.Status(401) != nil || len(*files.Get.Security) != 0 {
		t.Error("a public prefix is not shown as one")
	}
	if doc.Paths.Value("/tail/{rest}") == nil {
		t.Error("a tail is not shown")
	}
	if r := doc.Paths.Value("/old").Get.Responses; r.Status(301) == nil || r.Default() != nil {
		t.Error("a redirect is not shown as one")
	}
}

func TestGenerateShowsOnlyWhatIsOpened(t *testing.T) {
	t.Parallel()
	routes := []contract.Route{
		{Name: "admin", Match: contract.Match{Path: "/admin"}},
		{Name: "orders", Match: contract.Match{Path: "/orders"}},
		{Name: "open", Match: contract.Match{Path: "/open"}, Public: true},
	}
	doc := generate(t, apidoc.Input{Title: "T", URL: "https://a.test", Routes: routes, Only: []string{"orders"}})
	if doc.Paths.Value("/admin") != nil || doc.Paths.Value("/orders") == nil || doc.Paths.Value("/open") == nil {
		t.Errorf("paths %v", doc.Paths.InMatchingOrder())
	}
	generate(t, apidoc.Input{Title: "Empty", URL: "https://a.test"})
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i <= 'k'; i++ {
		bomb += string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+",", 8) + "*" + string(i-1) + "]\n"
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "list": "[]", "bomb": bomb, "too long": strings.Repeat(" ", apidoc.MaxDocument+1),
		"remote":   `{"openapi":"3.0.3","info":{"title":"T","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"$ref":"https://evil.example/x.json"}}}}}}`,
		"file":     `{"openapi":"3.0.3","info":{"title":"T","version":"1"},"paths":{"/a":{"$ref":"./x.json"}}}`,
		"dangling": `{"openapi":"3.0.3","info":{"title":"T","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/components/responses/None"}}}}}}`,
		"invalid":  `{"openapi":"3.0.3","info":{"title":"T"},"paths":{}}`,
	} {
		if _, err := apidoc.Check(t.Context(), []byte(text), "https://a.test"); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := apidoc.Check(t.Context(), text, "https://a.test")
		if err == nil && !json.Valid(c.JSON) {
			t.Errorf("not JSON: %s", c.JSON)
		}
	})
}
