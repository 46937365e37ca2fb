package quota_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/limittest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/quota"
	"github.com/tollgate/tollgate/services/contract"
)

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Counters = limittest.Local(t)
	return d
}

var (
	caller  = &policy.Principal{Kind: policy.KindAPIKey, Key: 1, Consumer: 9}
	sent    = policytest.Want{Forwarded: true}
	refused = policytest.Want{Rejected: true, Code: contract.CodeQuotaExceeded, Status: 429}
)

// The kit's clock stands at noon: half of the day is left.
func TestPolicy(t *testing.T) {
	policytest.Run(t, &quota.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{
			Name: "a day's", Deps: deps, Config: `{"limit":2,"period":"day","by":"consumer","scope":"edge"}`,
			Steps: []policytest.Step{
				{Request: policytest.Request{Principal: caller}, Want: policytest.Want{Forwarded: true, Header: map[string]string{
					"RateLimit-Policy": `"quota";q=2;w=86400`, "RateLimit": `"quota";r=1;t=43200`,
				}}},
				{Request: policytest.Request{Principal: caller}, Want: sent},
				{Request: policytest.Request{Principal: caller}, Want: policytest.Want{
					Rejected: true, Code: contract.CodeQuotaExceeded, Status: 429, Retry: 12 * time.Hour,
					Header: map[string]string{"RateLimit": `"quota";r=0;t=43200`},
				}},
				{Request: policytest.Request{Principal: caller}, Wait: 12*time.Hour - time.Second, Want: refused},
				{Request: policytest.Request{Principal: caller}, Wait: time.Second, Want: sent},
			},
		},
		{
			Name: "by ip", Deps: deps, Config: `{"limit":1,"period":"hour","by":"ip","scope":"edge"}`,
			Steps: []policytest.Step{
				{Want: sent},
				{Want: refused},
				{Request: policytest.Request{Client: "192.0.2.2"}, Want: sent},
				{Wait: time.Hour, Want: sent},
			},
		},
		{Name: "hot", Hot: true, Deps: deps, Config: `{"limit":1000000000,"period":"month","by":"key","scope":"edge"}`, Steps: []policytest.Step{
			{Request: policytest.Request{Principal: caller}, Want: sent},
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &quota.Descriptor) }

func BenchmarkQuota(b *testing.B) {
	policytest.Bench(b, &quota.Descriptor, policytest.Case{
		Deps: deps, Config: `{"limit":1000000000000,"period":"month","by":"key","scope":"edge"}`,
		Steps: []policytest.Step{{Request: policytest.Request{Principal: caller}, Want: sent}},
	})
}
