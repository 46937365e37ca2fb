package responseheaders

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "response_headers",
	Phase: policy.PhaseGuard,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	Remove []string                   `json:"remove"`
	Set    map[string]fieldedit.Value `json:"set"`
	Add    map[string]fieldedit.Value `json:"add"`
	// OnErrors edits the edge's own answers too.
	OnErrors bool `json:"on_errors"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{OnErrors: true}
	p := &edits{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.edits = fieldedit.Compile(&fieldedit.Config{Remove: c.Remove, Set: c.Set, Add: c.Add}, fieldedit.Options{
			Protected: fieldedit.Response, Vars: template.All, Params: d.Scope.Params,
		}, errs)
	})
	if err != nil {
		return nil, err
	}
	p.onErrors = c.OnErrors
	return p, nil
}

// edits is immutable.
type edits struct {
	edits    *fieldedit.Edits
	onErrors bool
}

var (
	_ policy.Policy    = (*edits)(nil)
	_ policy.Responder = (*edits)(nil)
)
