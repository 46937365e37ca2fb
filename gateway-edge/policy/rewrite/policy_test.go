package rewrite_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/rewrite"
	"github.com/tollgate/tollgate/services/contract"
)

func becomes(path, query, newPath, newQuery string, params ...string) policytest.Step {
	s := policytest.Step{
		Request: policytest.Request{Path: path, Query: query, Params: map[string]string{}, Principal: &policy.Principal{
			ConsumerName: "a/b", Claims: map[string]any{"mail": "me@x.y", "dots": "..", "slash": "a/b", "tier": "gold"},
		}},
		Want: policytest.Want{Forwarded: true, Path: &newPath, Query: &newQuery},
	}
	for i := 0; i+1 < len(params); i += 2 {
		s.Request.Params[params[i]] = params[i+1]
	}
	return s
}

func refused(path string, params ...string) policytest.Step {
	s := becomes(path, "", "", "", params...)
	s.Want = policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}
	return s
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &rewrite.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "strip", Hot: true, Config: `{"strip_prefix":"/api"}`, Steps: []policytest.Step{
			becomes("/api/orders/7", "a=1", "/orders/7", "a=1"), becomes("/api", "", "/", ""), becomes("/api/", "", "/", ""),
			becomes("/apis/x", "", "/apis/x", ""), becomes("/x/api/y", "", "/x/api/y", ""), becomes("/api..", "", "/api..", ""), becomes("/api../admin", "", "/api../admin", ""),
		}},
		{Name: "swap", Config: `{"strip_prefix":"/api","add_prefix":"/v2"}`, Steps: []policytest.Step{
			becomes("/api/a%20b", "", "/v2/a%20b", ""), becomes("/api", "", "/v2", ""), becomes("/api/", "", "/v2/", ""), becomes("/other", "", "/v2/other", ""),
		}},
		{Name: "add", Config: `{"add_prefix":"/v2"}`, Steps: []policytest.Step{becomes("/", "", "/v2/", ""), becomes("/a", "", "/v2/a", "")}},
		{Name: "template", Hot: true, Config: `{"path":"/users/{param.id}/{claim.tier}"}`, Steps: []policytest.Step{
			becomes("/u/7", "a", "/users/7/gold", "a", "id", "7"),
			becomes("/u/a%20b", "", "/users/a%20b/gold", "", "id", "a%20b"),
		}},
		{Name: "URI16 hostile values", Config: `{"path":"/users/{param.id}"}`, Steps: []policytest.Step{refused("/u/a/b", "id", "a/b"), refused("/u"), refused("/u/x", "id", "%2f"), refused("/u/x", "id", "..")}},
		{Name: "claim with a separator", Config: `{"path":"/c/{claim.slash}"}`, Steps: []policytest.Step{refused("/")}},
		{Name: "consumer with a separator", Config: `{"path":"/c/{consumer}"}`, Steps: []policytest.Step{refused("/")}},
		{Name: "claim of dots", Config: `{"path":"/c/{claim.dots}/x"}`, Steps: []policytest.Step{refused("/")}},
		{Name: "claim in canonical form", Config: `{"path":"/c/{claim.mail}{path}"}`, Steps: []policytest.Step{becomes("/a", "", "/c/me@x.y/a", "")}},
		{Name: "query", Hot: true, Config: `{"query":{"remove":["debug"],"set":{"tier":"{claim.tier}","who":"{consumer}","none":"{claim.none}","fix":"a%20b"}}}`, Steps: []policytest.Step{
			becomes("/a", "x=%zz&debug=1&tier=forged&none=forged&%64ebug&y", "/a", "x=%zz&y&fix=a%20b&tier=gold&who=a%2Fb"),
			becomes("/a", "", "/a", "fix=a%20b&tier=gold&who=a%2Fb"),
		}},
		{Name: "query emptied", Config: `{"query":{"remove":["debug"]}}`, Steps: []policytest.Step{becomes("/a", "debug=1", "/a", "")}},
		{Name: "unknown parameter", Config: `{"path":"/{param.idd}"}`, Error: `did you mean "id"?`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Scope.Params = []string{"id"}
			return d
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &rewrite.Descriptor) }

// FuzzPath takes any values: what is sent on is canonical and lies below the
// template's literal prefix, in as many segments as the template has.
func FuzzPath(f *testing.F) {
	f.Add("7", "gold", "acme")
	f.Add("..", "%2e%2e", "/")
	f.Fuzz(func(t *testing.T, param, claim, consumer string) {
		p, err := rewrite.New([]byte(`{"path":"/users/{param.id}/{claim.c}.{consumer}"}`), policytest.NewDeps())
		if err != nil {
			t.Fatal(err)
		}
		r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &rewrite.Descriptor}}, policytest.Step{Request: policytest.Request{
			Params: map[string]string{"id": param}, Principal: &policy.Principal{ConsumerName: consumer, Claims: map[string]any{"c": claim}},
		}})
		if !r.Forwarded {
			return
		}
		canon, err := match.PathString(r.Sent.Path)
		if err != nil || canon != r.Sent.Path || !strings.HasPrefix(canon, "/users/") || strings.Count(canon, "/") != 3 {
			t.Fatalf("%q %q %q became %q (%v)", param, claim, consumer, r.Sent.Path, err)
		}
	})
}

func BenchmarkStrip(b *testing.B) {
	policytest.Bench(b, &rewrite.Descriptor, policytest.Case{Config: `{"strip_prefix":"/api"}`, Steps: []policytest.Step{becomes("/api/orders/7", "a=1", "", "")}})
}
