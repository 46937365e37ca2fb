package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	upstreamBody = map[string]any{"name": "u", "algorithm": "round_robin", "targets": []map[string]any{{"url": "http://127.0.0.1:9001", "weight": 3}, {"url": "http://127.0.0.1:9002"}}}
	routeBody    = map[string]any{"name": "r", "match": map[string]any{"path": "/orders/{id}", "methods": []string{"GET"}}, "upstream": "u", "policies": []map[string]any{{"type": "api_key", "config": map[string]any{}}}, "timeout": "5s"}
)

// demo makes a gateway with an upstream, a route, a plan and a consumer.
func (c *caller) demo(name string) string {
	c.e.t.Helper()
	id := c.post("/v1/gateways", map[string]any{"name": name}).want(201).str("id")
	g := "/v1/gateways/" + id
	c.post(g+"/upstreams", upstreamBody).want(201)
	c.post(g+"/routes", routeBody).want(201)
	c.post(g+"/usage-plans", map[string]any{"name": "p", "rate_limit": map[string]any{"rate": 10, "per": "second", "burst": 20}, "quota": map[string]any{"limit": 1000, "period": "day"}}).want(201)
	c.post(g+"/consumers", map[string]any{"name": "c", "usage_plan": "p", "metadata": map[string]any{"team": "blue", "n": 12345678901234567}}).want(201)
	return g
}

func TestGatewayLifecycle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		a := ada.post("/v1/gateways", map[string]any{"name": "demo", "log_sample": 0.25}).want(201)
		if a.str("hostname") != "demo.localhost" || a.header.Get("Tollgate-Version") != "1" || a.at("log_sample") != 0.25 {
			t.Fatalf("gateway is %s", a.body)
		}
		ada.post("/v1/gateways", map[string]any{"name": "demo"}).wantCode(409, "name_taken")
		other := e.signup("bob").post("/v1/gateways", map[string]any{"name": "demo"}).want(201)
		if h := other.str("hostname"); h == "demo.localhost" || !strings.HasPrefix(h, "demo-") {
			t.Fatalf("another organization's host is %s", h)
		}
		tag := ada.get("/v1/gateways/demo").want(200).etag()
		b := ada.with("If-Match", tag).put("/v1/gateways/demo", map[string]any{"name": "production", "server_timing": true}).want(200)
		if b.str("hostname") != "demo.localhost" || b.header.Get("Tollgate-Version") != "2" {
			t.Fatalf("renamed gateway is %s", b.body)
		}
		ada.with("If-Match", tag).put("/v1/gateways/production", map[string]any{"name": "x"}).wantCode(412, "precondition_failed")
		ada.put("/v1/gateways/production", map[string]any{"name": "production", "mode": "test"}).wantFields("/mode")
		ada.with("If-Match", tag).delete("/v1/gateways/production").want(412)
		ada.delete("/v1/gateways/production").want(204)
		ada.get("/v1/gateways/production").wantCode(404, "not_found")
	})
}

