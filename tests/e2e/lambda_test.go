package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/lambdaruntime"
)

// lambdaShop is a gateway whose routes are answered by a real function.
type lambdaShop struct {
	*shop
	service *lambdaruntime.Service
}

const lambdaToken = "a-session-token/+="

func newLambdaShop(t *testing.T) *lambdaShop {
	c := harness.New(t, harness.Options{})
	s := &lambdaShop{shop: newShop(t, c, "functions", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)}
	s.service = lambdaruntime.Start(t, lambdaruntime.Config{
		Function: "orders", Alias: "live", Region: "eu-central-1", KeyID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG", Token: lambdaToken,
		Program: harness.Helper(t, "lambdafunction", "cmd/lambdafunction"), TimeLimit: 2 * time.Second,
	})
	for name, value := range map[string]string{"id": "AKIDEXAMPLE", "key": "wJalrXUtnFEMI/K7MDENG", "token": lambdaToken} {
		s.put("secrets/"+name, harness.Object{"value": value})
	}
	s.route("two", "/two/{id}/*", harness.Object{"qualifier": "live"})
	s.route("one", "/one/{id}/*", harness.Object{"payload_version": "1.0", "stage": "prod", "binary_media_types": []string{"image/*"}})
	s.route("async", "/async", harness.Object{"invocation": "async"})
	s.route("stream", "/stream", harness.Object{"invocation": "stream"})
	s.route("retry", "/retry", harness.Object{"retries": 3})
	s.route("unsigned", "/unsigned", harness.Object{"secret_access_key": harness.Object{"secret": "id"}})
	s.api.WaitLive(s.name)
	return s
}

func (s *lambdaShop) route(name, path string, more harness.Object) {
	config := harness.Object{
		"function": "orders", "region": "eu-central-1", "endpoint": s.service.URL, "timeout": "4s", "explain_errors": true,
		"access_key_id": harness.Object{"secret": "id"}, "secret_access_key": harness.Object{"secret": "key"}, "session_token": harness.Object{"secret": "token"},
	}
	for k, v := range more {
		config[k] = v
	}
	s.put("routes/"+name, harness.Object{"match": harness.Object{"path": path}, "public": true, "integration": harness.Object{"type": "lambda", "config": config}})
}

func (s *lambdaShop) get(path string, headers ...string) harness.Result {
	return s.call.Get(s.Edges[0].Addr(), s.host, path, "", headers...)
}

// TestLambda: routes answered by a function that AWS's own library serves, over a
// Runtime API and an Invoke endpoint that checks every signature.
func TestLambda(t *testing.T) {
	t.Parallel()
	s := newLambdaShop(t)
	t.Run("events", s.events)
	t.Run("answers", s.answers)
	t.Run("failures", s.failures)
	t.Run("throttled", s.throttled)
	t.Run("stream", s.stream)
	t.Run("async", s.async)
	if r := s.service.Refused(); len(r) != 1 || !strings.Contains(r[0], "signature does not match") {
		t.Errorf("signatures that were refused: %q", r)
	}
}

func (s *lambdaShop) events(t *testing.T) {
	for _, version := range []string{"1.0", "2.0"} {
		path := map[string]string{"1.0": "/one", "2.0": "/two"}[version]
		r := s.call.Send(t.Context(), "POST", s.Edges[0].Addr(), s.host, path+"/a%20b/x/y?q=1&q=2%20x&e", "", strings.NewReader(`{"n":1}`),
			"Content-Type", "application/json", "Cookie", "a=1; b=2", "X-Forwarded-For", "6.6.6.6", "X-Thing", "yes")
		var got harness.Object
		if r.Status != 200 || json.Unmarshal([]byte(r.Body), &got) != nil {
			t.Fatalf("%s: %d %s %v", version, r.Status, r.Body, r.Err)
		}
		headers := got["headers"].(map[string]any)
		delete(got, "headers")
		want := harness.Object{
			"version": "2.0", "route": "ANY /two/{id}/{proxy+}", "method": "POST", "path": "/two/a%20b/x/y", "query": harness.Object{"q": "1,2 x", "e": ""},
			"cookies": []any{"a=1", "b=2"}, "parameters": harness.Object{"id": "a b", "proxy": "x/y"}, "stage": "$default", "client": "127.0.0.1",
			"request_id": r.Header.Get("X-Request-Id"), "principal": nil, "body": `{"n":1}`, "encoded": false,
		}
		thing, forwarded := headers["x-thing"], headers["x-forwarded-for"]
		if version == "1.0" {
			want["version"], want["route"], want["path"], want["stage"] = "1.0", "/one/{id}/{proxy+}", "/one/a%20b/x/y", "prod"
			want["query"], want["cookies"] = harness.Object{"q": "2 x", "e": ""}, []any{"a=1; b=2"}
			thing, forwarded = headers["X-Thing"], headers["X-Forwarded-For"]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got  %v\nwant %v", version, got, want)
		}
		if thing != "yes" || forwarded != "127.0.0.1" {
			t.Errorf("%s: X-Thing %v, X-Forwarded-For %v", version, thing, forwarded)
		}
		if c := r.Header.Values("Set-Cookie"); !reflect.DeepEqual(c, []string{"a=1; Path=/", "b=2"}) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: cookies %q, type %q", version, c, r.Header.Get("Content-Type"))
		}
		if m := r.Header.Values("X-Many"); version == "1.0" && !reflect.DeepEqual(m, []string{"1", "2"}) {
			t.Errorf("X-Many is %q", m)
		}
	}
	if q := s.service.Qualifier(); q != "live" {
		t.Errorf("the qualifier is %q", q)
	}
}

