package engine_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// tiers makes whoever says so in X-Tier a caller with that claim, and "out" nobody.
type tiers struct{}

func (tiers) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	v, _ := x.Request().Header.Get(policy.Server)
	if v.Is("out") {
		return x.Reject(contract.CodeTokenMissing, 0)
	}
	s.N[0] = 7
	x.SetPrincipal(&policy.Principal{Kind: policy.KindToken, ConsumerName: "c", Claims: map[string]any{"tier": v.Clone()}})
	return x.Next()
}

func (tiers) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if s.N[0] == 7 {
		x.Response().Header.Set(policy.Vary, "tiers")
	}
	return x.Next()
}

// names answers with its route.
type names struct{}

func (names) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	x.Response().Header.Set(policy.Via, x.Route().Name)
	return x.Answer(200, "text/plain", []byte(x.Route().Name))
}

// TestFork: claims choose the route behind authentication, in both engines; what ran
// before goes on, and body bounds, meters and explanations are those of the route
// chosen.
func TestFork(t *testing.T) {
	descriptor := func(typ string, phase policy.Phase, answers bool, p policy.Policy) *policy.Descriptor {
		return &policy.Descriptor{
			Type: typ, Phase: phase, Answers: answers,
			New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return p, nil },
		}
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{
		descriptor("tiers", policy.PhaseAuthenticate, false, tiers{}), descriptor("names", policy.PhaseTransform, true, names{}), descriptor("quiet", policy.PhaseLimit, false, quiet{}),
	}})
	g := plain("http://127.0.0.1:9999")
	route := func(name string, num uint64, tier string, more ...string) contract.Route {
		r := contract.Route{ID: "rt_" + name, Num: num, Name: name, Match: contract.Match{Path: "/*"}, Policies: []contract.Policy{{Type: "tiers"}}}
		if tier != "" {
			r.Match.Claims = []contract.FieldMatch{{Name: "tier", Exact: tier}}
		}
		for _, p := range append(more, "names") {
			r.Policies = append(r.Policies, contract.Policy{Type: p})
		}
		return r
	}
	gold, silver, rest := route("gold", 11, "gold", "quiet"), route("silver", 12, "silver"), route("rest", 13, "")
	gold.MaxBodyBytes, rest.MaxBodyBytes = 1<<20, 4
	g.Routes = []contract.Route{rest, gold, silver}
	e.serve(g)
	for name, c := range map[string]*http.Client{"http1": {Transport: e.transport1()}, "http2": e.h2Client(false)} {
		for _, tt := range []struct {
			tier, body string
			status     int
			route      string
		}{
			{"gold", "", 200, "gold"},
			{"silver", "", 200, "silver"},
			{"bronze", "", 200, "rest"},
			{"", "", 200, "rest"},
			{"gold", "hello", 200, "gold"},
			{"bronze", "hello", 413, ""},
			{"out", "", 401, ""},
			{"out", "hello", 401, ""},
		} {
			method := "GET"
			if tt.body != "" {
				method = "POST"
			}
			r, err := http.NewRequest(method, "http://demo.localhost/x", strings.NewReader(tt.body))
			must(t, err)
			r.Header.Set("Server", tt.tier)
			resp, err := c.Do(r)
			must(t, err)
			b, err := io.ReadAll(resp.Body)
			must(t, err)
			must(t, resp.Body.Close())
			if resp.StatusCode != tt.status || tt.route != "" && string(b) != tt.route || tt.status == 200 && resp.Header.Get("Vary") != "tiers" {
				t.Errorf("%s, %q with %q: %s %s, Vary %q", name, tt.tier, tt.body, resp.Status, b, resp.Header.Get("Vary"))
			}
		}
	}
	ask := func(tier string) *contract.Trace {
		a := e.Explain(context.Background(), contract.Ask{ID: "q", Gateway: "gw_1", Method: "GET", URL: "http://demo.localhost/", Headers: map[string][]string{"Server": {tier}}})
		if a.Error != "" {
			t.Fatal(a.Error)
		}
		return a.Trace
	}
	tr := ask("silver")
	if tr.Route != "silver" || tr.Status != 200 {
		t.Errorf("%+v", tr)
	}
	for _, c := range tr.Candidates {
		want := map[string]string{
			"gold": `it is not so that claim tier is "gold"`, "silver": "takes the request: the caller's claims are its own",
			"rest": "the caller's claims are its own too, but another route goes before it: its claims are more, or narrower",
		}[c.Route]
		if c.Why != want || c.Matched != (c.Route == "silver") {
			t.Errorf("%+v", c)
		}
	}
	g.Routes = []contract.Route{gold, silver}
	e.serve(g)
	if tr = ask("bronze"); tr.Status != 404 || tr.Code != "no_route" || tr.Route != "" {
		t.Errorf("%+v", tr)
	}
	if m := e.once("GET / HTTP/1.1\r\nHost: demo.localhost\r\nServer: bronze\r\n\r\n"); m.status() != 404 || m.code() != "no_route" || m.get("Vary") != "tiers" {
		t.Errorf("%s %s", m.line, m.body)
	}
}

// quiet does nothing.
type quiet struct{}

func (quiet) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }
