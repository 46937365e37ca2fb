package policytest

import (
	"encoding/json"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// BenchmarkNone is the same way through a chain of one policy that does nothing:
// what is taken from the figures of others.
func BenchmarkNone(b *testing.B) {
	Bench(b, &policy.Descriptor{
		Type: "nothing", New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return nothing{}, nil },
	}, Case{Steps: []Step{{Request: Request{Path: "/"}}}})
}

type nothing struct{}

func (nothing) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }
