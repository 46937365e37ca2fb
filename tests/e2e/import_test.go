package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/lambdaruntime"
)

// imports applies a text to a gateway, after a look that must change nothing and
// refuse nothing.
func (s *shop) imports(format, text string, options harness.Object) harness.Object {
	s.t.Helper()
	in := harness.Object{"document": text, "options": options}
	path := "/v1/gateways/" + s.name + "/import/" + format
	if look := s.api.Must("POST", path, in); look["blocked"] != false || look["applied"] != false {
		s.t.Fatalf("the import is blocked: %v", look)
	}
	done := s.api.Must("POST", path+"?apply=true", in)
	if done["applied"] != true {
		s.t.Fatalf("not applied: %v", done)
	}
	if again := s.api.Must("POST", path+"?apply=true", in); len(again["changes"].([]any)) != 0 {
		s.t.Fatalf("imported again there are differences: %v", again)
	}
	s.api.WaitLive(s.name)
	return done
}

// TestImports: documents of others make gateways that answer.
func TestImports(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{})
	s := &shop{Cluster: c, api: c.SignUp("imports"), name: "imports", call: harness.NewCaller(64), t: t}
	s.host = s.api.Must("POST", "/v1/gateways", harness.Object{"name": "imports"})["hostname"].(string)
	t.Run("hello-lambda.json", s.helloLambda)
	t.Run("upstream.conf", s.upstreamConf)
	t.Run("skipped", s.skipped)
	t.Run("export", s.exported)
	t.Run("large", s.large)
}

// helloLambda imports a document of Amazon API Gateway as it is.
func (s *shop) helloLambda(t *testing.T) {
	text, err := os.ReadFile("testdata/hello-lambda.json")
	if err != nil {
		t.Fatal(err)
	}
	service := lambdaruntime.Start(t, lambdaruntime.Config{
		Function: "arn:aws:lambda:us-east-1:123456789012:function:my-function", Region: "us-east-1", KeyID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG",
		Program: harness.Helper(t, "lambdafunction", "cmd/lambdafunction"), TimeLimit: 2 * time.Second,
	})
	s.put("secrets/aws-access-key-id", harness.Object{"value": "AKIDEXAMPLE"})
	s.put("secrets/aws-secret-access-key", harness.Object{"value": "wJalrXUtnFEMI/K7MDENG"})
	s.imports("openapi", string(text), harness.Object{"aws": harness.Object{"endpoint": service.URL}})
	r := s.call.Get(s.Edges[0].Addr(), s.host, "/hello", "")
	if r.Status != 200 || !strings.Contains(r.Body, `"path":"/hello"`) || !strings.Contains(r.Body, `"version":"1.0"`) {
		t.Errorf("/hello answers %d %s %v", r.Status, r.Body, r.Err)
	}
	if refused := service.Refused(); len(refused) > 0 {
		t.Errorf("signatures that were refused: %q", refused)
	}
}

// upstreamConf imports an nginx configuration: requests alternate over its servers.
func (s *shop) upstreamConf(t *testing.T) {
	text, err := os.ReadFile("testdata/upstream.conf")
	if err != nil {
		t.Fatal(err)
	}
	one, two := harness.StartBackend(t, "one"), harness.StartBackend(t, "two")
	one.Wait(t)
	two.Wait(t)
	config := strings.NewReplacer("backend1.example.com", strings.TrimPrefix(one.URL(), "http://"), "backend2.example.com", strings.TrimPrefix(two.URL(), "http://")).Replace(string(text))
	s.imports("nginx", config, harness.Object{})
	for range 10 {
		if r := s.call.Get(s.Edges[0].Addr(), s.host, "/x", ""); r.Status != 200 {
			t.Fatalf("/x answers %d %s %v", r.Status, r.Body, r.Err)
		}
	}
	if a, b := one.Counts(t).Requests, two.Counts(t).Requests; a != 5 || b != 5 {
		t.Errorf("the servers got %d and %d of 10 requests", a, b)
	}
	// What was imported before is still there.
	if r := s.call.Get(s.Edges[0].Addr(), s.host, "/hello", ""); r.Header.Get("Tollgate-Error") == "no_route" {
		t.Errorf("/hello is gone: %d %s", r.Status, r.Body)
	}
}

