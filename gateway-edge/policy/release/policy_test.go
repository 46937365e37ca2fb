package release_test

import (
	"fmt"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/release"
)

func config(percent float64) string {
	return fmt.Sprintf(`{"header":"X-Variant","variants":[{"name":"canary","upstream":"v2","percent":%g,"when":[{"header":"X-Canary","value":"1"},{"cookie":"beta","value":"yes"},{"claim":"groups","value":"testers"}]}]}`, percent)
}

func TestPolicy(t *testing.T) {
	is := func(name string, q policytest.Request, variant string) policytest.Case {
		return policytest.Case{Name: name, Hot: true, Config: config(0), Steps: []policytest.Step{{Request: q, Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": variant}}}}}
	}
	tester := &policy.Principal{ConsumerName: "x", Claims: map[string]any{"groups": []any{"all", "testers"}}}
	scheduled := func(state string) string {
		return `{"header":"X-Variant","variants":[{"name":"canary","upstream":"v2","schedule":{"steps":[{"percent":100}]}` + state + `}]}`
	}
	policytest.Run(t, &release.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "not begun", Hot: true, Config: scheduled(""), Steps: []policytest.Step{{Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": ""}}}}},
		{Name: "begun", Hot: true, Config: scheduled(`,"state":{"outcome":"running","percent":100}`), Steps: []policytest.Step{{Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": "canary"}}}}},
		{Name: "stopped", Hot: true, Config: scheduled(`,"state":{"outcome":"stopped","percent":0,"reason":"bad"}`), Steps: []policytest.Step{{Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": ""}}}}},
		is("nobody", policytest.Request{}, ""),
		is("by a header", policytest.Request{Header: policytest.Fields{"X-Canary", "1"}}, "canary"),
		is("by another value", policytest.Request{Header: policytest.Fields{"X-Canary", "0"}}, ""),
		is("by a cookie", policytest.Request{Header: policytest.Fields{"Cookie", "a=b; beta=yes; c=d"}}, "canary"),
		is("by a claim", policytest.Request{Principal: tester}, "canary"),
		{Name: "everybody", Hot: true, Config: config(100), Steps: []policytest.Step{
			{Request: policytest.Request{Client: "198.51.100.7"}, Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": "canary"}}},
			{Request: policytest.Request{Client: "2001:db8::1"}, Want: policytest.Want{Forwarded: true, Header: map[string]string{"X-Variant": "canary"}}},
		}},
	}})
}

// variantOf serves one request.
func variantOf(t *testing.T, steps []policy.Step, q policytest.Request) string {
	t.Helper()
	v, _ := policytest.Serve(t, steps, policytest.Step{Request: q}).Header.Get("X-Variant")
	return v
}

func chain(t *testing.T, config string) []policy.Step {
	t.Helper()
	p, err := release.Descriptor.New([]byte(config), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Step{{Policy: p, Descriptor: &release.Descriptor, From: "route"}}
}

// TestNobodyFlipsBack: whoever is in at a share is in at every larger one, and the
// shares are what they say.
func TestNobodyFlipsBack(t *testing.T) {
	t.Parallel()
	const callers = 4000
	ways := map[string]func(i int) policytest.Request{
		"consumer": func(i int) policytest.Request {
			return policytest.Request{Principal: &policy.Principal{ConsumerName: fmt.Sprintf("consumer-%d", i)}}
		},
		"address": func(i int) policytest.Request {
			return policytest.Request{Client: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}
		},
	}
	for name, request := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := map[int]bool{}
			for _, percent := range []float64{0, 1, 10, 50, 90, 100} {
				steps := chain(t, config(percent))
				n := 0
				for i := range callers {
					now := variantOf(t, steps, request(i)) == "canary"
					if in[i] && !now {
						t.Fatalf("caller %d was in and is out at %g percent", i, percent)
					}
					if in[i] = now; now {
						n++
					}
				}
				if want := percent / 100 * callers; float64(n) < want-4*32 || float64(n) > want+4*32 {
					t.Errorf("%g percent of %d callers are %d", percent, callers, n)
				}
			}
		})
	}
}

// TestSeveral: each variant has its share, whatever stands before it.
func TestSeveral(t *testing.T) {
	t.Parallel()
	steps := chain(t, `{"header":"X-Variant","variants":[{"name":"a","upstream":"x","percent":50},{"name":"b","upstream":"x","percent":25},{"name":"c","upstream":"x","percent":25}],"stick_by":{"from":"header","name":"X-User"}}`)
	got := map[string]int{}
	for i := range 4000 {
		got[variantOf(t, steps, policytest.Request{Header: policytest.Fields{"X-User", fmt.Sprint("u", i)}})]++
	}
	if got[""] != 0 || got["a"] < 1870 || got["a"] > 2130 || got["b"] < 890 || got["b"] > 1110 {
		t.Errorf("%v", got)
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &release.Descriptor) }

func BenchmarkRelease(b *testing.B) {
	policytest.Bench(b, &release.Descriptor, policytest.Case{Config: config(50), Steps: []policytest.Step{{}}})
}
