package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// billed is what is billed of a route.
func (x *tenantSite) billed(route string) int64 {
	q := url.Values{
		"group_by": {"route"}, "interval": {"hour"}, "limit": {"200"},
		"from": {time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)}, "to": {time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
	}
	series, _ := x.api.Must("GET", "/v1/gateways/"+x.name+"/usage?"+q.Encode(), nil)["series"].([]any)
	var n int64
	for _, e := range series {
		g, _ := e.(map[string]any)
		points, _ := g["points"].([]any)
		for _, p := range points {
			if b, _ := p.(map[string]any)["billed"].(float64); g["name"] == route {
				n += int64(b)
			}
		}
	}
	return n
}

// settles waits until so much is billed of a route, and sees that it stays so.
func (x *tenantSite) settles(t *testing.T, route string, want int64) {
	t.Helper()
	if err := harness.Until(t.Context(), 20*time.Second, func() error {
		if n := x.billed(route); n != want {
			return fmt.Errorf("%d of %s are billed, want %d", n, route, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
		return
	}
	time.Sleep(1500 * time.Millisecond)
	if n := x.billed(route); n != want {
		t.Errorf("%d of %s are billed a moment later, want %d", n, route, want)
	}
}

func writtenOtherwise(t *testing.T, s *sharing) {
	x := s.a
	x.route("w", nil, policy("api_key", harness.Object{}), policy("quota", harness.Object{"limit": 20, "period": "day", "by": "key", "scope": "global"}))
	x.put("consumers/writer", harness.Object{})
	_, key := x.api.Key(x.name, "writer", nil)
	x.live(t, "/w/plain", key) // one of the twenty
	good := 1
	addr := s.c.Edges[0].Addr()
	for range 8 {
		for _, c := range []struct{ host, path string }{
			{x.host, "/w/plain"},
			{strings.ToUpper(x.host), "/w/plain"},
			{x.host + ".", "/w/plain"},
			{x.host + ":8000", "/w/plain"},
			{x.host, "//w/plain"},
			{x.host, "/./w/plain"},
			{x.host, "/w/%70lain"},
			{x.host, "/w/plain?x=1"},
		} {
			if r := s.call.Get(addr, c.host, c.path, key); r.Status == 200 {
				good++
			}
		}
	}
	if good != 20 {
		t.Errorf("%d requests passed a quota of 20", good)
	}
}

func manyKeys(t *testing.T, s *sharing) {
	x := s.a
	x.put("usage-plans/five", harness.Object{"quota": harness.Object{"limit": 50, "period": "day"}})
	x.route("minted", nil, policy("api_key", harness.Object{}))
	x.put("consumers/minter", harness.Object{"usage_plan": "five"})
	var keys []string
	for range 100 {
		_, key := x.api.Key(x.name, "minter", nil)
		keys = append(keys, key)
	}
	x.live(t, "/minted/plain", keys[99])
	good := 1
	for _, key := range keys {
		if r := s.call.Get(s.c.Edges[0].Addr(), x.host, "/minted/plain", key); r.Status == 200 {
			good++
		}
	}
	if good != 50 {
		t.Errorf("100 keys of a consumer had %d requests of a quota of 50", good)
	}
}

func billedKinds(t *testing.T, s *sharing) {
	x := s.a
	x.route("kinds", harness.Object{"abort_on_fin": true})
	x.route("patient", nil)
	x.route("mocked", nil, policy("mock", harness.Object{"status": 200}))
	x.live(t, "", "")
	want := int64(0)
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
		x.send(t, method, "/kinds/plain", nil)
		want++
	}
	x.get("/kinds/304")
	want++
	// A client that leaves before the backend answered is no unit where its end is
	// taken for a wish to stop; else the answer's head is written, which is one.
	for _, route := range []string{"kinds", "patient"} {
		hold := make(chan struct{})
		s.backend.hold.Store(&hold)
		ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
		s.call.Send(ctx, "GET", s.c.Edges[0].Addr(), x.host, "/"+route+"/held", "", nil)
		leave()
		time.Sleep(200 * time.Millisecond)
		close(hold)
	}
	s.backend.hold.Store(nil)
	x.get("/mocked/x")
	x.settles(t, "kinds", want)
	x.settles(t, "patient", 1)
	x.settles(t, "mocked", 0)
}

func whoseError(t *testing.T, s *sharing) {
	x := s.a
	x.put("upstreams/gone", harness.Object{"targets": []harness.Object{{"url": "http://127.0.0.1:18099"}}})
	x.route("theirs", nil)
	x.route("edges", harness.Object{"upstream": "gone"})
	x.live(t, "", "")
	for range 5 {
		if r := x.get("/theirs/503"); r.Status != 503 || r.Code != "" {
			t.Fatalf("%d %s", r.Status, r.Code)
		}
		if r := x.get("/edges/plain"); r.Status < 500 || r.Code == "" {
			t.Fatalf("%d %s", r.Status, r.Code)
		}
	}
	x.settles(t, "theirs", 5)
	x.settles(t, "edges", 0)
}

func atOnce(t *testing.T, s *sharing) {
	const limit = 6
	x := s.a
	x.route("once", nil, policy("api_key", harness.Object{}), policy("concurrency", harness.Object{"limit": limit, "by": "key", "scope": "global"}))
	x.put("consumers/burst", harness.Object{})
	_, key := x.api.Key(x.name, "burst", nil)
	x.live(t, "/once/plain", key)
	x.known(t, s.c.Edges[1], "/once/plain", key)
	s.backend.most.Store(0)
	var all sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for i := range 60 {
		all.Go(func() {
			r := s.call.Get(s.c.Edges[i%2].Addr(), x.host, "/once/slow", key)
			mu.Lock()
			codes[fmt.Sprint(r.Status, " ", r.Code)]++
			mu.Unlock()
		})
	}
	all.Wait()
	if most := s.backend.most.Load(); most > limit {
		t.Errorf("%d at once, the limit is %d", most, limit)
	}
	if codes["200 "] == 0 || codes["200 "]+codes["429 concurrency_exceeded"] != 60 {
		t.Errorf("answers %v", codes)
	}
}

func clientsCost(t *testing.T, s *sharing) {
	x := s.a
	x.route("cost", nil, policy("rate_limit", harness.Object{"rate": 5, "per": "hour", "burst": 5, "by": "route", "scope": "edge"}))
	x.live(t, "", "")
	good := 0
	for i := range 30 {
		name := []string{"X-Cost", "Tollgate-Cost", "RateLimit-Cost"}[i%3]
		if r := x.get("/cost/plain", name, []string{"0", "-5", "1e-9"}[i/10]); r.Status == 200 {
			good++
		}
	}
	if good != 5 {
		t.Errorf("%d requests passed a limit of 5", good)
	}
}

func floodAtTheDoor(t *testing.T, s *sharing) {
	x := s.a
	x.route("door", nil, policy("api_key", harness.Object{}))
	x.route("narrow", nil, policy("rate_limit", harness.Object{"rate": 1, "per": "hour", "burst": 1, "by": "route", "scope": "edge"}))
	x.live(t, "", "")
	for range 100 {
		if r := x.get("/door/plain"); r.Status != 401 {
			t.Fatalf("%d", r.Status)
		}
		x.get("/narrow/plain")
		x.get("/nowhere")
	}
	x.settles(t, "door", 0)
	x.settles(t, "narrow", 1)
	x.settles(t, "", 0)
}

func retried(t *testing.T, s *sharing) {
	x := s.a
	x.put("upstreams/twice", harness.Object{"targets": []harness.Object{{"url": s.backend.url}}, "retries": harness.Object{"attempts": 3, "on": []string{"reset", "503"}}})
	x.route("again", harness.Object{"upstream": "twice"})
	x.live(t, "", "")
	s.backend.forget()
	if r := x.get("/again/once"); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Code)
	}
	if n := len(s.backend.take()); n < 2 {
		t.Fatalf("%d tries", n)
	}
	x.settles(t, "again", 1)
}

func extremes(t *testing.T, s *sharing) {
	x := s.a
	for _, n := range []string{"9007199254740993", "1125899906842624", "1125899906842625", "9223372036854775807", "9223372036854775808", "18446744073709551616", "-1", "1e3", "1.5"} {
		body := []byte(`{"quota":{"limit":` + n + `,"period":"day"}}`)
		r, err := x.api.Do("PUT", "/v1/gateways/"+x.name+"/usage-plans/extreme", body, "Content-Type", "application/json")
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Status >= 500:
			t.Errorf("%s: %d %s", n, r.Status, r.Body)
		case r.Status < 300:
			var got struct{ Quota struct{ Limit json.Number } }
			if err := json.Unmarshal(r.Body, &got); err != nil || got.Quota.Limit.String() != n && n != "1e3" {
				t.Errorf("%s became %s", n, got.Quota.Limit)
			}
		}
	}
}
