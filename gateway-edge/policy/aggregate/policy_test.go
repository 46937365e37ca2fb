package aggregate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/aggregate"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// shop answers the calls of the tests.
func shop(r *policy.CallRequest) (*policy.FetchResponse, error) {
	at := r.Method + " " + r.Path
	if r.Query != "" {
		at += "?" + r.Query
	}
	switch {
	case at == "GET /users/7":
		return page(`{"id":7,"name":"Ann","team_id":12345678901234567890,"secret":"x"}`)
	case at == "GET /teams/12345678901234567890":
		return page(`{"name":"Red"}`)
	case strings.HasPrefix(at, "GET /orders?"):
		return page(`[{"id":1,"total":5,"q":"` + r.Query + `"}]`)
	case at == "POST /echo":
		return page(fmt.Sprintf(`{"sent":%s,"field":%q,"type":%q}`, r.Body, r.Header["X-Lang"], r.Header["Content-Type"]))
	case at == "GET /slow":
		return nil, errSlow{}
	case at == "GET /text":
		return page(`no JSON`)
	case at == "GET /panic":
		panic("on purpose")
	}
	return &policy.FetchResponse{Status: 404, Body: []byte(`{}`)}, nil
}

func page(s string) (*policy.FetchResponse, error) {
	return &policy.FetchResponse{Status: 200, Body: []byte(s)}, nil
}

type errSlow struct{}

func (errSlow) Error() string { return "too slow" }
func (errSlow) Timeout() bool { return true }

func deps(testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Upstream = func(name string) (policy.Caller, error) {
		if name != "shop" {
			return nil, errors.New("there is no such upstream")
		}
		return policytest.Backend(shop), nil
	}
	d.Fetch = policytest.Server(func(r *policy.FetchRequest) (*policy.FetchResponse, error) {
		if r.Header["X-Request-Id"] != nil || r.Header["X-Forwarded-For"] != nil {
			return nil, errors.New("the outside was told of the caller")
		}
		return page(`{"url":"` + r.URL + `"}`)
	})
	return d
}

func TestPolicy(t *testing.T) {
	call := func(name, path, more string) string {
		return `{"name":"` + name + `","upstream":"shop","path":"` + path + `"` + more + `}`
	}
	calls := func(list ...string) string { return `{"calls":[` + strings.Join(list, ",") + `]}` }
	ok := func(body string, header map[string]string) policytest.Want {
		return policytest.Want{Answered: true, Status: 200, Body: &body, Header: header}
	}
	user := call("user", "/users/{.request.params.id}", `,"pick":"{id, name, team_id}"`)
	ann := policytest.Request{Path: "/u/7", Query: "q=a%26b&x=1", Params: map[string]string{"id": "7"}, Header: policytest.Fields{"Accept-Language", "de", "Authorization", "Bearer secret"}}
	one := func(name, config string, want policytest.Want) policytest.Case {
		return policytest.Case{Name: name, Config: config, Deps: deps, Steps: []policytest.Step{{Request: ann, Want: want}}}
	}
	full := policytest.Fields{"Content-Type", "application/json"}
	policytest.Run(t, &aggregate.Descriptor, policytest.Suite{Cases: []policytest.Case{
		one("values are passed on", calls(user, call("team", "/teams/{.calls.user.team_id}", "")),
			ok(`{"team":{"name":"Red"},"user":{"id":7,"name":"Ann","team_id":12345678901234567890}}`, map[string]string{"Content-Type": "application/json", "Partial-Result": ""})),
		one("an answer of its own", strings.TrimSuffix(calls(user, call("team", "/teams/{.calls.user.team_id}", "")), "}")+`,"response":"{who: .calls.user.name, team: .calls.team.name}"}`,
			ok(`{"team":"Red","who":"Ann"}`, nil)),
		one("values are escaped", calls(call("orders", "/orders", `,"query":{"q":"{.request.query.q}","z":"{{}}"}`)),
			ok(`{"orders":[{"id":1,"q":"q=a%26b&z=%7B%7D","total":5}]}`, nil)),
		one("optional", calls(user, call("slow", "/slow", `,"optional":true`)),
			ok(`{"slow":null,"user":{"id":7,"name":"Ann","team_id":12345678901234567890}}`, map[string]string{"Partial-Result": "slow;reason=upstream_timeout"})),
		one("fallback", calls(call("slow", "/slow", `,"fallback":[1.50]`), call("b", "/nothing", `,"fallback":"none"`)),
			ok(`{"b":"none","slow":[1.50]}`, map[string]string{"Partial-Result": "b;reason=upstream_protocol, slow;reason=upstream_timeout"})),
		one("a call behind a failed one", calls(call("slow", "/slow", ""), call("b", "/users/{.calls.slow.id}", `,"optional":true`)),
			policytest.Want{Rejected: true, Code: contract.CodeUpstreamTimeout}),
		one("a failure without more", calls(user, call("text", "/text", "")), policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}),
		one("a panic", calls(call("p", "/panic", "")), policytest.Want{Rejected: true, Code: contract.CodeInternal}),
		one("a value that is none", calls(call("a", "/users/{.request.query.nobody}", "")), policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}),
		one("outside", `{"calls":[{"name":"a","url":"https://x.example","path":"/p/{.request.query.q}","query":{"y":"1"}}]}`, ok(`{"a":{"url":"https://x.example/p/a&b?y=1"}}`, nil)),
		{Name: "a path made of a parameter", Deps: deps, Config: `{"calls":[{"name":"a","url":"https://x.example","path":"/p/{.request.query.q}/z"}]}`, Steps: []policytest.Step{
			{Request: policytest.Request{Query: "q=.."}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
			{Request: policytest.Request{Query: "q="}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
			{Request: policytest.Request{Query: "q=a%2Fb"}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
		}},
		{Name: "a body", Deps: deps, Config: calls(call("a", "/echo", `,"method":"POST","body":"{y: .request.body.x}","headers":{"x-lang":"{.request.headers[\"accept-language\"]}"}`)), Steps: []policytest.Step{
			{Request: policytest.Request{Method: "POST", Body: `{"x":[1]}`, Header: append(full, "Accept-Language", "de")}, Want: ok(`{"a":{"field":["de"],"sent":{"y":[1]},"type":["application/json"]}}`, nil)},
			{Request: policytest.Request{Method: "POST", Body: `{"x"`, Header: full}, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}},
		}},
		{Name: "no such upstream", Deps: deps, Config: `{"calls":[{"name":"a","upstream":"x","path":"/"}]}`, Error: "/calls/0/upstream: there is no such upstream"},
	}})
}

