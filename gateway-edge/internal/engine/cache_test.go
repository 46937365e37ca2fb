package engine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cache"
	"github.com/tollgate/tollgate/services/contract"
)

// cacheCase is a list of requests for one address. Each step reads
//
//	METHOD fields => answer of the origin => what must come
//
// Fields are separated by "|". The origin's answer is a status and fields; its body
// is "body N" for the N-th request that it got, 16 bytes by padding. What must come
// is "ask" or "hit" (was the origin asked?), the status, "#N" (whose body), and
// fields: "Name: value", or "-Name" for one that must not be there. "{now}", "{past}"
// and "{future}" are dates.
type cacheCase struct {
	name, config string
	steps        []string
}

// stores is a case of two equal requests: the second one is a hit or not.
func stores(name, config, answer string, hit bool) cacheCase {
	want := "ask 200 #2"
	if hit {
		want = "hit 200 #1"
	}
	status, _, _ := strings.Cut(answer, "|")
	want = strings.Replace(want, "200", status, 1)
	return cacheCase{name, config, []string{"GET => " + answer + " => ask " + status + " #1", "GET => " + answer + " => " + want}}
}

// cacheOrigin answers by the script of each address.
type cacheOrigin struct {
	*httptest.Server
	mu     sync.Mutex
	script map[string][]string // guarded by mu: answers by path
	asked  map[string]int
	last   map[string]http.Header
}

func newCacheOrigin(t *testing.T) *cacheOrigin {
	o := &cacheOrigin{script: map[string][]string{}, asked: map[string]int{}, last: map[string]http.Header{}}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *cacheOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	path := r.URL.Path
	o.asked[path]++
	n := o.asked[path]
	o.last[path] = r.Header.Clone()
	answer := "200"
	if s := o.script[path]; len(s) > 0 {
		answer = s[0]
	}
	o.mu.Unlock()
	parts := strings.Split(dates(answer), "|")
	var status int
	_, _ = fmt.Sscan(parts[0], &status)
	w.Header()["Date"] = nil
	for _, f := range parts[1:] {
		name, value, _ := strings.Cut(f, ": ")
		w.Header().Add(name, value)
	}
	if w.Header().Get("Date") == "" {
		w.Header().Set("Date", dates("{now}"))
	}
	if w.Header().Get("Date") == "none" {
		w.Header()["Date"] = nil
	}
	if status == 0 {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	w.WriteHeader(status)
	if status != 204 && status != 304 && r.Method != "HEAD" {
		_, _ = fmt.Fprintf(w, "body %-11d", n)
	}
}

func dates(s string) string {
	for word, d := range map[string]time.Duration{"{now}": 0, "{past}": -time.Hour, "{future}": time.Hour, "{long ago}": -240 * time.Hour} {
		s = strings.ReplaceAll(s, word, time.Now().Add(d).UTC().Format(http.TimeFormat))
	}
	return s
}

// named makes a principal of the field X-Caller, for cases about callers.
func named() *policy.Descriptor {
	return &policy.Descriptor{Type: "named", Phase: policy.PhaseAuthenticate, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) {
		return namer{}, nil
	}}
}

type namer struct{}

func (namer) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	n, _ := policy.HeaderName("X-Caller")
	if v, ok := x.Request().Header.Get(n); ok {
		who := &policy.Principal{Kind: policy.KindToken, ConsumerName: v.Clone(), Claims: map[string]any{"team": v.Slice(0, 1).Clone()}}
		if !v.HasPrefix("nobody") {
			who.Consumer = uint64(v.At(v.Len() - 1))
		}
		x.SetPrincipal(who)
	}
	return x.Next()
}

// cacheEdge is an edge with a cache before an origin; each configuration has a
// route of its own.
func cacheEdge(t *testing.T, cases []cacheCase) (*testEdge, *cacheOrigin, map[string]string) {
	o := newCacheOrigin(t)
	store, err := respcache.New(respcache.Config{Max: 64 << 20, PerOrganization: 64 << 20, Now: func() int64 { return 0 }})
	must(t, err)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&cache.Descriptor, named()}, cache: store})
	g := plain(o.URL)
	g.Routes = nil
	routes := map[string]string{}
	for _, c := range cases {
		config := cmp.Or(c.config, "{}")
		if routes[config] != "" {
			continue
		}
		n := len(routes) + 1
		routes[config] = fmt.Sprintf("/r%d", n)
		g.Routes = append(g.Routes, contract.Route{
			Name: fmt.Sprintf("r%d", n), ID: fmt.Sprintf("rt_%d", n), Num: uint64(n), Match: contract.Match{Path: routes[config] + "/*"}, Upstream: "up",
			Policies: []contract.Policy{{Type: "named"}, {Type: "cache", Config: json.RawMessage(config)}},
		})
	}
	e.serve(g)
	return e, o, routes
}

