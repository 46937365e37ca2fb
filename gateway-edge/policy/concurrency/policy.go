package concurrency

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
	"github.com/tollgate/tollgate/services/contract"
)

// Type is the policy's name in configurations.
const Type = "concurrency"

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  Type,
	Phase: policy.PhaseLimit,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	// Limit is how many requests may be open at once.
	Limit int64 `json:"limit"`
	// By says whose requests share a counter, Scope whether over all edges.
	By    string `json:"by"`
	Scope string `json:"scope"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	subject := spend.Subject{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		if c.Limit < 1 || c.Limit > policy.MaxConcurrency {
			errs.Add("/limit", fmt.Sprintf("must be 1 to %d", policy.MaxConcurrency))
		}
		subject = spend.Subject{By: c.By, Scope: c.Scope}
		subject.Check(errs)
	})
	if err != nil {
		return nil, err
	}
	l, err := spend.New(Type, policy.CounterSpec{Kind: policy.CountConcurrency, Limit: c.Limit}, subject, d)
	if err != nil {
		return nil, err
	}
	return &handler{l}, nil
}