func TestConfigurationParts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		r := ada.get(g + "/routes/r").want(200)
		if r.str("timeout") != "5s" || r.str("upstream") != "u" || r.str("id") == "" {
			t.Fatalf("route is %s", r.body)
		}
		ada.post(g+"/routes", routeBody).wantCode(409, "name_taken")
		ada.put(g+"/routes/new", map[string]any{"match": map[string]any{"path": "/new"}, "upstream": "u", "public": true}).want(201)
		ada.put(g+"/routes/new", map[string]any{"match": map[string]any{"path": "/new/*"}, "upstream": "u", "public": true}).want(200)
		ada.with("If-Match", r.etag()).put(g+"/routes/r", map[string]any{"match": map[string]any{"path": "/o"}, "upstream": "u", "public": true}).want(200)
		ada.with("If-Match", r.etag()).delete(g+"/routes/r").wantCode(412, "precondition_failed")
		ada.delete(g+"/upstreams/u").wantCode(409, "in_use")
		version := ada.delete(g + "/routes/new").want(204).header.Get("Tollgate-Version")
		if version == "" {
			t.Fatal("a deletion tells no version")
		}
		// Every bad field is named at once, with its pointer.
		ada.put(g+"/routes/bad", map[string]any{"match": map[string]any{"path": "no slash", "method": []string{"GET"}}, "timeout": "soon", "priority": "high"}).
			wantFields("/match/method", "/timeout", "/priority")
		ada.put(g+"/routes/bad", map[string]any{"match": map[string]any{"path": "no slash"}, "upstream": "nobody", "public": true}).
			wantFields("/match/path", "/upstream")
		ada.put(g+"/routes/bad", map[string]any{"match": map[string]any{"path": "/x"}, "upstream": "u", "public": true, "timeout": "99999999999h"}).wantFields("/timeout")
		ada.put(g+"/upstreams/bad", map[string]any{"targets": []map[string]any{{"url": "ftp://x"}, {"url": "http://user:pw@example.com"}}}).
			wantFields("/targets/0/url", "/targets/1/url")

		ada.put(g+"/policies", map[string]any{"items": []map[string]any{{"type": "ip_filter", "config": map[string]any{"allow": []string{"10.0.0.0/8"}}}}}).want(200)
		if n := len(ada.get(g + "/policies").want(200).list("items")); n != 1 {
			t.Fatalf("%d policies, want 1", n)
		}
		ada.put(g+"/policies", map[string]any{"items": []map[string]any{{"type": "no_such"}}}).want(422)

		ada.put(g+"/secrets/s", map[string]any{"value": "hush"}).want(201)
		sec := ada.put(g+"/secrets/s", map[string]any{"value": "hush hush"}).want(200)
		if strings.Contains(string(sec.body), "hush") || strings.Contains(string(ada.get(g+"/secrets/s").want(200).body), "hush") {
			t.Fatal("a secret's value is shown")
		}
		tag := sec.header.Get("ETag")
		ada.with("If-None-Match", "*").put(g+"/secrets/s", map[string]any{"value": "hush"}).wantCode(412, "precondition_failed")
		if now := ada.get(g + "/secrets/s").want(200).header.Get("ETag"); now != tag {
			t.Errorf("a secret that was to be made is at %s, was at %s", now, tag)
		}
		ada.with("If-None-Match", "*").put(g+"/secrets/s", map[string]any{"value": "hush hush"}).want(200)
		ada.with("If-None-Match", `"1"`).put(g+"/secrets/s", map[string]any{"value": "hush hush"}).wantFields("/If-None-Match")
		ada.delete(g + "/secrets/s").want(204)
		ada.with("If-None-Match", "*").put(g+"/secrets/s", map[string]any{"value": "hush"}).want(201)
		ada.delete(g + "/secrets/s").want(204)

		c := ada.get(g + "/consumers/c").want(200)
		if !strings.Contains(string(c.body), "12345678901234567") {
			t.Fatalf("a consumer's metadata lost digits: %s", c.body)
		}
		ada.delete(g+"/usage-plans/p").wantCode(409, "in_use")
	})
}

