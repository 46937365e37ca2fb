package ratelimit_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/limittest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/ratelimit"
	"github.com/tollgate/tollgate/services/contract"
)

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Counters = limittest.Local(t)
	return d
}

func key(kid uint64) *policy.Principal {
	return &policy.Principal{Kind: policy.KindAPIKey, Key: kid, Consumer: 9}
}

var (
	alice, bob = key(1), key(2)

	sent    = policytest.Want{Forwarded: true}
	refused = policytest.Want{
		Rejected: true, Code: contract.CodeRateLimited, Status: 429,
		Header: map[string]string{"RateLimit-Policy": `"rate_limit";q=2;w=1`, "RateLimit": `"rate_limit";r=0;t=1`},
	}
)

func TestPolicy(t *testing.T) {
	policytest.Run(t, &ratelimit.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{
			Name: "by key", Deps: deps, Config: `{"rate":2,"burst":2,"by":"key","scope":"edge"}`,
			Steps: []policytest.Step{
				{Request: policytest.Request{Principal: alice}, Want: policytest.Want{Forwarded: true, Header: map[string]string{
					"RateLimit-Policy": `"rate_limit";q=2;w=1`, "RateLimit": `"rate_limit";r=1;t=1`,
				}}},
				{Request: policytest.Request{Principal: alice}, Want: sent},
				{Request: policytest.Request{Principal: alice}, Want: refused},
				{Request: policytest.Request{Principal: bob}, Want: sent},
				{Request: policytest.Request{Principal: alice}, Wait: 500 * time.Millisecond, Want: sent},
				{Request: policytest.Request{Principal: alice}, Want: refused},
			},
		},
		{
			Name: "requests without a key share one bucket", Deps: deps, Config: `{"rate":2,"burst":1,"by":"key","scope":"edge"}`,
			Steps: []policytest.Step{
				{Want: sent},
				{Request: policytest.Request{Client: "192.0.2.9"}, Want: policytest.Want{Rejected: true, Code: contract.CodeRateLimited, Status: 429}},
			},
		},
		{
			Name: "by consumer two keys share", Deps: deps, Config: `{"rate":1,"burst":1,"by":"consumer","scope":"edge"}`,
			Steps: []policytest.Step{
				{Request: policytest.Request{Principal: alice}, Want: sent},
				{Request: policytest.Request{Principal: bob}, Want: policytest.Want{Rejected: true, Code: contract.CodeRateLimited, Status: 429}},
			},
		},
		{
			Name: "by ip an IPv6 network is one client", Deps: deps, Config: `{"rate":1,"burst":1,"by":"ip","scope":"edge"}`,
			Steps: []policytest.Step{
				{Request: policytest.Request{Client: "2001:db8::1"}, Want: sent},
				{Request: policytest.Request{Client: "2001:db8::2"}, Want: policytest.Want{Rejected: true, Code: contract.CodeRateLimited, Status: 429}},
				{Request: policytest.Request{Client: "2001:db8:0:1::2"}, Want: sent},
				{Request: policytest.Request{Client: "::ffff:192.0.2.7"}, Want: sent},
				{Request: policytest.Request{Client: "192.0.2.7"}, Want: policytest.Want{Rejected: true, Code: contract.CodeRateLimited, Status: 429}},
			},
		},
		{Name: "hot", Hot: true, Deps: deps, Config: `{"rate":1000000,"burst":100000000,"by":"key","scope":"edge"}`, Steps: []policytest.Step{
			{Request: policytest.Request{Principal: alice}, Want: sent},
		}},
		{Name: "hot by ip", Hot: true, Deps: deps, Config: `{"rate":1000000,"burst":100000000,"by":"ip","scope":"edge"}`, Steps: []policytest.Step{{Want: sent}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &ratelimit.Descriptor) }

func BenchmarkRateLimit(b *testing.B) {
	policytest.Bench(b, &ratelimit.Descriptor, policytest.Case{
		Deps: deps, Config: `{"rate":10000000,"burst":100000000,"by":"key","scope":"edge"}`,
		Steps: []policytest.Step{{Request: policytest.Request{Principal: alice}, Want: sent}},
	})
}
