package requestheaders

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "request_headers",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration.
type Config = fieldedit.Config

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &edits{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.edits = fieldedit.Compile(&c, fieldedit.Options{
			Protected: fieldedit.Request, Vars: template.All, Params: d.Scope.Params, Secret: d.Secret,
		}, errs)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// edits is immutable.
type edits struct{ edits *fieldedit.Edits }

var _ policy.Policy = (*edits)(nil)
