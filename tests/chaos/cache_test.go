package chaos

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// cached is a site of which one route keeps answers, by consumer and language. It
// answers with the number of the call to the origin.
type cached struct {
	*harness.Cluster
	api    *harness.API
	host   string
	caller *harness.Caller
	asked  atomic.Int64
}

func newCached(t *testing.T, edges int) *cached {
	t.Helper()
	s := &cached{Cluster: harness.New(t, harness.Options{Edges: edges}), caller: harness.NewCaller(64)}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=600")
		w.Header().Set("Surrogate-Key", "all "+strings.Trim(r.URL.Path, "/")[:1])
		w.Header().Set("Vary", "Accept-Language")
		_, _ = fmt.Fprint(w, n)
	}))
	t.Cleanup(origin.Close)
	s.api = s.SignUp("cached")
	g := s.api.Must("POST", "/v1/gateways", harness.Object{"name": "cached"})
	s.host = g["hostname"].(string)
	put := func(path string, body harness.Object) { s.api.Must("PUT", "/v1/gateways/cached/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": origin.URL}}})
	put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "public": true, "policies": []harness.Object{{"type": "cache", "config": harness.Object{}}}})
	put("routes/mine", harness.Object{"match": harness.Object{"path": "/mine/*"}, "upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}, {"type": "cache", "config": harness.Object{}}}})
	s.api.WaitLive("cached")
	for _, e := range s.Edges {
		s.get(t, e, "/warm", "")
	}
	s.asked.Store(0)
	return s
}

func (s *cached) get(t *testing.T, e *harness.Edge, path, key string, headers ...string) string {
	t.Helper()
	r := s.caller.Get(e.Addr(), s.host, path, key, headers...)
	if r.Err != nil || r.Status != 200 {
		t.Fatalf("GET %s: %d %s %v", path, r.Status, r.Code, r.Err)
	}
	return r.Body
}

// TestCachePurge measures from the call that purges by path, tag or prefix to the
// moment from which no edge serves what it had: at most a second on both edges, which
// the receipt names.
func TestCachePurge(t *testing.T) {
	s := newCached(t, 2)
	for name, what := range map[string]harness.Object{
		"path": {"path": "/a/1"}, "tag": {"tag": "a"}, "prefix": {"prefix": "/a/"}, "all": {"all": true},
	} {
		t.Run(name, func(t *testing.T) {
			before := map[string]string{}
			for _, e := range s.Edges {
				before[e.ID] = s.get(t, e, "/a/1", "")
				s.get(t, e, "/b/1", "")
				if again := s.get(t, e, "/a/1", ""); again != before[e.ID] {
					t.Fatalf("%s keeps nothing: %s, then %s", e.ID, before[e.ID], again)
				}
			}
			began := time.Now()
			receipt := s.api.Must("POST", "/v1/gateways/cached/cache/purge", what)
			answered := time.Since(began)
			if edges := receipt["edges"].([]any); len(edges) != 2 || len(receipt["silent"].([]any)) != 0 {
				t.Errorf("the receipt says %v", receipt)
			}
			for _, e := range s.Edges {
				for s.get(t, e, "/a/1", "") == before[e.ID] && time.Since(began) < 5*time.Second {
					time.Sleep(time.Millisecond)
				}
			}
			took := time.Since(began)
			t.Logf("purge by %s: the receipt of 2 edges after %s, gone everywhere after %s (bar 1s)", name, answered.Round(time.Millisecond), took.Round(time.Millisecond))
			if took > time.Second {
				t.Errorf("it took %s, bar 1s", took)
			}
		})
	}
}

// TestCacheTwelve: two consumers, two languages, three pages, each requested ten times
// through a real edge, are twelve calls to the origin.
func TestCacheTwelve(t *testing.T) {
	s := newCached(t, 1)
	e := s.Edges[0]
	for _, consumer := range []string{"alice", "bob"} {
		s.api.Must("PUT", "/v1/gateways/cached/consumers/"+consumer, harness.Object{})
		_, key := s.api.Key("cached", consumer, nil)
		if err := harness.Until(t.Context(), 5*time.Second, func() error {
			if r := s.caller.Get(e.Addr(), s.host, "/mine/warm", key, "Cache-Control", "no-store"); r.Status != 200 {
				return fmt.Errorf("%d %s", r.Status, r.Code)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		asked := s.asked.Load()
		seen := map[string]bool{}
		for range 10 {
			for _, language := range []string{"de", "en"} {
				for page := range 3 {
					seen[s.get(t, e, fmt.Sprintf("/mine/%d", page), key, "Accept-Language", language)] = true
				}
			}
		}
		if n := s.asked.Load() - asked; n != 6 || len(seen) != 6 {
			t.Errorf("%s: the origin was asked %d times for 60 requests, %d different answers; want 6", consumer, n, len(seen))
		}
	}
}

// TestCacheTenThousand: ten thousand misses at once for one address, over HTTP/2, are
// one call to the origin, and nobody is refused for waiting.
func TestCacheTenThousand(t *testing.T) {
	const clients = 10_000
	s := newCached(t, 1)
	hold := make(chan struct{})
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-hold
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = fmt.Fprint(w, "it")
	}))
	t.Cleanup(origin.Close)
	put := func(path string, body harness.Object) { s.api.Must("PUT", "/v1/gateways/cached/"+path, body) }
	put("upstreams/slow", harness.Object{"targets": []harness.Object{{"url": origin.URL}}})
	put("routes/slow", harness.Object{
		"match": harness.Object{"path": "/slow"}, "upstream": "slow", "public": true,
		"policies": []harness.Object{{"type": "cache", "config": harness.Object{"collapse_wait": "9s"}}},
	})
	s.api.WaitLive("cached")
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	e := s.Edges[0]
	tr := &http.Transport{Protocols: p}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 30 * time.Second}
	rss := func() int64 { return e.RSS(t) >> 20 }
	before := rss()
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			r, _ := http.NewRequest("GET", "http://"+e.Addr()+"/slow", nil)
			r.Host = s.host
			resp, err := client.Do(r)
			what := ""
			if err != nil {
				what = err.Error()
			} else {
				b, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				what = resp.Status + " " + string(b)
			}
			mu.Lock()
			defer mu.Unlock()
			got[what]++
		})
		if i%100 == 99 {
			time.Sleep(20 * time.Millisecond) // what is asked at once is no more than the machine can take in
		}
	}
	sent := time.Since(began)
	time.Sleep(time.Second)
	during := rss()
	close(hold)
	all.Wait()
	t.Logf("%d misses within %v, %d calls to the origin, all answered after %v; the edge grew from %d to %d MiB", clients, sent.Round(time.Millisecond), asked.Load(), time.Since(began).Round(time.Millisecond), before, during)
	if asked.Load() != 1 || got["200 OK it"] != clients {
		t.Errorf("%d calls to the origin, and the clients got %v", asked.Load(), got)
	}
}
