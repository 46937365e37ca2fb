package e2e

import (
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
	t.Run("export", s.exported)
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
