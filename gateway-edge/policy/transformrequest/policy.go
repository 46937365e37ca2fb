package transformrequest

import (
	"encoding/json"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/reshape"
	"github.com/tollgate/tollgate/gateway-edge/policy/target"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "transform_request",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration. Something of it is given.
type Config struct {
	// Method is the one that is sent on.
	Method string `json:"method"`
	// Path is the whole new path; it takes variables.
	Path    string            `json:"path"`
	Query   target.Query      `json:"query"`
	Headers *fieldedit.Config `json:"headers"`
	Body    *reshape.Config   `json:"body"`
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &change{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		if c.Method != "" && !slices.Contains(methods, c.Method) {
			errs.Add("/method", "is GET, POST, PUT, PATCH, DELETE or QUERY")
		}
		if c.Path != "" {
			p.path = target.CompilePath(c.Path, d.Scope.Params, errs)
		}
		p.query = c.Query.Compile(d.Scope.Params, errs)
		if c.Headers != nil {
			var found contract.FieldErrors
			p.headers = fieldedit.Compile(c.Headers, fieldedit.Options{
				Protected: fieldedit.Request, Vars: template.All, Params: d.Scope.Params, Secret: d.Secret,
			}, &found)
			errs.AddAt("/headers", found.Err())
		}
		if c.Body != nil {
			var found contract.FieldErrors
			p.body = reshape.Compile(c.Body, reshape.Options{Params: d.Scope.Params, Refuse: true}, &found)
			errs.AddAt("/body", found.Err())
		}
		if c.Method+c.Path == "" && c.Query.Empty() && c.Headers == nil && c.Body == nil {
			errs.Add("", "method, path, query, headers or body is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	p.method = c.Method
	return p, nil
}

// change is immutable.
type change struct {
	method  string // "": stays
	path    *template.Template
	query   *target.Edits
	headers *fieldedit.Edits
	body    *reshape.Change
}

var (
	_ policy.Policy  = (*change)(nil)
	_ policy.Needer  = (*change)(nil)
	_ policy.Chooser = (*change)(nil)
)
