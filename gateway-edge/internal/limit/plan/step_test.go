package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit/limittest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// descriptor makes the step testable by the kit: its "configuration" is the
// organization and the usage plans of a case.
func descriptor(t testing.TB) *policy.Descriptor {
	d := NewDescriptor()
	d.New = func(raw json.RawMessage, deps policy.Deps) (policy.Policy, error) {
		var c struct {
			Org   contract.Organization `json:"org"`
			Plans []contract.UsagePlan  `json:"plans"`
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, err
		}
		l := deps.Counters.(*limit.Limits)
		return Step(l, l.Organization(&c.Org), deps.Scope, c.Plans, "orders")
	}
	return d
}

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Counters = limittest.Local(t)
	return d
}

func caller(kid, consumer, plan uint64) *policy.Principal {
	return &policy.Principal{Kind: policy.KindAPIKey, Key: kid, Consumer: consumer, UsagePlan: plan}
}

var (
	anna, anna2, ben = caller(1, 10, 5), caller(2, 10, 5), caller(3, 11, 5)
	sent             = policytest.Want{Forwarded: true}
)

func refused(c contract.Code) policytest.Want {
	return policytest.Want{Rejected: true, Code: c, Status: c.Info().Status}
}

func by(p *policy.Principal, w policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Principal: p}, Want: w}
}

func TestStep(t *testing.T) {
	policytest.Run(t, descriptor(t), policytest.Suite{Cases: []policytest.Case{
		{Name: "nothing", Config: `{"org":{"num":1}}`, Deps: deps, Hot: true, Steps: []policytest.Step{by(nil, sent), by(caller(1, 1, 0), sent)}},
		{
			Name: "a usage plan is by consumer", Deps: deps,
			Config: `{"org":{"num":1},"plans":[{"num":5,"name":"basic","quota":{"limit":2,"period":"day"}}]}`,
			Steps: []policytest.Step{
				by(anna, policytest.Want{Forwarded: true, Header: map[string]string{
					"RateLimit-Policy": `"quota";q=2;w=86400`, "RateLimit": `"quota";r=1;t=43200`,
				}}),
				by(anna2, sent),
				by(anna, policytest.Want{Rejected: true, Code: contract.CodeQuotaExceeded, Status: 429, Retry: 12 * time.Hour, Header: map[string]string{"RateLimit": `"quota";r=0;t=43200`}}),
				by(ben, sent),
				by(nil, sent), // a public route: no plan
			},
		},
		{
			Name: "the organization's quota holds for everybody and is not told", Deps: deps,
			Config: `{"org":{"num":1,"requests_per_day":2}}`,
			Steps: []policytest.Step{
				by(anna0, policytest.Want{Forwarded: true, Header: map[string]string{"RateLimit": "", "RateLimit-Policy": ""}}),
				by(nil, sent),
				by(ben0, policytest.Want{Rejected: true, Code: contract.CodeQuotaExceeded, Status: 429, Header: map[string]string{"RateLimit": ""}}),
			},
		},
		{
			Name: "all or none: a refusal by the plan's quota gives the rates and the organization's quota back", Deps: deps,
			Config: `{"org":{"num":1,"requests_per_day":3,"rate":{"rate":1,"per":"hour","burst":3}},"plans":[{"num":5,"name":"b","rate_limit":{"rate":1,"per":"hour","burst":2},"quota":{"limit":1,"period":"day"}}]}`,
			Steps: []policytest.Step{
				by(anna, sent),
				by(anna, refused(contract.CodeQuotaExceeded)),
				by(anna, refused(contract.CodeQuotaExceeded)),
				by(anna, refused(contract.CodeQuotaExceeded)),
				by(ben, sent),
				by(nil, sent),
				by(nil, refused(contract.CodeRateLimited)),
			},
		},
		{
			Name: "routes of the plan", Deps: deps,
			Config: `{"org":{"num":1},"plans":[{"num":5,"name":"a","routes":["orders","items"]},{"num":6,"name":"b","routes":["items"]}]}`,
			Steps:  []policytest.Step{by(anna, sent), by(caller(9, 12, 6), refused(contract.CodeForbidden))},
		},
		{
			Name: "a plan that the document does not know fails closed", Deps: deps, Config: `{"org":{"num":1}}`,
			Steps: []policytest.Step{by(anna, refused(contract.CodeForbidden))},
		},
		{
			Name: "concurrency comes back", Deps: deps, Config: `{"org":{"num":1,"concurrency":1},"plans":[{"num":5,"name":"a","concurrency":1}]}`,
			Steps: []policytest.Step{by(anna, sent), by(anna, sent), by(ben, sent)},
		},
		{
			Name: "everything at once", Deps: deps, Hot: true,
			Config: `{"org":{"num":1,"requests_per_period":1000000000,"period_start":1763769600,"period_end":1796000000,"requests_per_day":1000000000,"rate":{"rate":1000000,"burst":10000000},"concurrency":100},
			  "plans":[{"num":5,"name":"a","rate_limit":{"rate":1000000,"burst":10000000},"quota":{"limit":1000000000,"period":"month"},"concurrency":100}]}`,
			Steps: []policytest.Step{by(anna, sent)},
		},
	}})
}

// withLimits is a key of its own consumer, on plan 5.
func withLimits(kid, consumer, of uint64, l contract.KeyLimits) *policy.Principal {
	p := caller(kid, consumer, 5)
	p.Limits, p.LimitsOf = &l, of
	return p
}

