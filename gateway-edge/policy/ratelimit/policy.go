package ratelimit

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
	"github.com/tollgate/tollgate/services/contract"
)

// Type is the policy's name in configurations.
const Type = "rate_limit"

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  Type,
	Phase: policy.PhaseLimit,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	// Rate tokens come back each Per; a request takes one.
	Rate int64  `json:"rate"`
	Per  string `json:"per"`
	// Burst is how many tokens there can be at once; 0: one second's worth, at
	// least 1.
	Burst int64 `json:"burst"`
	// By says whose requests share a bucket, Scope whether over all edges.
	By    string `json:"by"`
	Scope string `json:"scope"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Per: "second"}
	rate, subject := contract.Rate{}, spend.Subject{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		rate = contract.Rate{Rate: c.Rate, Per: c.Per, Burst: c.Burst}
		subject = spend.Subject{By: c.By, Scope: c.Scope}
		policy.CheckRate(rate, errs)
		subject.Check(errs)
	})
	if err != nil {
		return nil, err
	}
	l, err := spend.New(Type, policy.CounterSpec{Kind: policy.CountRate, Rate: rate}, subject, d)
	if err != nil {
		return nil, err
	}
	return &handler{l}, nil
}
