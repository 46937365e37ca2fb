package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cache"
	"github.com/tollgate/tollgate/gateway-edge/policy/release"
	"github.com/tollgate/tollgate/services/contract"
)

// cached is an edge that caches before an origin of its own.
func cached(t testing.TB, config string, origin http.HandlerFunc) (*testEdge, *respcache.Store) {
	t.Helper()
	s := httptest.NewServer(origin)
	t.Cleanup(s.Close)
	store, err := respcache.New(respcache.Config{Max: 64 << 20, PerOrganization: 32 << 20, Now: clock.New().Boot})
	must(t, err)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&cache.Descriptor, named()}, cache: store, limits: engine.Limits{GatewayWaiters: 1}})
	g := plain(s.URL)
	g.Routes[0].Public, g.Routes[0].Policies = false, []contract.Policy{{Type: "named"}, {Type: "cache", Config: json.RawMessage(config)}}
	e.serve(g)
	return e, store
}

// TestCacheTwelve: two consumers, two languages, three pages, ten times each: the
// origin is asked once for each of the twelve.
func TestCacheTwelve(t *testing.T) {
	var asked atomic.Int64
	e, _ := cached(t, `{"key":{"headers":["Accept-Language"]}}`, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = fmt.Fprint(w, r.Header.Get("Tollgate-Consumer"), r.Header.Get("Accept-Language"), r.URL.Path)
	})
	for range 10 {
		for _, who := range []string{"a1", "a2"} {
			for _, language := range []string{"de", "en"} {
				for _, page := range []string{"/1", "/2", "/3"} {
					got := cacheAsk(t, e, page, "GET X-Caller: "+who+"|Accept-Language: "+language)
					if want := who + language + page; got.body != want {
						t.Fatalf("%q instead of %q", got.body, want)
					}
				}
			}
		}
	}
	if n := asked.Load(); n != 12 {
		t.Errorf("the origin was asked %d times, want 12", n)
	}
}

// TestCacheCollapse: of many requests at once for one address one reaches the
// origin; where the answer can't be shared each gets its own, at once.
func TestCacheCollapse(t *testing.T) {
	const clients = 200
	for _, c := range []struct {
		name, control string
		want          func(int64) bool
	}{
		{"shared", "max-age=60", func(n int64) bool { return n == 1 }},
		{"private", "private", func(n int64) bool { return n == clients }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int64
			e, _ := cached(t, `{}`, func(w http.ResponseWriter, _ *http.Request) {
				n := asked.Add(1)
				time.Sleep(100 * time.Millisecond)
				w.Header().Set("Cache-Control", c.control)
				_, _ = fmt.Fprintf(w, "answer %d", n)
			})
			var mu sync.Mutex
			seen := map[string]int{}
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					got := cacheAsk(t, e, "/x", "GET ")
					mu.Lock()
					defer mu.Unlock()
					seen[got.body]++
				})
			}
			wg.Wait()
			if n := asked.Load(); !c.want(n) || int64(len(seen)) != n {
				t.Errorf("the origin was asked %d times, %d different answers", n, len(seen))
			}
		})
	}
}

// TestCacheSlowLeader: a request that takes long holds others for collapse_wait
// only, and one whose client leaves is taken over by another.
func TestCacheSlowLeader(t *testing.T) {
	var asked atomic.Int64
	release := make(chan struct{})
	e, _ := cached(t, `{"collapse_wait":"300ms"}`, func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); n == 1 {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "done")
	})
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	defer close(release)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+e.addr+"/x", nil)
		r.Host = "demo.localhost"
		if resp, err := (&http.Transport{}).RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if got := cacheAsk(t, e, "/x", "GET "); got.body != "done" {
		t.Errorf("%s %q", got.status, got.body)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the origin was asked %d times, want 2", n)
	}
	leave()
	<-gone
}

