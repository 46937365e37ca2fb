package transformresponse

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/reshape"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "transform_response",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration. Something of it is given.
type Config struct {
	// Statuses are the answers that are changed: "404", "2xx".
	Statuses []string `json:"statuses"`
	// Status: present status → the one that callers get.
	Status  map[string]int    `json:"status"`
	Headers *fieldedit.Config `json:"headers"`
	Body    *reshape.Config   `json:"body"`
}

const maxStatuses = 50

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Statuses: []string{"2xx"}}
	p := &change{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.compileStatuses(&c, errs)
		if c.Headers != nil {
			var found contract.FieldErrors
			p.headers = fieldedit.Compile(c.Headers, fieldedit.Options{Protected: fieldedit.Response, Vars: template.All, Params: d.Scope.Params}, &found)
			errs.AddAt("/headers", found.Err())
		}
		if c.Body != nil {
			var found contract.FieldErrors
			p.body = reshape.Compile(c.Body, reshape.Options{Params: d.Scope.Params}, &found)
			errs.AddAt("/body", found.Err())
		}
		if len(c.Status) == 0 && c.Headers == nil && c.Body == nil {
			errs.Add("", "status, headers or body is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *change) compileStatuses(c *Config, errs *contract.FieldErrors) {
	if len(c.Statuses) == 0 || len(c.Statuses) > maxStatuses {
		errs.Add("/statuses", "has 1 to 50 entries")
		return
	}
	for i, s := range c.Statuses {
		if !p.applies.add(s) {
			errs.Add(contract.Pointer("statuses", i), `is a status from 200 to 599, or a class such as "2xx"`)
		}
	}
	if len(c.Status) > maxStatuses {
		errs.Add("/status", "has at most 50 entries")
		return
	}
	for _, s := range slices.Sorted(maps.Keys(c.Status)) {
		at, to := contract.Pointer("status", s), c.Status[s]
		from, err := strconv.Atoi(s)
		switch {
		case err != nil || len(s) != 3 || from < 200 || from > 599:
			errs.Add(at, "is a status from 200 to 599")
		case from == 304 || to == 304 || from == 206 || to == 206 || to == 205:
			errs.Add(at, "304, 205 and 206 say what the answer holds: they can't be changed or made")
		case to < 200 || to > 599:
			errs.Add(at, "becomes a status from 200 to 599")
		case !p.applies.has(from):
			errs.Add(at, "is not among the statuses that this policy changes: add it to statuses")
		default:
			p.status = append(p.status, statusChange{from, to})
		}
	}
}

// statuses is a set of statuses from 200 to 599.
type statuses [400]bool

func (s *statuses) add(text string) bool {
	if len(text) == 3 && text[1:] == "xx" && text[0] >= '2' && text[0] <= '5' {
		for i := range 100 {
			s[int(text[0]-'2')*100+i] = true
		}
		return true
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || n < 200 || n > 599 {
		return false
	}
	s[n-200] = true
	return true
}

func (s *statuses) has(status int) bool { return status >= 200 && status <= 599 && s[status-200] }

type statusChange struct{ from, to int }

// change is immutable.
type change struct {
	applies statuses
	status  []statusChange
	headers *fieldedit.Edits
	body    *reshape.Change
}

var (
	_ policy.Policy    = (*change)(nil)
	_ policy.Responder = (*change)(nil)
	_ policy.Needer    = (*change)(nil)
	_ policy.Chooser   = (*change)(nil)
)
