package acl_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/acl"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

var (
	alice = &policy.Principal{
		Kind: policy.KindToken, ConsumerName: "alice", Consumer: 7, UsagePlan: 4, Scopes: []string{"read", "write"},
		Claims: map[string]any{"sub": "u1", "level": float64(3), "admin": true, "realm": map[string]any{"roles": []any{"clerk"}}},
	}
	bob = &policy.Principal{Kind: policy.KindAPIKey, Key: 9, ConsumerName: "bob", Consumer: 8, Scopes: []string{"read"}}
)

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.UsagePlans = map[string]uint64{"gold": 4, "free": 5}
	d.Country = func(a netip.Addr) string {
		if a == netip.MustParseAddr("203.0.113.1") {
			return "DE"
		}
		return ""
	}
	return d
}

// as is a request and whether it is let through.
func as(who *policy.Principal, ok bool, change ...func(*policytest.Request)) policytest.Step {
	s := policytest.Step{Request: policytest.Request{Principal: who}, Want: policytest.Want{Forwarded: true}}
	if !ok {
		s.Want = policytest.Want{Rejected: true, Code: contract.CodeForbidden, Status: 403}
	}
	for _, c := range change {
		c(&s.Request)
	}
	return s
}

func method(m string) func(*policytest.Request) { return func(r *policytest.Request) { r.Method = m } }

func client(a string) func(*policytest.Request) { return func(r *policytest.Request) { r.Client = a } }

func header(f ...string) func(*policytest.Request) {
	return func(r *policytest.Request) { r.Header = f }
}

// called is the holder of a token that has a name.
func called(name string, consumer uint64) *policy.Principal {
	return &policy.Principal{Kind: policy.KindToken, ConsumerName: name, Consumer: consumer}
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &acl.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "scopes", Hot: true, Deps: deps, Config: `{"allow":[{"scopes":["read","write"]}]}`, Steps: []policytest.Step{as(alice, true), as(bob, false), as(nil, false)}},
		{Name: "any scope", Hot: true, Deps: deps, Config: `{"allow":[{"any_scope":["admin","write"]}]}`, Steps: []policytest.Step{as(alice, true), as(bob, false), as(nil, false)}},
		{Name: "claims", Hot: true, Deps: deps, Config: `{"allow":[{"claims":{"sub":["u0","u1"],"level":"3","admin":"true","/realm/roles":["clerk","boss"]}}]}`, Steps: []policytest.Step{as(alice, true), as(bob, false), as(nil, false)}},
		{Name: "one claim fails", Deps: deps, Config: `{"allow":[{"claims":{"sub":"u1","level":"4"}}]}`, Steps: []policytest.Step{as(alice, false)}},
		{Name: "consumers", Hot: true, Deps: deps, Config: `{"allow":[{"consumers":["carol","bob"]}]}`, Steps: []policytest.Step{as(bob, true), as(alice, false), as(nil, false)}},
		{Name: "who is called like a consumer", Hot: true, Deps: deps, Config: `{"allow":[{"consumers":["alice"]}]}`, Steps: []policytest.Step{as(alice, true), as(called("alice", 0), false), as(called("alice", contract.ConsumerUnmatched), false)}},
		{Name: "and is denied like it", Deps: deps, Config: `{"deny":[{"consumers":["alice"]}]}`, Steps: []policytest.Step{as(alice, false), as(called("alice", contract.ConsumerUnmatched), false), as(bob, true)}},
		{Name: "usage plans", Hot: true, Deps: deps, Config: `{"allow":[{"usage_plans":["gold"]}]}`, Steps: []policytest.Step{as(alice, true), as(bob, false), as(nil, false)}},
		{Name: "denied wins", Hot: true, Deps: deps, Config: `{"allow":[{"scopes":["read"]}],"deny":[{"consumers":["alice"],"methods":["DELETE"]}],"detail":"not you"}`, Steps: []policytest.Step{
			as(alice, true), as(alice, false, method("DELETE")), as(bob, true, method("DELETE")),
		}},
		{Name: "deny alone", Hot: true, Deps: deps, Config: `{"deny":[{"ips":["203.0.113.0/24"]}]}`, Steps: []policytest.Step{
			as(nil, true), as(alice, false, client("203.0.113.7")), as(alice, false, client("::ffff:203.0.113.7")),
		}},
		{Name: "countries", Hot: true, Deps: deps, Config: `{"allow":[{"countries":["FR","DE"]}]}`, Steps: []policytest.Step{
			as(bob, true, client("203.0.113.1")), as(bob, false, client("203.0.113.2")),
		}},
		{Name: "a country denied", Deps: deps, Config: `{"deny":[{"countries":["DE"]}]}`, Steps: []policytest.Step{
			as(bob, false, client("203.0.113.1")), as(bob, true, client("203.0.113.2")),
		}},
		{Name: "no database: nobody is let in", Config: `{"allow":[{"countries":["DE"]}]}`, Steps: []policytest.Step{as(bob, false, client("203.0.113.1"))}},
		{Name: "no database: everybody is denied", Config: `{"deny":[{"countries":["DE"]}]}`, Steps: []policytest.Step{as(bob, false, client("203.0.113.2"))}},
		// The wall clock stands on a Sunday at noon, UTC.
		{Name: "in time", Hot: true, Deps: deps, Config: `{"allow":[{"times":[{"days":["mon"]},{"days":["sun"],"from":"13:00","to":"14:00","time_zone":"Europe/Berlin"}]}]}`, Steps: []policytest.Step{as(bob, true)}},
		{Name: "out of time", Deps: deps, Config: `{"allow":[{"times":[{"days":["sat"]},{"from":"12:01","to":"11:59"}]}]}`, Steps: []policytest.Step{as(bob, false)}},
		{Name: "expression", Deps: deps, Config: `{"allow":[{"expression":"consumer.name == 'alice' && 'write' in consumer.scopes && consumer.claims.level == 3 && consumer.usage_plan == 'gold'"}]}`, Steps: []policytest.Step{
			as(alice, true), as(bob, false), as(nil, false),
		}},
		{Name: "an expression that fails lets nobody in", Deps: deps, Config: `{"allow":[{"expression":"request.headers['x-team'] == 'blue'"}]}`, Steps: []policytest.Step{
			as(bob, true, header("X-Team", "blue")), as(bob, false, header("X-Team", "red")), as(bob, false),
		}},
		{Name: "an expression that fails denies", Deps: deps, Config: `{"deny":[{"expression":"request.headers['x-team'] == 'blue'"}]}`, Steps: []policytest.Step{
			as(bob, false, header("X-Team", "blue")), as(bob, true, header("X-Team", "red")), as(bob, false),
		}},
		{Name: "a condition that fails beside one that can't be judged", Deps: deps, Config: `{"deny":[{"methods":["POST"],"expression":"request.headers['x-team'] == 'blue'"}]}`, Steps: []policytest.Step{as(bob, true)}},
	}})
}

