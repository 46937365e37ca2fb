package importertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// keepOut are the types of policies that keep callers out.
var keepOut = []string{"api_key", "basic", "ip_filter", "jwt"}

// Winner is what the gateway does with a request: "open", "closed" (403 to everybody),
// the types of the policies that keep callers out, or "none".
func Winner(t testing.TB, routes []contract.Route, method, path string) string {
	t.Helper()
	rules, errs := match.Compile(routes, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	i := slices.IndexFunc(rules, func(r *match.Rule) bool {
		return r.Methods.Take(match.MethodOf(method)) && r.Path.Takes(path) && !(r.Strict && r.Path.Slash != strings.HasSuffix(path, "/"))
	})
	if i < 0 {
		return "none"
	}
	r := routes[rules[i].Index]
	if r.Priority < -1000 || r.Priority > 1000 {
		t.Errorf("%s has the priority %d, which no route can have", r.Name, r.Priority)
	}
	var out []string
	for _, p := range r.Policies {
		switch {
		case p.Type == "mock" && strings.Contains(string(p.Config), "403"):
			return "closed"
		case slices.Contains(keepOut, p.Type):
			out = append(out, p.Type)
		}
	}
	if len(out) == 0 && r.Public {
		return "open"
	}
	return strings.Join(out, " ")
}
