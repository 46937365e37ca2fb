package validateresponse

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/validation"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "validate_response",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration: responses, or an operation of an OpenAPI
// document.
type Config struct {
	validation.Common
	// Responses by status ("200"), class ("2XX") or "default".
	Responses map[string]*validation.Body `json:"responses"`
	// UnknownStatuses says what becomes of answers with a status that is not
	// described: "pass" or "refuse".
	UnknownStatuses string `json:"unknown_statuses"`
}

const maxResponses = 50

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Common: validation.Common{Formats: true, Mode: "report"}}
	p := &rules{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.Check(errs)
		if c.UnknownStatuses != "" && c.UnknownStatuses != "pass" && c.UnknownStatuses != "refuse" {
			errs.Add("/unknown_statuses", `is "pass" or "refuse"`)
		}
		switch {
		case c.OpenAPI != nil && len(c.Responses) > 0:
			errs.Add("/openapi", "can't stand beside responses")
		case c.OpenAPI != nil:
			p.api = c.CompileOpenAPI(true, d.OpenAPI, errs)
		case len(c.Responses) == 0:
			errs.Add("", "responses or openapi is needed: without one the policy does nothing")
		case len(c.Responses) > maxResponses:
			errs.Add("/responses", fmt.Sprintf("has %d entries, at most %d are allowed", len(c.Responses), maxResponses))
		default:
			p.compile(&c, errs)
		}
	})
	if err != nil {
		return nil, err
	}
	p.report, p.known, p.max = c.Mode != "refuse", c.UnknownStatuses == "refuse", c.MaxBytes
	p.strict = c.OpenAPI != nil && c.OpenAPI.Unknown == "refuse"
	return p, nil
}

func (p *rules) compile(c *Config, errs *contract.FieldErrors) {
	p.own.Responses = map[string]*validation.Content{}
	for _, key := range slices.Sorted(maps.Keys(c.Responses)) {
		at := contract.Pointer("responses", key)
		if !statusKey(key) {
			errs.Add(at, `is a status such as "200", a class such as "2XX", or "default"`)
			continue
		}
		if c.Responses[key] == nil {
			errs.Add(at, "is an object")
			continue
		}
		p.own.Responses[key] = c.Responses[key].Compile(&c.Common, at, errs)
	}
}

func statusKey(s string) bool {
	if s == "default" {
		return true
	}
	if len(s) != 3 || s[0] < '2' || s[0] > '5' {
		return false
	}
	return s[1:] == "XX" || s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// rules is immutable.
type rules struct {
	own    validation.Operation
	api    *validation.Operations // instead of own
	report bool
	known  bool // only described statuses are taken
	strict bool // answers to requests that the document does not describe are bad ones
	max    int64
}

var (
	_ policy.Policy    = (*rules)(nil)
	_ policy.Responder = (*rules)(nil)
	_ policy.Needer    = (*rules)(nil)
	_ policy.Chooser   = (*rules)(nil)
)
