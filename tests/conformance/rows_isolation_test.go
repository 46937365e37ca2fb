package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

func cached(more ...harness.Object) []harness.Object {
	return append([]harness.Object{policy("cache", harness.Object{})}, more...)
}

func twoTenants(t *testing.T, s *sharing) {
	for _, x := range []*tenantSite{s.a, s.b} {
		x.route("c", nil, cached()...)
		x.live(t, "", "")
	}
	for range 3 {
		for _, x := range []*tenantSite{s.a, s.b} {
			if r := x.get("/c/fresh/one"); !strings.HasPrefix(r.Body, x.name+" ") {
				t.Fatalf("%s is answered %q", x.name, r.Body)
			}
		}
	}
	if n := len(s.backend.take()); n != 2 {
		t.Errorf("%d calls for two tenants' answers", n)
	}
}

func callersAnswers(t *testing.T, s *sharing) {
	x := s.a
	x.route("mine", nil, policy("cache", harness.Object{}), policy("api_key", harness.Object{}))
	x.route("ours", nil, policy("cache", harness.Object{"identity": "all"}), policy("api_key", harness.Object{}))
	var keys []string
	for _, name := range []string{"ann", "bob"} {
		x.put("consumers/"+name, harness.Object{})
		_, key := x.api.Key(x.name, name, nil)
		x.live(t, "/mine/plain/warm", key)
		keys = append(keys, key)
	}
	s.backend.forget()
	get := func(path, key string) harness.Result {
		return s.call.Get(s.c.Edges[0].Addr(), x.host, path, key)
	}
	first, again, other := get("/mine/fresh/x", keys[0]), get("/mine/fresh/x", keys[0]), get("/mine/fresh/x", keys[1])
	if first.Body != again.Body || first.Body == other.Body {
		t.Errorf("ann got %q and %q, bob %q", first.Body, again.Body, other.Body)
	}
	if a, b := get("/ours/fresh/x", keys[0]), get("/ours/fresh/x", keys[1]); a.Body != b.Body {
		t.Errorf("what is for all is %q and %q", a.Body, b.Body)
	}
	for _, path := range []string{"/mine/fresh/x", "/ours/fresh/x"} {
		if r := x.get(path); r.Status != 401 {
			t.Errorf("%s without a key: %d %s", path, r.Status, r.Body)
		}
	}
}

func unkeyed(t *testing.T, s *sharing) {
	x := s.a
	x.route("p", nil, cached()...)
	x.live(t, "", "")
	for i, fields := range [][]string{
		{"X-Forwarded-Host", "evil.example"},
		{"X-Host", "evil.example"},
		{"X-Original-URL", "/evil"},
		{"X-Rewrite-URL", "/evil"},
		{"X-HTTP-Method-Override", "DELETE"},
		{"X-Forwarded-Proto", "evil"},
		{"X-Forwarded-Prefix", "/evil"},
		{"Forwarded", "host=evil.example"},
	} {
		path := fmt.Sprintf("/p/fresh/%d", i)
		x.get(path, fields...)
		if r := x.get(path); strings.Contains(r.Body, "evil") {
			t.Errorf("%s poisons: %q", fields[0], r.Body)
		}
	}
	for _, h := range s.backend.take() {
		for name, v := range h.header {
			if strings.Contains(strings.Join(v, ","), "evil") && name != "X-Host" {
				t.Errorf("the backend got %s: %v", name, v)
			}
		}
	}
	fat := x.send(t, "GET", "/p/fresh/fat", strings.NewReader("evil"))
	if r := x.get("/p/fresh/fat"); fat.Status == 200 && r.Body == fat.Body {
		t.Errorf("the answer to a GET with a body is stored: %q", r.Body)
	}
}

func deception(t *testing.T, s *sharing) {
	x := s.a
	x.route("static", nil, cached()...)
	x.route("account", nil)
	x.live(t, "", "")
	for _, path := range []string{"/account/x.css", "/static/%2e%2e/account/plain", "/static/..%2faccount/plain", "/account;x.js", "/static/../account/plain", "/account/plain;x.css"} {
		s.backend.forget()
		one, two := x.get(path), x.get(path)
		if one.Status == 200 && one.Body == two.Body {
			t.Errorf("%s is stored: %q", path, one.Body)
		}
	}
}

func notStored(t *testing.T, s *sharing) {
	x := s.a
	x.route("n", nil, cached()...)
	x.live(t, "", "")
	for _, how := range []string{"private", "cookie", "varystar", "part", "500", "503", "403", "429"} {
		s.backend.forget()
		x.get("/n/" + how)
		x.get("/n/" + how)
		if n := len(s.backend.take()); n != 2 {
			t.Errorf("%s is stored: %d calls for two requests", how, n)
		}
	}
	// The same comparison finds what is stored.
	x.get("/n/fresh")
	x.get("/n/fresh")
	if n := len(s.backend.take()); n != 1 {
		t.Errorf("nothing is stored at all: %d calls", n)
	}
}

// keysAndBytes: two requests of one key would have reached the backend as the same.
func keysAndBytes(t *testing.T, s *sharing) {
	x := s.a
	x.route("k", nil, cached()...)
	x.route("kk", harness.Object{"match": harness.Object{"path": "/kk/*"}}) // the same without a cache
	x.live(t, "", "")
	tails := []string{
		"/q?a=1&b=2", "/q?b=2&a=1", "/q?a=1&b=2&", "/q?a=1", "/q?a=%31", "/q?", "/q", "/%71", "/q/", "//q", "/./q", "/~", "/%7E", "/%7e",
		"/q?a=1+2", "/q?a=1%202", "/q?A=1", "/Q", "/é", "/%C3%A9", "/q?a=é", "/q?a", "/q?a=",
	}
	asSent := map[string]string{}
	for _, tail := range tails {
		s.backend.forget()
		if r := x.get("/kk" + tail); r.Status == 200 {
			asSent[tail] = strings.TrimPrefix(s.backend.take()[0].uri, "/kk")
		}
	}
	stored := map[string]string{} // an answer's body, and what its request was sent as
	for _, tail := range tails {
		want, ok := asSent[tail]
		if !ok {
			continue
		}
		r := x.get("/k" + tail)
		if was, ok := stored[r.Body]; ok && was != want {
			t.Errorf("%s gets the answer of %s", want, was)
		}
		stored[r.Body] = want
	}
	if len(stored) < 8 {
		t.Errorf("only %d different answers", len(stored))
	}
}

