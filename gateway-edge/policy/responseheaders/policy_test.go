package responseheaders_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/responseheaders"
	"github.com/tollgate/tollgate/services/contract"
)

func got(backend policytest.Fields, want map[string]string) policytest.Step {
	return policytest.Step{
		Backend: policytest.Response{Status: 503, Header: backend},
		Want:    policytest.Want{Forwarded: true, Status: 503, Header: want},
	}
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &responseheaders.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "edits", Hot: true, Config: `{"remove":["server"],"set":{"X-Client":"{client_ip}","X-Fixed":"a"},"add":{"Vary":"Accept"}}`, Steps: []policytest.Step{
			got(policytest.Fields{"Server", "x", "X-Fixed", "b", "x-fixed", "c"}, map[string]string{"Server": "", "X-Client": "192.0.2.1", "X-Fixed": "a", "Vary": "Accept"}),
		}},
		{Name: "no value", Config: `{"set":{"X-Who":"{consumer}"}}`, Steps: []policytest.Step{got(policytest.Fields{"X-Who", "backend"}, map[string]string{"X-Who": ""})}},
	}})
}

type refuse struct{}

func (refuse) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	return x.Reject(contract.CodeKeyMissing, 0)
}

func TestOnErrors(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{"set":{"X-A":"1"}}`:                   "1",
		`{"set":{"X-A":"1"},"on_errors":false}`: "",
	} {
		p, err := responseheaders.New([]byte(config), policytest.NewDeps())
		if err != nil {
			t.Fatal(err)
		}
		policytest.Serve(t, []policy.Step{
			{Policy: p, Descriptor: &responseheaders.Descriptor},
			{Policy: refuse{}, Descriptor: &policy.Descriptor{Type: "refuse", Phase: policy.PhaseAuthenticate}},
		}, policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeKeyMissing, Status: 401, Header: map[string]string{"X-A": want}}})
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &responseheaders.Descriptor) }

func BenchmarkEdits(b *testing.B) {
	policytest.Bench(b, &responseheaders.Descriptor, policytest.Case{
		Config: `{"remove":["Server"],"set":{"X-Client":"{client_ip}"}}`,
		Steps:  []policytest.Step{got(policytest.Fields{"Server", "x"}, nil)},
	})
}