func (s *lambdaShop) answers(t *testing.T) {
	const png = "\x89PNG\xff"
	for path, want := range map[string]string{
		"/two/1/x?do=inferred":      `{"hello":"world"}`,
		"/two/1/x?do=image":         png,
		"/one/1/x?do=image&as=file": png,
	} {
		if r := s.get(path, "Accept", "image/png, */*"); r.Status != 200 || r.Body != want {
			t.Errorf("%s: %d %q %v", path, r.Status, r.Body, r.Err)
		}
	}
	if r := s.get("/one/1/x?do=image"); r.Status != 200 || r.Body == png {
		t.Errorf("nobody asked for an image: %d %q", r.Status, r.Body)
	}
	if r := s.get("/one/1/x?do=inferred"); r.Status != 502 || !strings.Contains(r.Body, "/statusCode is missing") {
		t.Errorf("version 1.0 infers nothing: %d %q", r.Status, r.Body)
	}
}

func (s *lambdaShop) failures(t *testing.T) {
	starts := s.service.Starts()
	for _, c := range []struct {
		do, code, says string
		status         int
	}{
		{"malformed", "upstream_protocol", "/statusCode is no integer", 502},
		{"error", "upstream_protocol", "the function failed", 502},
		{"panic", "upstream_protocol", "the function failed", 502},
		{"crash", "upstream_protocol", "the function failed", 502},
		{"big", "upstream_protocol", "the function failed", 502},
		{"slow", "upstream_protocol", "the function failed", 502},
	} {
		if r := s.get("/two/1/x?do=" + c.do); r.Status != c.status || r.Code != c.code || !strings.Contains(r.Body, c.says) || strings.Contains(r.Body, "on purpose") {
			t.Errorf("%s: %d %s %.300q %v", c.do, r.Status, r.Code, r.Body, r.Err)
		}
		if r := s.get("/two/1/x"); r.Status != 200 {
			t.Errorf("after %s: %d %s", c.do, r.Status, r.Body)
		}
	}
	if n := s.service.Starts() - starts; n != 3 { // panic, crash and slow
		t.Errorf("the function was started %d times more", n)
	}
	if r := s.get("/unsigned"); r.Status != 502 || r.Code != "upstream_protocol" || strings.Contains(r.Body, "AKID") {
		t.Errorf("another key: %d %s %s", r.Status, r.Code, r.Body)
	}
	body := strings.Repeat("x", 5<<20)
	r := s.call.Send(t.Context(), "POST", s.Edges[0].Addr(), s.host, "/two/1/x", "", strings.NewReader(body), "Content-Type", "application/octet-stream")
	if r.Status != 413 {
		t.Errorf("6.7 MB of event: %d %s", r.Status, r.Body)
	}
}

func (s *lambdaShop) throttled(t *testing.T) {
	s.service.Throttle(1)
	if r := s.get("/two/1/x"); r.Status != 503 || r.Code != "upstream_busy" || r.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s, Retry-After %q", r.Status, r.Code, r.Header.Get("Retry-After"))
	}
	s.service.Throttle(2)
	n := s.service.Invocations()
	if r := s.get("/retry"); r.Status != 200 || s.service.Invocations() != n+1 {
		t.Errorf("%d %s after %d invocations", r.Status, r.Body, s.service.Invocations()-n)
	}
}

func (s *lambdaShop) stream(t *testing.T) {
	open := func(path string) *http.Response {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Edges[0].Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = s.host
		resp, err := s.call.HTTP.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	resp := open("/stream?do=stream")
	if resp.StatusCode != 201 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Set-Cookie") != "a=1" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	began, lines := time.Now(), bufio.NewReader(resp.Body)
	first, err := lines.ReadString('\n')
	early := time.Since(began)
	rest, err2 := io.ReadAll(lines)
	if first+string(rest) != "one\ntwo\nthree\n" || err != nil || err2 != nil {
		t.Errorf("%q %q %v %v", first, rest, err, err2)
	}
	if whole := time.Since(began); whole-early < 200*time.Millisecond {
		t.Errorf("the stream came at once: first %s, whole %s", early, whole)
	}
	resp = open("/stream?do=broken")
	if b, err := io.ReadAll(resp.Body); err == nil || !strings.HasPrefix("one\ntwo\nthree\n", string(b)) || errors.Is(err, io.EOF) {
		t.Errorf("a stream that broke off: %q, %v", b, err)
	}
	resp = open("/stream")
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), `statusCode`) {
		t.Errorf("a function that does not stream: %s %q %v", resp.Status, b, err)
	}
}

func (s *lambdaShop) async(t *testing.T) {
	n := s.service.Invocations()
	if r := s.get("/async?x=1"); r.Status != 202 || r.Body != "" {
		t.Errorf("%d %q", r.Status, r.Body)
	}
	for end := time.Now().Add(5 * time.Second); s.service.Invocations() == n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the function was not invoked")
		}
	}
	if n := fmt.Sprint(s.service.Refused()); strings.Contains(n, lambdaToken) {
		t.Error(n)
	}
}