func stampede(t *testing.T, s *sharing) {
	x := s.a
	x.route("s", nil, policy("cache", harness.Object{"collapse_wait": "9s"}))
	x.live(t, "", "")
	hold := make(chan struct{})
	s.backend.hold.Store(&hold)
	defer s.backend.hold.Store(nil)
	ctx, leave := context.WithCancel(t.Context())
	addr := s.c.Edges[0].Addr()
	first := make(chan harness.Result, 1)
	go func() { first <- s.call.Send(ctx, "GET", addr, x.host, "/s/held/one", "", nil) }()
	if err := harness.Until(t.Context(), 5*time.Second, func() error {
		if s.backend.open.Load() == 0 {
			return fmt.Errorf("nothing came yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	const many = 100 // of an address's 256 connections
	var all sync.WaitGroup
	results := make([]harness.Result, many)
	for i := range many {
		all.Go(func() { results[i] = s.call.Get(addr, x.host, "/s/held/one", "") })
	}
	time.Sleep(300 * time.Millisecond)
	leave()
	<-first
	time.Sleep(100 * time.Millisecond)
	close(hold)
	all.Wait()
	for i, r := range results {
		if r.Status != 200 || r.Body != results[0].Body {
			t.Fatalf("request %d: %d %q %v", i, r.Status, r.Body, r.Err)
		}
	}
	if n := len(s.backend.take()); n > 2 {
		t.Errorf("%d calls", n)
	}
}

func manyTenants(t *testing.T, s *sharing) {
	const tenants, each = 18, 60
	second := newTalker(t)
	sites := []*tenantSite{s.a, s.b}
	for i := range tenants {
		sites = append(sites, s.tenant(t, fmt.Sprintf("many%d", i)))
	}
	for _, x := range sites {
		x.put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.backend.url}, {"url": second.url}}})
		x.route("m", nil, policy("cache", harness.Object{"ttl": "1s", "key": harness.Object{"headers": []string{"X-Part"}}}))
	}
	for _, x := range sites {
		x.live(t, "", "")
	}
	var all sync.WaitGroup
	for n, x := range sites {
		all.Go(func() {
			for i := range each {
				how := []string{"fresh", "500", "slow", "plain"}[i%4]
				r := s.call.Get(s.c.Edges[(n+i)%2].Addr(), x.host, fmt.Sprintf("/m/%s/%d", how, i%7), "", "X-Part", fmt.Sprint(i%3))
				if r.Err != nil || r.Code != "" || !strings.HasPrefix(r.Body, x.name+" ") {
					t.Errorf("%s is answered %d %s %q %v", x.name, r.Status, r.Code, r.Body, r.Err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, x := range sites[:2] {
		x.put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.backend.url}}})
	}
}

func copies(t *testing.T, s *sharing) {
	other := newTalker(t)
	x := s.a
	x.put("upstreams/copy", harness.Object{"targets": []harness.Object{{"url": other.url}}})
	x.route("copied", nil, policy("mirror", harness.Object{"upstream": "copy"}))
	x.route("asked", nil, policy("ext_auth", harness.Object{"url": other.url + "/asked/plain", "send_headers": []string{"X-Shown"}}))
	x.live(t, "", "")
	for _, path := range []string{"/copied/plain", "/asked/plain"} {
		other.forget()
		x.get(path, "Authorization", "Bearer canary-token", "Cookie", "sid=canary-cookie", "X-Shown", "yes")
		var got []*heard
		if err := harness.Until(t.Context(), 5*time.Second, func() error {
			if got = append(got, other.take()...); len(got) == 0 {
				return fmt.Errorf("nothing came for %s", path)
			}
			return nil
		}); err != nil {
			t.Error(err)
			continue
		}
		for name, v := range got[0].header {
			if strings.Contains(strings.Join(v, ","), "canary") {
				t.Errorf("%s: the other side got %s", path, name)
			}
		}
	}
}

func longVerdict(t *testing.T, s *sharing) {
	long := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		for range 4 << 10 {
			if _, err := w.Write(make([]byte, 16<<10)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(long.Close)
	x := s.a
	x.route("long", nil, policy("ext_auth", harness.Object{"url": long.URL + "/", "on_failure": "allow"}))
	x.live(t, "", "")
	s.backend.forget()
	r := x.get("/long/plain")
	if r.Status == 200 || len(r.Body) > 64<<10 {
		t.Errorf("%d with %d bytes", r.Status, len(r.Body))
	}
	if n := len(s.backend.take()); n > 0 {
		t.Error("who was refused at length is let in")
	}
}

func operatorsPort(t *testing.T, s *sharing) {
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/healthz", "/readyz", "/admin"} {
		for _, host := range []string{s.a.host, "localhost", "127.0.0.1"} {
			r := s.call.Get(s.c.Edges[0].Addr(), host, path, "")
			if r.Status == 200 || strings.Contains(r.Body, "tollgate_edge_") || strings.Contains(r.Body, "goroutine") {
				t.Errorf("%s of %s: %d %.100s", path, host, r.Status, r.Body)
			}
		}
	}
}
