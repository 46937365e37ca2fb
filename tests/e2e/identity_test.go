package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// services are those that policies ask, an introspection endpoint and an
// authoriser, and a backend that tells which credential reached it.
type services struct {
	mu      sync.Mutex
	revoked map[string]bool
	asked   map[string]int
}

func (a *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[r.URL.Path]++
	switch r.URL.Path {
	case "/introspect":
		id, secret, _ := r.BasicAuth()
		token := r.FormValue("token")
		active := id == "gateway" && secret == "introspection-secret" && strings.HasPrefix(token, "opaque-") && !a.revoked[token]
		fmt.Fprintf(w, `{"active":%v,"sub":"app","scope":"read"}`, active)
	case "/check":
		if r.Header.Get("X-Forwarded-Uri") == "/checked/secret?x=1" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "not this one")
			return
		}
		w.Header().Set("X-User", "u-"+r.Header.Get("Tollgate-Consumer"))
	default:
		fmt.Fprintf(w, "authorization=%s user=%s", r.Header.Get("Authorization"), r.Header.Get("X-User"))
	}
}

// TestIdentity drives the policies that recognise callers, and those that carry the
// gateway's own credential, through the processes.
func TestIdentity(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	a := &services{revoked: map[string]bool{}, asked: map[string]int{}}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	c := harness.New(t, harness.Options{})
	s := newShop(t, c, "identity", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	s.put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": srv.URL}}})
	for name, value := range map[string]string{"introspection": "introspection-secret", "password": "right", "client": "test-secret"} {
		s.put("secrets/"+name, harness.Object{"value": value})
	}
	_, key := s.consumer("alice", "")
	s.put("routes/methods", harness.Object{"match": harness.Object{"path": "/methods/*"}, "upstream": "app", "policies": []harness.Object{
		{"type": "jwt", "config": harness.Object{"issuer": o.Issuer, "audiences": []string{"shop"}}},
		{"type": "introspection", "config": harness.Object{"url": srv.URL + "/introspect", "client_id": "gateway", "client_secret": harness.Object{"secret": "introspection"}, "cache": "1s"}},
		{"type": "basic", "config": harness.Object{"users": harness.Object{"bob": harness.Object{"secret": "password"}}}},
		{"type": "api_key", "config": harness.Object{}},
	}})
	s.put("routes/checked", harness.Object{"match": harness.Object{"path": "/checked/*"}, "upstream": "app", "policies": []harness.Object{
		{"type": "api_key", "config": harness.Object{}},
		{"type": "ext_auth", "config": harness.Object{"url": srv.URL + "/check", "copy_headers": []string{"X-User"}}},
	}})
	s.put("routes/own", harness.Object{"match": harness.Object{"path": "/own/*"}, "upstream": "app", "public": true, "policies": []harness.Object{
		{"type": "upstream_auth", "config": harness.Object{"client_credentials": harness.Object{
			"token_url": o.Issuer + "/oauth/token", "client_id": "test", "client_secret": harness.Object{"secret": "client"}, "audience": "backend",
		}}},
	}})
	s.put("routes/certificates", harness.Object{"match": harness.Object{"path": "/certificates/*"}, "upstream": "app", "policies": []harness.Object{{"type": "mtls", "config": harness.Object{}}}})
	s.api.WaitLive(s.name)
	edge := c.Edges[0].Addr()
	send := func(path string, fields ...string) harness.Result {
		return s.call.Get(edge, s.host, path, "", fields...)
	}
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("bob:"+password))
	}
	if err := harness.Until(t.Context(), 30*time.Second, func() error {
		if r := send("/methods/x", "X-API-Key", key); r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		fields []string
		status int
		code   string
	}{
		{"a signed token", []string{"Authorization", "Bearer " + o.Token(t, "shop", "subject", "carol")}, 200, ""},
		{"a signed token for another audience", []string{"Authorization", "Bearer " + o.Token(t, "other")}, 401, "token_audience"},
		{"an opaque token", []string{"Authorization", "Bearer opaque-1"}, 200, ""},
		{"an opaque token that is none", []string{"Authorization", "Bearer invented"}, 401, "token_invalid"},
		{"a password", []string{"Authorization", basic("right")}, 200, ""},
		{"a wrong password", []string{"Authorization", basic("wrong")}, 401, "credentials_invalid"},
		{"a key", []string{"X-API-Key", key}, 200, ""},
		{"a key as a bearer token", []string{"Authorization", "Bearer " + key}, 200, ""},
		{"a key beside a token", []string{"X-API-Key", key, "Authorization", "Bearer opaque-1"}, 400, "ambiguous_credentials"},
		{"nothing", nil, 401, "token_missing"},
	} {
		if r := send("/methods/x", tt.fields...); r.Status != tt.status || tt.code != "" && r.Code != tt.code {
			t.Errorf("%s: %d %s %s, want %d %s", tt.name, r.Status, r.Code, r.Body, tt.status, tt.code)
		}
	}
	if got := strings.Join(send("/methods/x").Header.Values("WWW-Authenticate"), ", "); !strings.Contains(got, "Basic realm=") || !strings.Contains(got, `realm="api key"`) {
		t.Errorf("challenges %q", got)
	}
	a.mu.Lock()
	a.revoked["opaque-1"] = true
	a.mu.Unlock()
	if err := harness.Until(t.Context(), 30*time.Second, func() error {
		if r := send("/methods/x", "Authorization", "Bearer opaque-1"); r.Code != "token_invalid" {
			return fmt.Errorf("a revoked token: %d %s", r.Status, r.Code)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}

	if r := send("/checked/x", "X-API-Key", key, "X-User", "forged"); r.Status != 200 || !strings.Contains(r.Body, "user=u-alice") {
		t.Errorf("an authorised request: %d %s", r.Status, r.Body)
	}
	if r := send("/checked/secret?x=1", "X-API-Key", key); r.Status != 403 || r.Body != "not this one" {
		t.Errorf("a request that the authoriser refuses: %d %s", r.Status, r.Body)
	}
	for range 3 {
		if r := send("/own/x", "Authorization", "Bearer of-the-caller"); r.Status != 200 || !strings.Contains(r.Body, "authorization=Bearer ey") {
			t.Errorf("the gateway's own credential: %d %s", r.Status, r.Body)
		}
	}
	if r := send("/certificates/x"); r.Status != 403 || r.Code != "client_certificate" {
		t.Errorf("no certificate: %d %s", r.Status, r.Code)
	}
}
