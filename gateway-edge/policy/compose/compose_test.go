package compose_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
)

type nothing struct{ name string }

func (nothing) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

var types = map[string]*policy.Descriptor{}

func init() {
	for typ, phase := range map[string]policy.Phase{
		"ip_filter": policy.PhaseGuard, "api_key": policy.PhaseAuthenticate, "jwt": policy.PhaseAuthenticate,
		"rate_limit": policy.PhaseLimit, "ext_auth": policy.PhaseAuthorize, "request_headers": policy.PhaseTransform, "mock": policy.PhaseTransform, "static": policy.PhaseIntegrate,
	} {
		types[typ] = &policy.Descriptor{Type: typ, Phase: phase, Answers: typ == "mock" || typ == "static", Identifies: typ == "ext_auth", New: func(cfg json.RawMessage, _ policy.Deps) (policy.Policy, error) {
			if strings.Contains(string(cfg), "bad") {
				return nil, contract.FieldErrors{{Pointer: "/a", Detail: "is bad"}, {Pointer: "/b", Detail: "is bad too"}}
			}
			return nothing{typ}, nil
		}}
	}
}

func lookup(typ string) (*policy.Descriptor, bool) {
	d, ok := types[typ]
	return d, ok
}

func policies(ts ...string) (out []contract.Policy) {
	for _, t := range ts {
		out = append(out, contract.Policy{Type: t})
	}
	return out
}

