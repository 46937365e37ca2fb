package quota

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
	"github.com/tollgate/tollgate/services/contract"
)

// Type is the policy's name in configurations.
const Type = "quota"

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  Type,
	Phase: policy.PhaseLimit,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	// Limit is the number of requests in a Period: hour, day, week or month, in
	// UTC, weeks from Monday.
	Limit  int64  `json:"limit"`
	Period string `json:"period"`
	// By says whose requests share a counter, Scope whether over all edges.
	By    string `json:"by"`
	Scope string `json:"scope"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	subject := spend.Subject{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		if c.Limit < 1 || c.Limit > policy.MaxQuota {
			errs.Add("/limit", fmt.Sprintf("must be 1 to %d", int64(policy.MaxQuota)))
		}
		switch c.Period {
		case "hour", "day", "week", "month":
		default:
			errs.Add("/period", "must be hour, day, week or month")
		}
		subject = spend.Subject{By: c.By, Scope: c.Scope}
		subject.Check(errs)
	})
	if err != nil {
		return nil, err
	}
	spec := policy.CounterSpec{Kind: policy.CountQuota, Limit: c.Limit, Period: c.Period}
	l, err := spend.New(Type, spec, subject, d)
	if err != nil {
		return nil, err
	}
	return &handler{l}, nil
}