func TestWholeConfiguration(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		a := ada.get(g + "/config").want(200)
		first := a.header.Get("Tollgate-Version")
		config := a.at().(map[string]any)
		route := map[string]any{"name": "extra", "match": map[string]any{"path": "/extra"}, "upstream": "u", "public": true}
		config["routes"] = append(config["routes"].([]any), route)
		diff := ada.post(g+"/config/diff", config).want(200)
		if l := diff.list("changes"); len(l) != 1 || l[0].(map[string]any)["verb"] != "create" {
			t.Fatalf("diff is %s", diff.body)
		}
		b := ada.with("If-Match", a.etag()).put(g+"/config", config).want(200)
		ada.with("If-Match", a.etag()).put(g+"/config", config).wantCode(412, "precondition_failed")
		ada.get(g + "/routes/extra").want(200)
		// All or nothing.
		bad := map[string]any{"upstreams": config["upstreams"], "routes": []any{route, map[string]any{"name": "broken", "match": map[string]any{"path": "/b"}, "upstream": "gone", "public": true}}}
		ada.put(g+"/config", bad).wantFields("/routes/1/upstream")
		ada.get(g + "/routes/r").want(200)
		if got := ada.get(g + "/config").want(200).header.Get("Tollgate-Version"); got != b.header.Get("Tollgate-Version") {
			t.Fatalf("a refused document made version %s", got)
		}
		list := ada.get(g + "/versions").want(200).list("items")
		if len(list) < 5 || list[0].(map[string]any)["author"].(map[string]any)["name"] != "signup" {
			t.Fatalf("versions are %v", list)
		}
		v := ada.get(g + "/versions/" + first).want(200)
		if len(v.at("config").(map[string]any)["routes"].([]any)) != 1 {
			t.Fatalf("version %s is %s", first, v.body)
		}
		ada.post(g+"/versions/"+first+"/restore", nil).want(200)
		ada.get(g + "/routes/extra").want(404)
		ada.get(g+"/versions/99999").wantCode(404, "not_found")
		live := ada.get(g + "/live?wait=10ms").want(200)
		if live.at("live") != false {
			t.Fatalf("live without any edge: %s", live.body)
		}
		ada.get(g + "/live?wait=2h").wantFields("/wait")
		ada.get(g + "/health").want(200)
		ada.get(g + "/usage?interval=hour&group_by=route").want(200)
		ada.get(g+"/usage?interval=year&from=x&limit=0").wantFields("/interval", "/from", "/limit")
		ada.get(g + "/logs").want(200)
		ada.get(g+"/requests/0123456789abcdef").wantCode(404, "not_found")
		ada.post(g+"/explain", map[string]any{"url": "/orders/1"}).wantCode(503, "unavailable") // no edge lives
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		a := ada.post(g+"/keys", map[string]any{"consumer": "c", "name": "ci", "scopes": []string{"read", "write"}}).want(201)
		if !strings.HasPrefix(a.str("key"), a.str("prefix")+"_") || a.str("state") != "active" {
			t.Fatalf("key is %s", a.body)
		}
		key := g + "/keys/" + a.str("id")
		if b := ada.get(key).want(200); b.at("key") != nil || len(b.list("scopes")) != 2 {
			t.Fatalf("key is shown as %s", b.body)
		}
		ada.post(g+"/keys", map[string]any{"consumer": "nobody", "usage_plan": "none"}).wantFields("/consumer", "/usage_plan")
		tag := ada.get(key).want(200).etag()
		ada.with("If-Match", tag).put(key, map[string]any{"name": "ci2"}).want(200)
		ada.with("If-Match", tag).put(key, map[string]any{"name": "ci3"}).want(412)
		r := ada.post(key+"/rotate", map[string]any{"overlap": "1h"}).want(201)
		if r.str("replaces", "id") != a.str("id") || r.str("key") == "" || r.str("id") == a.str("id") {
			t.Fatalf("rotation is %s", r.body)
		}
		if old := ada.get(key).want(200); old.str("rotated_to") != r.str("id") || old.str("expires_at") == "" {
			t.Fatalf("the old key is %s", old.body)
		}
		ada.post(key+"/rotate", map[string]any{"overlap": "never"}).wantFields("/overlap")
		receipt := ada.post(key+"/revoke?wait=10ms", nil).want(200)
		if receipt.str("revoked_at") == "" {
			t.Fatalf("receipt is %s", receipt.body)
		}
		ada.post(key+"/revoke", nil).want(200) // again
		if s := ada.get(key).want(200).str("state"); s != "revoked" {
			t.Fatalf("the key is %s", s)
		}
		ada.get(g+"/keys/key_0000000000").wantCode(404, "not_found")
		ada.get(g+"/keys/nonsense").wantCode(404, "not_found")
	})
}

