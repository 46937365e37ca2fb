package deprecation_test

import (
	"slices"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/deprecation"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

const config = `{"since":"2026-11-22T00:00:00Z","sunset":"2027-06-30T12:00:00+02:00","info":"https://example.com/v1","successor":"/v2"}`

func TestPolicy(t *testing.T) {
	backend := policytest.Response{Header: policytest.Fields{"Deprecation", "true", "Link", `</next>; rel="next"`}}
	policytest.Run(t, &deprecation.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "all", Hot: true, Config: config, Steps: []policytest.Step{{
			Backend: backend,
			Want:    policytest.Want{Forwarded: true, Header: map[string]string{"Deprecation": "@1795305600", "Sunset": "Wed, 30 Jun 2027 10:00:00 GMT"}},
			Check: func(t testing.TB, r *policytest.Result) {
				want := []string{`</next>; rel="next"`, `<https://example.com/v1>; rel="deprecation"`, `</v2>; rel="successor-version"`}
				if got := r.Header.All("Link"); !slices.Equal(got, want) {
					t.Errorf("%q", got)
				}
				if got := r.Header.All("Deprecation"); len(got) != 1 {
					t.Errorf("%q", got)
				}
			},
		}}},
		{Name: "since alone", Config: `{"since":"2026-11-22T00:00:00Z"}`, Steps: []policytest.Step{{
			Want: policytest.Want{Forwarded: true, Header: map[string]string{"Deprecation": "@1795305600", "Sunset": "", "Link": ""}},
		}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &deprecation.Descriptor) }

func BenchmarkDeprecation(b *testing.B) {
	policytest.Bench(b, &deprecation.Descriptor, policytest.Case{Config: config, Steps: []policytest.Step{{}}})
}
