package grpcweb

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "grpc_web",
	Phase:    policy.PhaseTransform,
	Request:  policy.Need{Mode: policy.NeedStream},
	Response: policy.Need{Mode: policy.NeedStream},
	New:      New,
}

// Config is the policy's configuration: there is nothing to set.
type Config struct{}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	var c Config
	if err := policy.DecodeConfig(raw, &c, func(*contract.FieldErrors) {}); err != nil {
		return nil, err
	}
	return translator{}, nil
}

// translator has no state.
type translator struct{}

var (
	_ policy.Policy    = translator{}
	_ policy.Responder = translator{}
)
