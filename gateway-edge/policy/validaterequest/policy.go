package validaterequest

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/validation"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "validate_request",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration: parameters and a body, or an operation of
// an OpenAPI document.
type Config struct {
	validation.Common
	Parameters []validation.Parameter `json:"parameters"`
	Body       *validation.Body       `json:"body"`
	// UnknownQuery says what becomes of query parameters that are not described:
	// "pass" or "refuse".
	UnknownQuery string `json:"unknown_query"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Common: validation.Common{Formats: true}}
	p := &rules{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.Check(errs)
		p.own.Parameters = validation.CompileParameters(c.Parameters, &c.Common, d.Scope.Params, errs)
		if c.Body != nil {
			p.own.Body = c.Body.Compile(&c.Common, "/body", errs)
		}
		if c.UnknownQuery != "" && c.UnknownQuery != "pass" && c.UnknownQuery != "refuse" {
			errs.Add("/unknown_query", `is "pass" or "refuse"`)
		}
		switch inline := len(c.Parameters) > 0 || c.Body != nil; {
		case c.OpenAPI != nil && inline:
			errs.Add("/openapi", "can't stand beside parameters and body")
		case c.OpenAPI != nil:
			p.api = c.CompileOpenAPI(false, d.OpenAPI, errs)
		case !inline && c.UnknownQuery != "refuse":
			errs.Add("", "parameters, body or openapi is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	p.report, p.known, p.max = c.Mode == "report", c.UnknownQuery == "refuse", c.MaxBytes
	p.pass = c.OpenAPI != nil && c.OpenAPI.Unknown == "pass"
	return p, nil
}

// rules is immutable.
type rules struct {
	own    validation.Operation
	api    *validation.Operations // instead of own
	report bool
	known  bool // only described query parameters are taken
	pass   bool // so do requests that the document does not describe
	max    int64
}

var (
	_ policy.Policy  = (*rules)(nil)
	_ policy.Needer  = (*rules)(nil)
	_ policy.Chooser = (*rules)(nil)
)
