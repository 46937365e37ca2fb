package concurrency_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/limittest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/concurrency"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Counters = limittest.Local(t)
	return d
}

var (
	caller = &policy.Principal{Kind: policy.KindAPIKey, Key: 1, Consumer: 9}
	sent   = policytest.Want{Forwarded: true}
)

// A slot is free again after each request, however it ended: the kit plays every
// case to its end, cut short at each step, and again.
func TestPolicy(t *testing.T) {
	policytest.Run(t, &concurrency.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{
			Name: "one at a time", Deps: deps, Config: `{"limit":1,"by":"consumer","scope":"edge"}`, Hot: true,
			Steps: []policytest.Step{
				{Request: policytest.Request{Principal: caller}, Want: policytest.Want{Forwarded: true, Header: map[string]string{
					"RateLimit-Policy": `"concurrency";q=1;qu="concurrent-requests"`, "RateLimit": `"concurrency";r=0`,
				}}},
				{Request: policytest.Request{Principal: caller}, Want: sent},
				{Request: policytest.Request{Principal: caller}, Backend: policytest.Response{Status: 500}, Want: sent},
				{Request: policytest.Request{Principal: caller}, Want: sent},
			},
		},
		{Name: "by ip", Deps: deps, Config: `{"limit":1,"by":"ip","scope":"edge"}`, Hot: true, Steps: []policytest.Step{{Want: sent}, {Want: sent}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &concurrency.Descriptor) }

func BenchmarkConcurrency(b *testing.B) {
	policytest.Bench(b, &concurrency.Descriptor, policytest.Case{
		Deps: deps, Config: `{"limit":1000,"by":"key","scope":"edge"}`,
		Steps: []policytest.Step{{Request: policytest.Request{Principal: caller}, Want: sent}},
	})
}
