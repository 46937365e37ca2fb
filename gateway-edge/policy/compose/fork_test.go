package compose_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
)

// TestForks: routes that differ in claims only share what runs before it is known who
// calls.
func TestForks(t *testing.T) {
	t.Parallel()
	with := func(claim string, public bool, ps ...contract.Policy) contract.Route {
		r := contract.Route{Name: "r" + claim, Upstream: "u", Public: public, Match: contract.Match{Path: "/a"}, Policies: ps}
		if claim != "" {
			r.Match.Claims = []contract.FieldMatch{{Name: "tier", Exact: claim}}
		}
		return r
	}
	p := func(typ, config string) contract.Policy {
		return contract.Policy{Type: typ, Config: json.RawMessage(config)}
	}
	key, jwt := p("api_key", ""), p("jwt", `{"a":1, "b":[2]}`)
	for _, tt := range []struct {
		name   string
		routes []contract.Route
		want   string // pointer
	}{
		{"alike", []contract.Route{with("gold", false, jwt), with("", false, p("jwt", `{"b":[2],"a":1}`), p("rate_limit", "{}"))}, ""},
		{"no configuration is an empty one", []contract.Route{with("gold", false, key), with("", false, p("api_key", "{}"))}, ""},
		{"another type", []contract.Route{with("gold", false, jwt), with("", false, key)}, "/routes/1/policies"},
		{"another configuration", []contract.Route{with("", false, p("jwt", `{"a":2}`)), with("gold", false, jwt)}, "/routes/0/policies"},
		{"one more", []contract.Route{with("gold", false, jwt, key), with("", false, jwt)}, "/routes/1/policies"},
		{"another guard", []contract.Route{with("gold", false, p("ip_filter", "{}"), jwt), with("", false, jwt)}, "/routes/1/policies"},
		{"nobody asks who calls", []contract.Route{with("gold", true), with("", true)}, "/routes/0/match/claims"},
		{"alone", []contract.Route{with("gold", true)}, "/routes/0/match/claims"},
		{"no claims", []contract.Route{with("", true)}, ""},
	} {
		_, err := compose.Forks(&contract.Gateway{Routes: tt.routes}, lookup)
		var errs contract.FieldErrors
		if errors.As(err, &errs); tt.want == "" && err != nil || tt.want != "" && (len(errs) != 1 || errs[0].Pointer != tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