// TestCriticalPath: calls that need nothing of one another are made at once.
func TestCriticalPath(t *testing.T) {
	const each = 60 * time.Millisecond
	began := make(chan string, 8)
	d := policytest.NewDeps()
	release := make(chan struct{})
	d.Upstream = func(string) (policy.Caller, error) {
		return policytest.Backend(func(r *policy.CallRequest) (*policy.FetchResponse, error) {
			began <- r.Path
			if r.Path != "/last" {
				<-release
			}
			return page(`{"x":"last"}`)
		}), nil
	}
	go func() { // all three are under way before any is answered, and the last is not
		defer close(release)
		for range 3 {
			select {
			case p := <-began:
				if p == "/last" {
					t.Error("the dependent call did not wait")
				}
			case <-time.After(100 * each):
				t.Error("the calls are made one after another")
				return
			}
		}
	}()
	call := func(name, path string) string {
		return `{"name":"` + name + `","upstream":"u","path":"` + path + `"}`
	}
	body := `{"a":{"x":"last"},"b":{"x":"last"},"c":{"x":"last"},"d":{"x":"last"}}`
	p, err := aggregate.Descriptor.New([]byte(`{"calls":[`+strings.Join([]string{call("a", "/a"), call("b", "/b"), call("c", "/c"), call("d", "/{.calls.a.x}")}, ",")+`]}`), d)
	if err != nil {
		t.Fatal(err)
	}
	r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &aggregate.Descriptor, From: "route"}}, policytest.Step{})
	if r.Status != 200 || r.Body != body {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &aggregate.Descriptor) }

func BenchmarkAggregate(b *testing.B) {
	p, err := aggregate.Descriptor.New([]byte(`{"calls":[{"name":"user","upstream":"shop","path":"/users/7"}]}`), deps(b))
	if err != nil {
		b.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &aggregate.Descriptor, From: "route"}}
	b.ReportAllocs()
	for b.Loop() {
		policytest.Serve(b, steps, policytest.Step{Want: policytest.Want{Answered: true, Status: 200}})
	}
}
