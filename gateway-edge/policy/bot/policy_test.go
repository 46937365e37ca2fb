package bot_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/bot"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func passes(header ...string) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: header}, Want: policytest.Want{Forwarded: true}}
}

// refused wants a note for the tenant, and nothing for the caller.
func refused(why string, header ...string) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: header}, Want: policytest.Want{Rejected: true, Code: contract.CodeBotRefused}, Check: func(t testing.TB, r *policytest.Result) {
		if got := r.Trace.Policies[0].Detail; !strings.Contains(got, why) || r.Reply.Detail != "" {
			t.Errorf("noted %q, told %q", got, r.Reply.Detail)
		}
	}}
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func TestPolicy(t *testing.T) {
	policytest.Run(t, &bot.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "defaults", Hot: true, Steps: []policytest.Step{
			passes("User-Agent", browser),
			passes("User-Agent", "curl/8.0"),
			refused("no User-Agent"),
			refused("no User-Agent", "User-Agent", " "),
			refused("scanners", "User-Agent", "SQLMap/1.7"),
			refused("scanners", "User-Agent", "Mozilla/5.0 Nikto"),
			refused("more than one", "User-Agent", browser, "User-Agent", browser),
		}},
		{Name: "own lists", Hot: true, Config: `{"deny":["Firefox/14","x y"],"allow":["trusted"],"known":["libraries"],"require_user_agent":false,"require_headers":["Accept-Language"]}`, Steps: []policytest.Step{
			refused("one of deny", "User-Agent", browser),
			passes("User-Agent", browser+" TRUSTED"),
			passes("User-Agent", "sqlmap", "accept-language", "de"),
			passes("Accept-Language", "de"),
			refused("libraries", "User-Agent", "python-requests/2", "Accept-Language", "de"),
			refused("no Accept-Language", "User-Agent", "sqlmap"),
		}},
		{Name: "nothing asked", Config: `{"known":[],"require_user_agent":false}`, Steps: []policytest.Step{passes(), passes("User-Agent", "sqlmap")}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &bot.Descriptor) }

func BenchmarkBrowser(b *testing.B) {
	policytest.Bench(b, &bot.Descriptor, policytest.Case{Steps: []policytest.Step{passes("User-Agent", browser)}})
}