// skipped imports what is refused in part: nobody comes to it by an open location.
func (s *shop) skipped(t *testing.T) {
	backend := harness.StartBackend(t, "skipped")
	backend.Wait(t)
	s.imports("nginx", `upstream skipped { server `+strings.TrimPrefix(backend.URL(), "http://")+`; }
server {
    location /all/ { proxy_pass http://skipped; }
    location /all/admin/ { auth_request /auth; proxy_pass http://skipped; }
    location /all/old { deny all; }
    location ~ /\.git { deny all; }
}
`, harness.Object{"skip_refused": true})
	for path, want := range map[string]int{
		"/all/x": 200, "/all/administrator": 200, "/all/admin": 403, "/all/admin/users": 403, "/all/old": 403, "/all/old.php": 403, "/all/.git/config": 403, "/all/%2egit/config": 403,
	} {
		if r := s.call.Get(s.Edges[0].Addr(), s.host, path, ""); r.Status != want {
			t.Errorf("%s answers %d %s %v, want %d", path, r.Status, r.Body, r.Err, want)
		}
	}
	if n := backend.Counts(t).Requests; n != 2 {
		t.Errorf("the backend got %d requests, want 2", n)
	}
}

// exported imports the gateway's export into another one.
func (s *shop) exported(t *testing.T) {
	path := "/v1/gateways/imports/export"
	doc, err := s.api.Do("GET", path, nil)
	if err != nil || doc.Status != 200 {
		t.Fatalf("%v %+v", err, doc)
	}
	same := s.api.Must("POST", "/v1/gateways/imports/import/openapi", harness.Object{"document": string(doc.Body), "options": harness.Object{"existing": "remove"}})
	if n := len(same["changes"].([]any)); n != 0 || same["blocked"] != false {
		t.Errorf("%d differences to its own export: %v", n, same)
	}
}

// large imports a document of 6 MB, as public APIs have them: it makes all routes,
// their requests are validated, and the portal's memory stays bounded. One of 50 MB is
// refused at once.
func (s *shop) large(t *testing.T) {
	backend := harness.StartBackend(t, "large")
	backend.Wait(t)
	const operations = 300
	text := strings.Repeat("Some words of Markdown about it. ", 200)
	paths, schemas := harness.Object{}, harness.Object{}
	for i := range operations {
		name := fmt.Sprintf("thing%d", i)
		ref := harness.Object{"$ref": "#/components/schemas/" + name}
		schemas[name] = harness.Object{"type": "object", "description": text, "properties": harness.Object{
			"id": harness.Object{"type": "integer", "description": text}, "next": harness.Object{"$ref": fmt.Sprintf("#/components/schemas/thing%d", (i+1)%operations)},
		}}
		paths["/"+name] = harness.Object{"get": harness.Object{
			"operationId": name, "description": text, "parameters": []any{harness.Object{"name": "limit", "in": "query", "schema": harness.Object{"type": "integer"}}},
			"responses": harness.Object{"200": harness.Object{"description": text, "content": harness.Object{"application/json": harness.Object{"schema": ref}}}},
		}}
	}
	doc, err := json.Marshal(harness.Object{
		"openapi": "3.0.3", "info": harness.Object{"title": "Large", "version": "1"}, "paths": paths, "components": harness.Object{"schemas": schemas},
	})
	if err != nil || len(doc) < 5<<20 {
		t.Fatalf("%d bytes, %v", len(doc), err)
	}
	before := s.Portal.RSS(t)
	s.imports("openapi", string(doc), harness.Object{"upstream": backend.URL(), "existing": "remove"})
	grew := s.Portal.RSS(t) - before
	t.Logf("%.1f MB imported three times; the portal grew by %d MB", float64(len(doc))/1e6, grew>>20)
	if grew > 256<<20 {
		t.Errorf("the portal grew by %d MB", grew>>20)
	}
	if n := len(s.api.Must("GET", "/v1/gateways/"+s.name+"/routes?limit=200", nil)["items"].([]any)); n != 200 {
		t.Errorf("a page of routes has %d", n)
	}
	for path, want := range map[string]int{"/thing299?limit=1": 200, "/thing299?limit=x": 400, "/thing300": 404} {
		if r := s.call.Get(s.Edges[0].Addr(), s.host, path, ""); r.Status != want {
			t.Errorf("%s answers %d, want %d: %.300s %v", path, r.Status, want, r.Body, r.Err)
		}
	}
	if a, err := s.api.Do("POST", "/v1/gateways/"+s.name+"/import/openapi", harness.Object{"document": strings.Repeat("x", 50<<20)}); err != nil || a.Status != 413 {
		t.Errorf("50 MB: %v %+v", err, a.Status)
	}
}
