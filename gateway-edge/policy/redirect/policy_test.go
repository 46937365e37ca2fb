package redirect_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/redirect"
	"github.com/tollgate/tollgate/services/contract"
)

func to(status int, location string, r policytest.Request) policytest.Step {
	return policytest.Step{Request: r, Want: policytest.Want{Answered: true, Status: status, Header: map[string]string{"Location": location}}}
}

func TestPolicy(t *testing.T) {
	orders := policytest.Request{
		Path: "/orders/7%20a", Query: "a=1&b=%zz", Params: map[string]string{"id": "7%20a", "rest": "a/b"},
		Principal: &policy.Principal{ConsumerName: "a/../b?c#d", Claims: map[string]any{"dots": ".."}},
	}
	policytest.Run(t, &redirect.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "absolute", Hot: true, Config: `{"location":"https://www.example.com{path}"}`, Steps: []policytest.Step{to(308, "https://www.example.com/orders/7%20a?a=1&b=%zz", orders)}},
		{Name: "own host", Config: `{"location":"https://{host}:8443{path}","keep_query":false,"status":301}`, Steps: []policytest.Step{to(301, "https://api.example.com:8443/orders/7%20a", orders)}},
		{Name: "parameter", Hot: true, Config: `{"location":"/v2/{param.id}?x=1&{query}","status":302}`, Steps: []policytest.Step{to(302, "/v2/7%20a?x=1&a=1&b=%zz", orders)}},
		{Name: "hostile consumer", Config: `{"location":"/c/{consumer}","status":307,"keep_query":false}`, Steps: []policytest.Step{to(307, "/c/a%2F..%2Fb%3Fc%23d", orders)}},
		{Name: "query only when there is one", Config: `{"location":"/x"}`, Steps: []policytest.Step{to(308, "/x", policytest.Request{}), to(308, "/x?a=1&b=%zz", orders)}},
		{Name: "no value", Config: `{"location":"/x/{param.rest}"}`, Steps: []policytest.Step{{Request: orders, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}}}},
		{Name: "dot segment", Config: `{"location":"/x/{claim.dots}/y"}`, Steps: []policytest.Step{{Request: orders, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}}}},
		{Name: "unknown parameter", Config: `{"location":"/x/{param.ids}"}`, Error: `did you mean "id"?`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Scope.Params = []string{"id"}
			return d
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &redirect.Descriptor) }

// FuzzLocation takes any location that New takes and any request: a browser that
// follows the answer ends on the configured host.
func FuzzLocation(f *testing.F) {
	f.Add("https://www.example.com{path}", "/a", "b=1", "7", "acme")
	f.Add("/v2/{param.id}?c={consumer}", "/a", "", "7", "acme")
	f.Add("/{param.id}{consumer}", "/", "", "evil.example", "x")
	f.Add("https://{host}{path}", "//evil.example", "", "", "")
	f.Fuzz(func(t *testing.T, location, path, query, param, consumer string) {
		if strings.ContainsAny(param, "/\\?#; \t\r\n") || param == "." || param == ".." || strings.Contains(path, "//") || !strings.HasPrefix(path, "/") ||
			strings.ContainsAny(path, "\\?# \t\r\n") {
			return // no canonical path has such a parameter
		}
		p, err := redirect.New([]byte(`{"location":`+quote(location)+`}`), policytest.NewDeps())
		if err != nil {
			return
		}
		r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &redirect.Descriptor}}, policytest.Step{Request: policytest.Request{
			Path: path, Query: query, Params: map[string]string{"id": param}, Principal: &policy.Principal{ConsumerName: consumer},
		}})
		got, ok := r.Header.Get("Location")
		if !ok {
			return
		}
		base, _ := url.Parse("https://api.example.com/")
		ref, err := url.Parse(got)
		if err != nil {
			return // a browser does not follow it either
		}
		want := "api.example.com"
		if u, ok := strings.CutPrefix(location, "https://"); ok {
			want = u
		} else if u, ok := strings.CutPrefix(location, "http://"); ok {
			want = u
		}
		if host := base.ResolveReference(ref).Hostname(); !strings.HasPrefix(strings.ToLower(strings.NewReplacer("{host}", "api.example.com", "[", "").Replace(want)), strings.ToLower(host)) {
			t.Fatalf("%q led to host %q by %q", location, host, got)
		}
	})
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func BenchmarkRedirect(b *testing.B) {
	policytest.Bench(b, &redirect.Descriptor, policytest.Case{Config: `{"location":"https://www.example.com{path}"}`, Steps: []policytest.Step{to(308, "", policytest.Request{Path: "/orders"})}})
}