// TestDetail: the caller is told what the configuration says, the trace which rule
// it was.
func TestDetail(t *testing.T) {
	policytest.Run(t, &acl.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{{
		Name: "detail", Deps: deps, Config: `{"deny":[{"name":"bad ones","consumers":["bob"]}],"detail":"ask us"}`,
		Steps: []policytest.Step{{
			Request: policytest.Request{Principal: bob}, Want: policytest.Want{Rejected: true, Code: contract.CodeForbidden},
			Check: func(t testing.TB, r *policytest.Result) {
				if r.Reply.Detail != "ask us" {
					t.Errorf("the caller is told %q", r.Reply.Detail)
				}
				if len(r.Trace.Policies) > 0 && !strings.Contains(r.Trace.Policies[0].Detail, "bad ones") {
					t.Errorf("the trace says %q", r.Trace.Policies[0].Detail)
				}
			},
		}},
	}}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &acl.Descriptor) }

func BenchmarkRules(b *testing.B) {
	policytest.Bench(b, &acl.Descriptor, policytest.Case{
		Deps: deps, Config: `{"allow":[{"scopes":["write"],"claims":{"sub":"u1"}}],"deny":[{"ips":["192.0.2.64/26"]}]}`, Steps: []policytest.Step{as(alice, true)},
	})
}

func BenchmarkExpression(b *testing.B) {
	policytest.Bench(b, &acl.Descriptor, policytest.Case{
		Deps: deps, Config: `{"allow":[{"expression":"request.method == 'GET' && 'write' in consumer.scopes"}]}`, Steps: []policytest.Step{as(alice, true)},
	})
}