// TestCacheRefresh: what is stale within its window is given at once, and one
// request in the background brings the new answer (RFC 5861 3).
func TestCacheRefresh(t *testing.T) {
	var asked atomic.Int64
	var forwarded atomic.Value
	e, _ := cached(t, `{}`, func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		forwarded.Store(r.Header.Clone())
		if n == 1 {
			w.Header().Set("Age", "9")
			w.Header().Set("Cache-Control", "max-age=1, stale-while-revalidate=60")
		} else {
			w.Header().Set("Cache-Control", "max-age=60")
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
		_, _ = fmt.Fprintf(w, "answer %d", n)
	})
	if got := cacheAsk(t, e, "/x?a=1", "GET X-Own: yes"); got.body != "answer 1" {
		t.Fatalf("%q", got.body)
	}
	if got := cacheAsk(t, e, "/x?a=1", "GET X-Own: yes"); got.body != "answer 1" {
		t.Errorf("%q: a stale answer was not given", got.body)
	}
	for range 500 {
		if got := cacheAsk(t, e, "/x?a=1", "GET X-Own: yes"); got.body == "answer 2" {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if got := cacheAsk(t, e, "/x?a=1", "GET "); got.body != "answer 2" || asked.Load() != 2 {
		t.Errorf("%q after %d requests to the origin", got.body, asked.Load())
	}
	h := forwarded.Load().(http.Header)
	if h.Get("If-None-Match") != `"1"` || h.Get("X-Own") != "yes" || h.Get("X-Forwarded-Host") != "demo.localhost" {
		t.Errorf("the origin got %v", h)
	}
}

// TestCacheStreams: a body of a length not known is stored while it passes, one
// that breaks off or is too long is not, and both reach the client as they come.
func TestCacheStreams(t *testing.T) {
	var asked atomic.Int64
	e, store := cached(t, `{"max_body":100000}`, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=60")
		n := map[string]int{"/fits": 9, "/long": 20, "/cut": 5}[r.URL.Path]
		for range n {
			_, _ = w.Write(make([]byte, 10_000))
			w.(http.Flusher).Flush()
		}
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
	})
	for path, c := range map[string]struct{ size, asked int }{"/fits": {90_000, 1}, "/long": {200_000, 2}} {
		asked.Store(0)
		for range 2 {
			if got := cacheAsk(t, e, path, "GET "); len(got.body) != c.size {
				t.Errorf("%s: %d bytes", path, len(got.body))
			}
		}
		if n := asked.Load(); n != int64(c.asked) {
			t.Errorf("%s: the origin was asked %d times, want %d", path, n, c.asked)
		}
	}
	r, _ := http.NewRequest("GET", "http://"+e.addr+"/cut", nil)
	r.Host = "demo.localhost"
	asked.Store(0)
	for range 2 {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		must(t, err)
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("an answer that broke off ended well")
		}
		resp.Body.Close()
	}
	if n := asked.Load(); n < 2 {
		t.Error("half an answer was stored")
	}
	for range 200 {
		if store.Stats().Filling == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d bytes stay reserved", store.Stats().Filling)
}

// TestCachePurge: purges remove what they name and nothing else, and keep out what
// was asked for before them.
func TestCachePurge(t *testing.T) {
	var asked atomic.Int64
	e, store := cached(t, `{}`, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Surrogate-Key", "all "+r.URL.Path[1:2])
		_, _ = io.WriteString(w, r.URL.Path)
	})
	fill := func() {
		for _, p := range []string{"/a/1", "/a/2", "/b/1?q=1"} {
			cacheAsk(t, e, p, "GET ")
		}
		asked.Store(0)
	}
	for _, c := range []struct {
		purge contract.Purge
		want  int64
	}{
		{contract.Purge{All: true}, 3},
		{contract.Purge{Tag: "all"}, 3},
		{contract.Purge{Tag: "a"}, 2},
		{contract.Purge{Tag: "c"}, 0},
		{contract.Purge{Prefix: "/a/"}, 2},
		{contract.Purge{Path: "/a/1"}, 1},
		{contract.Purge{Path: "/b/1"}, 0},
		{contract.Purge{Path: "/b/1?q=1"}, 1},
	} {
		fill()
		if n := store.Purge("gw_1", &c.purge); int64(n) != c.want {
			t.Errorf("%+v removed %d, want %d", c.purge, n, c.want)
		}
		for _, p := range []string{"/a/1", "/a/2", "/b/1?q=1"} {
			cacheAsk(t, e, p, "GET ")
		}
		if n := asked.Load(); n != c.want {
			t.Errorf("%+v: the origin was asked %d times, want %d", c.purge, n, c.want)
		}
	}
	if n := store.Purge("gw_2", &contract.Purge{All: true}); n != 0 {
		t.Errorf("another gateway's purge removed %d", n)
	}
}

// TestCacheRelease: what a canary answers is for those in the canary, stale as well
// as fresh, and the backend is asked as the route asks it.
func TestCacheRelease(t *testing.T) {
	version := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Age", "9")
			w.Header().Set("Cache-Control", "max-age=1, stale-while-revalidate=60")
			_, _ = io.WriteString(w, name+" for "+r.Host)
		}))
		t.Cleanup(s.Close)
		return s
	}
	store, err := respcache.New(respcache.Config{Max: 64 << 20, PerOrganization: 32 << 20, Now: clock.New().Boot})
	must(t, err)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&cache.Descriptor, &release.Descriptor}, cache: store})
	g := plain(version("stable").URL)
	g.Upstreams = append(g.Upstreams, contract.Upstream{Name: "v2", ID: "up_2", Num: 2, Targets: []contract.Target{{URL: version("canary").URL}}})
	g.Routes[0].PreserveHost = true
	g.Routes[0].Policies = []contract.Policy{
		{Type: "release", Config: json.RawMessage(`{"variants":[{"name":"canary","upstream":"v2","when":[{"header":"X-Canary","value":"1"}]}]}`)},
		{Type: "cache"},
	}
	e.serve(g)
	puts := func() int64 { return store.Stats().Puts }
	for i := range int64(4) {
		for who, want := range map[string]string{"1": "canary for demo.localhost", "0": "stable for demo.localhost"} {
			if got := cacheAsk(t, e, "/x", "GET X-Canary: "+who); got.body != want {
				t.Fatalf("round %d: %q, want %q", i, got.body, want)
			}
		}
		for tries := 0; tries < 500 && puts() < 2*(i+1); tries++ { // until both were refreshed
			time.Sleep(2 * time.Millisecond)
		}
		if puts() < 2*(i+1) {
			t.Fatalf("round %d: %d answers were stored", i, puts())
		}
	}
}
