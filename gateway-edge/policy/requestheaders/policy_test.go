package requestheaders_test

import (
	"errors"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/requestheaders"
)

func sent(header policytest.Fields, who *policy.Principal, want map[string]string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{Path: "/orders/7", Header: header, Principal: who, Params: map[string]string{"id": "7"}},
		Want:    policytest.Want{Forwarded: true, Sent: want},
	}
}

func acme() *policy.Principal {
	return &policy.Principal{ConsumerName: "acme", Claims: map[string]any{"tier": "gold", "evil": "a\r\nX-Admin: 1", "twice": "{client_ip}", "list": []any{"a"}}}
}

func TestPolicy(t *testing.T) {
	const tenant = `{"set":{"X-Tenant":"{consumer}","X-Order":"{param.id}","X-Fixed":"a"},"remove":["Cookie"],"add":{"X-Multi":"{client_ip}"}}`
	policytest.Run(t, &requestheaders.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "edits", Hot: true, Config: tenant, Steps: []policytest.Step{
			sent(policytest.Fields{"cookie", "a=1", "x-tenant", "forged", "Cookie", "b=2", "X-Multi", "mine"}, acme(),
				map[string]string{"Cookie": "", "X-Tenant": "acme", "X-Order": "7", "X-Fixed": "a", "X-Multi": "mine"}),
			{Request: policytest.Request{Header: policytest.Fields{"X-Multi", "mine"}}, Want: policytest.Want{Forwarded: true}, Check: func(t testing.TB, r *policytest.Result) {
				if v := r.Sent.Header.All("X-Multi"); len(v) != 2 || v[1] != "192.0.2.1" {
					t.Errorf("X-Multi is %q", v)
				}
			}},
		}},
		{Name: "a variable without a value takes the client's field along", Config: tenant, Steps: []policytest.Step{
			sent(policytest.Fields{"X-Tenant", "forged"}, nil, map[string]string{"X-Tenant": "", "X-Fixed": "a"}),
			sent(policytest.Fields{"X-Tenant", "forged"}, &policy.Principal{}, map[string]string{"X-Tenant": ""}),
		}},
		{Name: "claims", Config: `{"set":{"X-Tier":"{claim.tier}","X-Evil":"{claim.evil}","X-Twice":"{claim.twice}","X-List":"{claim.list}"}}`, Steps: []policytest.Step{
			sent(nil, acme(), map[string]string{"X-Tier": "gold", "X-Evil": "", "X-Twice": "{client_ip}", "X-List": "", "X-Admin": ""}),
		}},
		{Name: "secret", Hot: true, Config: `{"set":{"Authorization":{"secret":"backend"}}}`, Steps: []policytest.Step{
			sent(policytest.Fields{"Authorization", "Bearer mine"}, nil, map[string]string{"Authorization": "secret:backend"}),
		}},
		{Name: "secret that is not there", Config: `{"set":{"Authorization":{"secret":"backend"}}}`, Error: "/set/Authorization/secret: no such secret", Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Secret = func(string) ([]byte, error) { return nil, errors.New("no such secret") }
			return d
		}},
		{Name: "secret with a line break", Config: `{"add":{"Authorization":{"secret":"backend"}}}`, Error: "/add/Authorization/secret: the secret holds a control character", Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Secret = func(string) ([]byte, error) { return []byte("a\n"), nil }
			return d
		}},
		{Name: "unknown parameter", Config: `{"set":{"X-Order":"{param.ids}"}}`, Error: `did you mean "id"?`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Scope.Params = []string{"id"}
			return d
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &requestheaders.Descriptor) }

func FuzzRequest(f *testing.F) {
	f.Add("acme", "gold", "7")
	f.Fuzz(func(t *testing.T, consumer, claim, param string) {
		policytest.Fuzz(t, &requestheaders.Descriptor, policytest.Case{Config: `{"set":{"X-A":"{consumer} {claim.c} {param.p}"}}`, Steps: []policytest.Step{
			{Request: policytest.Request{Params: map[string]string{"p": param}, Principal: &policy.Principal{ConsumerName: consumer, Claims: map[string]any{"c": claim}}}},
		}})
	})
}

func BenchmarkEdits(b *testing.B) {
	policytest.Bench(b, &requestheaders.Descriptor, policytest.Case{
		Config: `{"set":{"X-Tenant":"{consumer}","X-Fixed":"a"},"remove":["Cookie"]}`,
		Steps:  []policytest.Step{sent(policytest.Fields{"Cookie", "a=1"}, acme(), nil)},
	})
}