func TestPaging(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		for i := range 7 {
			ada.put(fmt.Sprintf("%s/consumers/c%d", g, i), map[string]any{}).want(201)
		}
		seen := map[string]bool{}
		path := g + "/consumers?limit=3"
		for pages := 0; ; pages++ {
			a := ada.get(path).want(200)
			for _, it := range a.list("items") {
				name := it.(map[string]any)["name"].(string)
				if seen[name] {
					t.Fatalf("%s is on two pages", name)
				}
				seen[name] = true
			}
			next := a.str("next_cursor")
			if next == "" {
				break
			}
			path = g + "/consumers?limit=3&cursor=" + next
			if pages > 5 {
				t.Fatal("the list does not end")
			}
		}
		if len(seen) != 8 {
			t.Fatalf("%d consumers, want 8", len(seen))
		}
		ada.get(g + "/consumers?limit=0&cursor=%21").wantFields("/limit")
		ada.get(g + "/consumers?cursor=%21").wantFields("/cursor")
		ada.get(g + "/consumers?limit=1&limit=2").want(422)
		ada.get(g + "/consumers?limt=1").wantFields("/limt")
	})
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		once := ada.with("Idempotency-Key", "job-1")
		a := once.post(g+"/keys", map[string]any{"consumer": "c"}).want(201)
		b := once.post(g+"/keys", map[string]any{"consumer": "c"}).want(201)
		if b.str("id") != a.str("id") || b.at("key") != nil || a.str("key") == "" || b.header.Get("Idempotent-Replayed") != "true" {
			t.Fatalf("first %s\nreplay %s", a.body, b.body)
		}
		once.post(g+"/keys", map[string]any{"consumer": "c", "name": "other"}).wantFields("/Idempotency-Key")
		// Another caller's key of the same name is another key.
		reader := &caller{e: e, token: ada.post("/v1/tokens", map[string]any{"name": "t", "scopes": []string{"*"}}).want(201).str("token")}
		if c := reader.with("Idempotency-Key", "job-1").post(g+"/keys", map[string]any{"consumer": "c"}).want(201); c.str("id") == a.str("id") {
			t.Fatal("two callers share a key")
		}
		// A failure may be sent again.
		retry := ada.with("Idempotency-Key", "job-2")
		retry.post(g+"/keys", map[string]any{"consumer": "late"}).want(422)
		ada.put(g+"/consumers/late", map[string]any{}).want(201)
		retry.post(g+"/keys", map[string]any{"consumer": "late"}).want(201)
		// After 24 hours the key is free again.
		e.clock.advance(25 * time.Hour)
		if c := once.post(g+"/keys", map[string]any{"consumer": "c"}).want(201); c.str("id") == a.str("id") || c.str("key") == "" {
			t.Fatalf("after a day: %s", c.body)
		}
		ada.with("Idempotency-Key", strings.Repeat("x", 300)).post(g+"/keys", map[string]any{"consumer": "c"}).wantFields("/Idempotency-Key")
	})
}

func TestIdempotencyUnderARace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		var mu sync.Mutex
		ids, secrets := map[string]bool{}, 0
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				a := ada.with("Idempotency-Key", "race").post(g+"/keys", map[string]any{"consumer": "c"})
				mu.Lock()
				defer mu.Unlock()
				switch a.status {
				case http.StatusCreated:
					ids[a.str("id")] = true
					if a.str("key") != "" {
						secrets++
					}
				case http.StatusConflict:
				default:
					t.Errorf("answered %d: %s", a.status, a.body)
				}
			})
		}
		all.Wait()
		if len(ids) != 1 || secrets != 1 {
			t.Fatalf("%d keys, shown %d times", len(ids), secrets)
		}
		if n := len(ada.get(g + "/keys").want(200).list("items")); n != 1 {
			t.Fatalf("%d keys were made", n)
		}
	})
}

func TestPlanLimits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		var all sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for i := range 10 {
			all.Go(func() {
				a := ada.post("/v1/gateways", map[string]any{"name": fmt.Sprintf("g%d", i)})
				mu.Lock()
				defer mu.Unlock()
				if a.status == 201 {
					made++
				} else {
					a.wantCode(403, "limit_reached")
				}
			})
		}
		all.Wait()
		if made != 3 {
			t.Fatalf("%d gateways on the free plan, want 3", made)
		}
	})
}
