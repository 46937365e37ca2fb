package publish

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

func document() *contract.Gateway {
	return &contract.Gateway{
		Schema: contract.SchemaVersion, ID: "gw_1", Num: 1, Hosts: []string{"shop.localhost"}, Mode: contract.ModeLive,
		Upstreams:  []contract.Upstream{{Name: "backend", Targets: []contract.Target{{URL: "https://api.example.com"}}}},
		Routes:     []contract.Route{{Name: "a", Match: contract.Match{Path: "/a"}, Upstream: "backend", Public: true}},
		UsagePlans: []contract.UsagePlan{{Name: "gold", Quota: &contract.Quota{Limit: 10, Period: "day"}}},
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	policy := func(typ, config string) []contract.Policy {
		return []contract.Policy{{Type: typ, Config: json.RawMessage(config)}}
	}
	for name, c := range map[string]struct {
		edit func(*contract.Gateway)
		want []string // pointers, each at least once; none: it is fine
	}{
		"fine":             {func(*contract.Gateway) {}, nil},
		"private address":  {func(g *contract.Gateway) { g.Upstreams[0].Targets[0].URL = "http://127.0.0.1:9" }, []string{"/upstreams/0/targets/0/url"}},
		"metadata address": {func(g *contract.Gateway) { g.Upstreams[0].Targets[0].URL = "http://169.254.169.254" }, []string{"/upstreams/0/targets/0/url"}},
		"unknown upstream": {func(g *contract.Gateway) { g.Routes[0].Upstream = "bakend" }, []string{"/routes/0/upstream"}},
		"no upstream":      {func(g *contract.Gateway) { g.Routes[0].Upstream = "" }, []string{"/routes/0/upstream"}},
		"mock needs none": {func(g *contract.Gateway) {
			g.Routes[0].Upstream = ""
			g.Routes[0].Policies = policy("mock", `{"status":200,"body":"x"}`)
		}, nil},
		"not said to be public":   {func(g *contract.Gateway) { g.Routes[0].Public = false }, []string{"/routes/0/public"}},
		"authenticated":           {func(g *contract.Gateway) { g.Routes[0].Public = false; g.Policies = policy("api_key", `{}`) }, nil},
		"unknown policy":          {func(g *contract.Gateway) { g.Policies = policy("api_kee", `{}`) }, []string{"/policies/0/type"}},
		"unknown field of policy": {func(g *contract.Gateway) { g.Routes[0].Policies = policy("cors", `{"allow_origins":["*"],"orgins":1}`) }, []string{"/routes/0/policies/0/config/orgins"}},
		"conflict": {func(g *contract.Gateway) {
			g.Routes = append(g.Routes, contract.Route{Name: "b", Match: contract.Match{Path: "/a"}, Upstream: "backend", Public: true})
		}, []string{"/routes/0/match", "/routes/1/match"}},
		"usage plan": {func(g *contract.Gateway) {
			g.UsagePlans[0] = contract.UsagePlan{Name: "gold", RateLimit: &contract.Rate{Rate: 0, Per: "day", Burst: -1}, Quota: &contract.Quota{Period: "year"}, Concurrency: -1, Routes: []string{"a", "a", "none"}}
		}, []string{"/usage_plans/0/rate_limit/rate", "/usage_plans/0/rate_limit/per", "/usage_plans/0/rate_limit/burst", "/usage_plans/0/quota/limit", "/usage_plans/0/quota/period", "/usage_plans/0/concurrency", "/usage_plans/0/routes/1", "/usage_plans/0/routes/2"}},
		"route bounds": {func(g *contract.Gateway) {
			g.Routes[0].Priority, g.Routes[0].Timeout, g.Routes[0].MaxBodyBytes = 2_000_000, -1, -1
		}, []string{"/routes/0/priority", "/routes/0/timeout", "/routes/0/max_body_bytes"}},
		"WebSockets": {func(g *contract.Gateway) {
			g.Routes[0].WebSocket = &contract.WebSocket{MaxMessageBytes: 1 << 20, IdleTimeout: contract.Duration(time.Minute), Origins: []string{"https://*.example.com"}}
		}, nil},
		"bounds of WebSockets": {func(g *contract.Gateway) {
			g.Routes[0].WebSocket = &contract.WebSocket{MaxMessageBytes: -1, IdleTimeout: 1, MaxLifetime: contract.Duration(48 * time.Hour), Origins: []string{"https://a.example", "null"}}
		}, []string{"/routes/0/websocket/max_message_bytes", "/routes/0/websocket/idle_timeout", "/routes/0/websocket/max_lifetime", "/routes/0/websocket/origins/1"}},
		"WebSockets over HTTP/2 to the backend": {func(g *contract.Gateway) {
			g.Routes[0].WebSocket = &contract.WebSocket{}
			g.Upstreams[0].Protocol = "h2"
		}, []string{"/routes/0/websocket"}},
		"negative timeout of an upstream": {func(g *contract.Gateway) { g.Upstreams[0].Timeouts = &contract.Timeouts{Connect: -1} }, []string{"/upstreams/0/timeouts/connect"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := document()
			c.edit(doc)
			errs := (&Checker{Guard: match.Guard{}}).Check(doc)
			got := map[string]bool{}
			for _, e := range errs {
				got[e.Pointer] = true
			}
			for _, want := range c.want {
				if !got[want] {
					t.Errorf("nothing at %s in %v", want, errs)
				}
				delete(got, want)
			}
			if len(got) > 0 {
				t.Errorf("beside what was expected: %v", errs)
			}
		})
	}
}

// TestCheckTellsAnInheritedMistakeOnce: a bad policy of the gateway is one
// finding, however many routes inherit it.
func TestCheckTellsAnInheritedMistakeOnce(t *testing.T) {
	t.Parallel()
	doc := document()
	doc.Policies = []contract.Policy{{Type: "cors", Config: json.RawMessage(`{"nonsense":1}`)}}
	for i := range 50 {
		doc.Routes = append(doc.Routes, contract.Route{Name: fmt.Sprintf("r%d", i), Match: contract.Match{Path: fmt.Sprintf("/r%d", i)}, Upstream: "backend", Public: true})
	}
	errs := (&Checker{}).Check(doc)
	if len(errs) == 0 || len(errs) > 2 {
		t.Errorf("%d findings: %v", len(errs), errs)
	}
}

// TestSecretsHaveToExist: a policy may refer to a secret that the gateway has.
func TestSecretsHaveToExist(t *testing.T) {
	t.Parallel()
	doc := document()
	deps := dryDeps(doc, nil, nil, "")
	if _, err := deps.Secret("token"); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
	doc.Secrets = map[string][]byte{"token": nil}
	if v, err := deps.Secret("token"); err != nil || len(v) < 32 {
		t.Errorf("%d bytes, %v", len(v), err)
	}
}

// FuzzCheck: whatever a document holds, the check ends and does not panic.
func FuzzCheck(f *testing.F) {
	seed, err := json.Marshal(document())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"routes":[{"match":{"path":"~^/(a+)+$"},"policies":[{"type":"rewrite","config":{"path":"{x}"}}]}],"upstreams":[{"targets":[{"url":"http://[::1"}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var doc contract.Gateway
		if json.Unmarshal(b, &doc) != nil {
			return
		}
		for _, e := range (&Checker{}).Check(&doc) {
			if strings.HasPrefix(e.Detail, "the check itself failed") {
				t.Fatal(e.Detail)
			}
		}
	})
}

// TestCheckOwnPaths: who signs in is sent back to a path that a route with the policy
// takes, or nobody could sign in.
func TestCheckOwnPaths(t *testing.T) {
	t.Parallel()
	login := func(more string) contract.Policy {
		return contract.Policy{Type: "oidc_login", Config: json.RawMessage(`{"issuer":"https://login.example.com","client_id":"shop","keys":[{"secret":"session"}]` + more + `}`)}
	}
	route := func(name, path string, policies ...contract.Policy) contract.Route {
		return contract.Route{Name: name, Match: contract.Match{Path: path}, Upstream: "backend", Public: len(policies) == 0, Policies: policies}
	}
	matched := func(r contract.Route, f func(*contract.Match)) contract.Route {
		f(&r.Match)
		return r
	}
	conditional := matched(route("c", "/oauth2/callback"), func(m *contract.Match) {
		m.Headers = []contract.FieldMatch{{Name: "X-Debug", Exact: "1"}}
	})
	for name, c := range map[string]struct {
		routes []contract.Route
		want   map[string]string // pointers, with what the detail says
	}{
		"its own route":       {[]contract.Route{route("a", "/*", login(""))}, nil},
		"a route of its own":  {[]contract.Route{route("a", "/app/*", login("")), route("b", "/oauth2/*", login(""))}, nil},
		"still to come":       {[]contract.Route{route("a", "/app/*", login(""))}, nil},
		"another one's":       {[]contract.Route{route("a", "/app/*", login("")), route("b", "/*")}, map[string]string{"/routes/0/policies/0/config/callback_path": `route "b"`, "/routes/0/policies/0/config/logout_path": `route "b"`}},
		"an exact one's":      {[]contract.Route{route("a", "/*", login("")), route("b", "/oauth2/callback")}, map[string]string{"/routes/0/policies/0/config/callback_path": `route "b"`}},
		"a narrower prefix's": {[]contract.Route{route("a", "/*", login(`,"callback_path":"/x/y"`)), route("b", "/x/{id}")}, map[string]string{"/routes/0/policies/0/config/callback_path": `route "b"`}},
		"another path of the policy": {
			[]contract.Route{route("a", "/app/*", login("")), route("b", "/oauth2/*", login(`,"callback_path":"/oauth2/other"`))},
			map[string]string{"/routes/0/policies/0/config/callback_path": `route "b"`},
		},
		"another method's": {[]contract.Route{route("a", "/*", login("")), matched(route("b", "/oauth2/callback"), func(m *contract.Match) { m.Methods = []string{"POST"} })}, nil},
		"at another host":  {[]contract.Route{matched(route("a", "/*", login("")), func(m *contract.Match) { m.Hosts = []string{"shop.localhost"} }), matched(route("b", "/oauth2/callback"), func(m *contract.Match) { m.Hosts = []string{"www.example.com"} })}, nil},
		"on a condition":   {[]contract.Route{route("a", "/*", login("")), conditional}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := document()
			doc.Hosts = append(doc.Hosts, "www.example.com")
			doc.Routes, doc.UsagePlans = c.routes, nil
			doc.Secrets = map[string][]byte{"session": []byte("sealed")}
			errs := (&Checker{}).Check(doc)
			if len(errs) != len(c.want) {
				t.Errorf("found %v, want %v", errs, c.want)
			}
			for _, e := range errs {
				if text, ok := c.want[e.Pointer]; !ok || !strings.Contains(e.Detail, text) {
					t.Errorf("found %v, want %v", e, c.want)
				}
			}
		})
	}
}