func quota(n int64) contract.KeyLimits {
	return contract.KeyLimits{Quota: &contract.Quota{Limit: n, Period: "day"}}
}

// TestKeyLimits: a key's own limits stand in for the plan's kind by kind, are
// counted by key, and never lift the organization's.
func TestKeyLimits(t *testing.T) {
	plan := `{"org":{"num":1},"plans":[{"num":5,"name":"basic","quota":{"limit":1,"period":"day"}}]}`
	told := func(limit, left string) policytest.Want {
		return policytest.Want{Forwarded: true, Header: map[string]string{
			"RateLimit-Policy": `"quota";q=` + limit + `;w=86400`, "RateLimit": `"quota";r=` + left + `;t=43200`,
		}}
	}
	high := withLimits(20, 30, 0, quota(3))
	low := withLimits(21, 30, 0, quota(1))
	fresh := withLimits(22, 31, 23, quota(2)) // was rotated from 23
	old := withLimits(23, 31, 0, quota(2))
	slow := withLimits(24, 32, 0, contract.KeyLimits{RateLimit: &contract.Rate{Rate: 1, Per: "hour", Burst: 5}})
	fast := withLimits(28, 35, 0, quota(9))
	policytest.Run(t, descriptor(t), policytest.Suite{Cases: []policytest.Case{
		{Name: "above the plan's, by key", Deps: deps, Config: plan, Steps: []policytest.Step{
			by(high, told("3", "2")), by(high, sent), by(low, sent), by(low, refused(contract.CodeQuotaExceeded)),
			by(high, sent), by(high, refused(contract.CodeQuotaExceeded)),
			by(caller(25, 30, 5), sent), by(caller(25, 30, 5), refused(contract.CodeQuotaExceeded)), // the plan's own was not used
		}},
		{Name: "rotated keys share what is left", Deps: deps, Config: plan, Steps: []policytest.Step{
			by(old, sent), by(fresh, sent), by(old, refused(contract.CodeQuotaExceeded)), by(fresh, refused(contract.CodeQuotaExceeded)),
		}},
		{
			Name: "other kinds stay the plan's", Deps: deps,
			Config: `{"org":{"num":1},"plans":[{"num":5,"name":"basic","rate_limit":{"rate":9,"per":"hour"},"quota":{"limit":1,"period":"day"}}]}`,
			Steps:  []policytest.Step{by(slow, sent), by(slow, refused(contract.CodeQuotaExceeded)), by(fast, sent), by(fast, refused(contract.CodeRateLimited))},
		},
		{Name: "never above the organization's", Deps: deps, Config: `{"org":{"num":1,"requests_per_day":2},"plans":[{"num":5,"name":"basic"}]}`, Steps: []policytest.Step{
			by(high, sent), by(high, sent), by(high, refused(contract.CodeQuotaExceeded)),
		}},
		{Name: "what this edge does not know fails closed", Deps: deps, Config: plan, Steps: []policytest.Step{
			by(withLimits(26, 33, 0, contract.KeyLimits{Quota: &contract.Quota{Limit: 1, Period: "eon"}}), refused(contract.CodeForbidden)),
		}},
		{Name: "without allocation", Deps: deps, Hot: true, Config: plan, Steps: []policytest.Step{
			by(withLimits(27, 34, 0, contract.KeyLimits{
				RateLimit: &contract.Rate{Rate: 1_000_000, Burst: 10_000_000}, Quota: &contract.Quota{Limit: 1 << 40, Period: "month"}, Concurrency: 100,
			}), sent),
		}},
	}})
}

// TestExplainNamesWhoseLimitItIs asks for the trace of a key with a quota of its own.
func TestExplainNamesWhoseLimitItIs(t *testing.T) {
	d := deps(t)
	l := d.Counters.(*limit.Limits)
	p, err := Step(l, l.Organization(&contract.Organization{Num: 1, RequestsPerDay: 50}), d.Scope,
		[]contract.UsagePlan{{Num: 5, Name: "basic", Quota: &contract.Quota{Limit: 1, Period: "day"}, Concurrency: 2}}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	taken := &taken{}
	s := p.(*step)
	c := withLimits(40, 41, 0, quota(7))
	taken.fill(s.org.Limits(false), s.planOf(c), s.ownOf(c))
	var got []string
	for _, o := range taken.on[:taken.all] {
		got = append(got, o.from+" "+o.limit.Name)
	}
	if want := "organization quota_day usage_plan concurrency key quota"; strings.Join(got, " ") != want {
		t.Errorf("limits %v, want %s", got, want)
	}
}

var anna0, ben0 = caller(1, 10, 0), caller(3, 11, 0)

func BenchmarkStep(b *testing.B) {
	policytest.Bench(b, descriptor(b), policytest.Case{
		Deps: deps,
		Config: `{"org":{"num":1,"requests_per_period":1000000000000,"period_start":1763769600,"period_end":1796000000,"rate":{"rate":10000000,"burst":100000000},"concurrency":100},
			  "plans":[{"num":5,"name":"a","rate_limit":{"rate":10000000,"burst":100000000},"quota":{"limit":1000000000000,"period":"month"}}]}`,
		Steps: []policytest.Step{by(anna, sent)},
	})
}