// runCache runs cases through the engine.
func runCache(t *testing.T, cases []cacheCase) {
	e, o, routes := cacheEdge(t, cases)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := fmt.Sprintf("%s/%d", routes[cmp.Or(c.config, "{}")], i)
			for n, s := range c.steps {
				part := strings.Split(s, " => ")
				if len(part) != 3 {
					t.Fatalf("step %d is malformed", n+1)
				}
				o.mu.Lock()
				before := o.asked[path]
				o.script[path] = []string{part[1]}
				o.mu.Unlock()
				got := cacheAsk(t, e, path, part[0])
				o.mu.Lock()
				asked := o.asked[path] - before
				sent := o.last[path]
				o.mu.Unlock()
				for _, p := range cacheWant(got, min(asked, most(part[1])), sent, dates(part[2])) {
					t.Errorf("step %d, %s: %s (%s; %s)", n+1, s, p, got.status, got.header.Get("Cache-Status"))
				}
			}
		})
	}
}

type cacheAnswer struct {
	status string
	header http.Header
	body   string
}

// cacheAsk sends one request: "METHOD?query field|field".
func cacheAsk(t *testing.T, e *testEdge, path, request string) cacheAnswer {
	method, fields, _ := strings.Cut(strings.TrimSpace(request), " ")
	method, query, _ := strings.Cut(method, "?")
	if query != "" {
		query = "?" + query
	}
	r, err := http.NewRequest(method, "http://"+e.addr+path+query, nil)
	must(t, err)
	r.Host = "demo.localhost"
	if fields != "" {
		for _, f := range strings.Split(dates(fields), "|") {
			name, value, _ := strings.Cut(f, ": ")
			r.Header.Add(name, value)
		}
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	resp, err := tr.RoundTrip(r)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return cacheAnswer{resp.Status[:3], resp.Header, string(b)}
}

// most is how often an origin is asked at once: again where it gave no answer.
func most(answer string) int {
	if answer == "0" {
		return 1
	}
	return 2
}

// cacheWant says what is wrong with an answer.
func cacheWant(got cacheAnswer, asked int, sent http.Header, want string) (wrong []string) {
	parts := strings.Split(want, "|")
	words := strings.Fields(parts[0])
	if ask := words[0] == "ask"; ask != (asked > 0) || asked > 1 {
		wrong = append(wrong, fmt.Sprintf("the origin was asked %d times", asked))
	}
	if got.status != words[1] {
		wrong = append(wrong, "status "+got.status)
	}
	if len(words) > 2 && !strings.HasPrefix(got.body, fmt.Sprintf("body %-11s", words[2][1:])) {
		wrong = append(wrong, fmt.Sprintf("body %q", got.body))
	}
	for _, f := range parts[1:] {
		name, value, _ := strings.Cut(f, ": ")
		switch {
		case strings.HasPrefix(name, "-"):
			if v := got.header.Get(name[1:]); v != "" {
				wrong = append(wrong, name[1:]+" is "+v)
			}
		case strings.HasPrefix(name, ">"):
			if v := sent.Get(name[1:]); v != value {
				wrong = append(wrong, "the origin got "+name[1:]+": "+v)
			}
		case name == "body":
			if got.body != value {
				wrong = append(wrong, fmt.Sprintf("body %q", got.body))
			}
		case strings.HasSuffix(value, "*"):
			if v := strings.Join(got.header.Values(name), ", "); !strings.HasPrefix(v, strings.TrimSuffix(value, "*")) {
				wrong = append(wrong, name+" is "+v)
			}
		default:
			if v := strings.Join(got.header.Values(name), ", "); v != value {
				wrong = append(wrong, name+" is "+v)
			}
		}
	}
	return wrong
}