func TestRoute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		gateway, route []contract.Policy
		public         bool
		want           string // type/from/index …
		wantErr        string // pointer of the first error
	}{
		{"inherited", policies("api_key", "rate_limit"), nil, false, "api_key/gateway/0 rate_limit/gateway/0", ""},
		{
			"phases win over the order given", policies("request_headers", "rate_limit", "api_key", "ip_filter"), nil, false,
			"ip_filter/gateway/0 api_key/gateway/0 rate_limit/gateway/0 request_headers/gateway/0", "",
		},
		{
			"limits add up", policies("api_key", "rate_limit", "rate_limit"), policies("rate_limit"), false,
			"api_key/gateway/0 rate_limit/gateway/0 rate_limit/gateway/1 rate_limit/route/0", "",
		},
		{
			"the same type is replaced", policies("api_key", "request_headers"), policies("request_headers", "request_headers"), false,
			"api_key/gateway/0 request_headers/route/0 request_headers/route/1", "",
		},
		{"another authentication replaces the gateway's", policies("api_key"), policies("jwt"), false, "jwt/route/0", ""},
		{"public drops the inherited authentication", policies("api_key", "ip_filter"), nil, true, "ip_filter/gateway/0", ""},
		{"public with its own authentication", nil, policies("api_key"), true, "", "/routes/0/public"},
		{"open without saying so", policies("ip_filter"), nil, false, "", "/routes/0/public"},
		{"methods of the gateway", policies("jwt", "api_key"), nil, false, "jwt/gateway/0 api_key/gateway/0", ""},
		{"own methods in their order", policies("jwt"), policies("api_key", "jwt"), false, "api_key/route/0 jwt/route/0", ""},
		{"an authoriser may be all", nil, policies("ext_auth"), false, "ext_auth/route/0", ""},
		{"an authoriser on a public route", policies("api_key"), policies("ext_auth"), true, "ext_auth/route/0", ""},
		{"an authoriser behind what is inherited", policies("api_key"), policies("ext_auth"), false, "api_key/gateway/0 ext_auth/route/0", ""},
		{"two authentications on the route", nil, policies("api_key", "api_key"), false, "", "/routes/0/policies/1"},
		{"unknown types, all named", policies("nope"), policies("api_key", "neither"), false, "", "/policies/0/type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := &contract.Gateway{Policies: c.gateway, Routes: []contract.Route{{Name: "r", Policies: c.route, Public: c.public, Upstream: "u"}}}
			steps, err := compose.Route(g, 0, lookup)
			if c.wantErr != "" {
				var fields contract.FieldErrors
				if !errors.As(err, &fields) || fields[0].Pointer != c.wantErr {
					t.Fatalf("error %v, want one at %s", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range steps {
				got = append(got, s.Descriptor.Type+"/"+s.From+"/"+string(rune('0'+s.Index)))
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("got  %s\nwant %s", g, c.want)
			}
		})
	}
}

// TestRouteLeavesTheGatewayAlone composes twice: inheriting must not change what
// the next route inherits.
func TestRouteLeavesTheGatewayAlone(t *testing.T) {
	t.Parallel()
	g := &contract.Gateway{
		Policies: policies("api_key", "rate_limit", "request_headers"),
		Routes: []contract.Route{
			{Name: "a", Public: true, Upstream: "u", Policies: policies("request_headers")},
			{Name: "b", Upstream: "u"},
		},
	}
	for range 2 {
		if steps, err := compose.Route(g, 0, lookup); err != nil || len(steps) != 2 {
			t.Fatalf("route a: %d steps, %v", len(steps), err)
		}
		if steps, err := compose.Route(g, 1, lookup); err != nil || len(steps) != 3 {
			t.Fatalf("route b: %d steps, %v", len(steps), err)
		}
	}
}

func TestRouteWithoutUpstream(t *testing.T) {
	t.Parallel()
	g := &contract.Gateway{Routes: []contract.Route{
		{Name: "answers", Public: true, Policies: policies("mock")},
		{Name: "hangs", Public: true, Policies: policies("ip_filter")},
	}}
	if _, err := compose.Route(g, 0, lookup); err != nil {
		t.Errorf("a route that mock answers: %v", err)
	}
	var fields contract.FieldErrors
	if _, err := compose.Route(g, 1, lookup); !errors.As(err, &fields) || fields[0].Pointer != "/routes/1/upstream" {
		t.Errorf("a route that nobody answers: %v", err)
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a": "", "/a/{id}/b/{name}": "id name", "/a/{id}/{rest+}": "id", "/a/*": "", "~^/(x)$": "", "not a path": "",
	} {
		got := compose.Params(&contract.Route{Match: contract.Match{Path: path}})
		if got == nil || strings.Join(got, " ") != want {
			t.Errorf("Params(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestBuildNamesEveryBadField(t *testing.T) {
	t.Parallel()
	g := &contract.Gateway{
		Policies: []contract.Policy{{Type: "api_key", Config: []byte(`"bad"`)}},
		Routes:   []contract.Route{{Name: "a", Upstream: "u", Policies: []contract.Policy{{Type: "rate_limit", Config: []byte(`"bad"`)}}}},
	}
	steps, err := compose.Route(g, 0, lookup)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compose.Build(steps, policy.Deps{})
	var fields contract.FieldErrors
	if !errors.As(err, &fields) || len(fields) != 4 {
		t.Fatalf("error %v, want 4 fields", err)
	}
	if fields[0].Pointer != "/policies/0/config/a" || fields[3].Pointer != "/routes/0/policies/0/config/b" {
		t.Errorf("pointers %+v", fields)
	}
}

// TestIntegration: it is the last step, in the place of an upstream and nowhere
// else.
func TestIntegration(t *testing.T) {
	t.Parallel()
	static := &contract.Policy{Type: "static"}
	for name, c := range map[string]struct {
		route contract.Route
		want  string // the type of the last step, or the pointer of the error
	}{
		"alone":                 {contract.Route{Integration: static}, "static"},
		"behind policies":       {contract.Route{Integration: static, Policies: policies("request_headers")}, "static"},
		"and an upstream":       {contract.Route{Integration: static, Upstream: "up"}, "/routes/0/integration"},
		"and WebSockets":        {contract.Route{Integration: static, WebSocket: &contract.WebSocket{}}, "/routes/0/integration"},
		"among the policies":    {contract.Route{Policies: policies("static")}, "/routes/0/policies/0/type"},
		"a policy in its place": {contract.Route{Integration: &contract.Policy{Type: "mock"}}, "/routes/0/integration/type"},
		"unknown":               {contract.Route{Integration: &contract.Policy{Type: "nothing"}}, "/routes/0/integration/type"},
		"neither":               {contract.Route{}, "/routes/0/upstream"},
	} {
		c.route.Name, c.route.Public, c.route.Match.Path = "r", true, "/x"
		steps, err := compose.Route(&contract.Gateway{Routes: []contract.Route{c.route}}, 0, lookup)
		var errs contract.FieldErrors
		got := ""
		if errors.As(err, &errs) {
			got = errs[0].Pointer
		} else if len(steps) > 0 {
			got = steps[len(steps)-1].Descriptor.Type
		}
		if got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
