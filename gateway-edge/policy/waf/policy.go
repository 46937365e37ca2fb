package waf

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/turn"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "waf",
	Phase:   policy.PhaseLimit,
	Request: policy.Need{Mode: policy.NeedWhole, Max: defaultBody},
	Single:  []policy.Name{policy.ContentType, policy.ContentEncoding},
	New:     New,
}

// Config is the policy's configuration.
type Config struct {
	// Mode is block or detect.
	Mode string `json:"mode"`
	// Paranoia is the rule set's level, 1 to 4.
	Paranoia int `json:"paranoia"`
	// Threshold is the score from which on a request is refused.
	Threshold int `json:"threshold"`
	// MaxBody bounds the bodies that are looked into, in bytes; LargeBodies says
	// what becomes of larger ones: refuse or pass.
	MaxBody     int64  `json:"max_body_bytes"`
	LargeBodies string `json:"large_bodies"`
	// Responses says whether and how answers are looked at.
	Responses Responses `json:"responses"`
	// Exclude are rules and tags that don't count.
	ExcludeRules []int    `json:"exclude_rules"`
	ExcludeTags  []string `json:"exclude_tags"`
	// ExcludeParameters are arguments, cookies and header fields in which rules
	// don't count.
	ExcludeParameters []Exclusion `json:"exclude_parameters"`
}

// Responses is how answers are looked at.
type Responses struct {
	Inspect   bool `json:"inspect"`
	Threshold int  `json:"threshold"`
	// MaxBody bounds the bodies that are looked into, in bytes; LargeBodies says
	// what becomes of larger ones: refuse or pass.
	MaxBody     int64  `json:"max_body_bytes"`
	LargeBodies string `json:"large_bodies"`
}

// Exclusion makes rules not count in one parameter.
type Exclusion struct {
	// In is arguments, cookies or headers.
	In string `json:"in"`
	// Name of it, in any case; a value of a JSON body is "json.customer.note".
	Name string `json:"name"`
	// Rules are ids; none: all rules.
	Rules []int `json:"rules"`
}

const (
	defaultBody = 128 << 10
	maxList     = 200
	maxText     = 256
	maxID       = 9_999_999
	maxScore    = 10_000
)

// New makes the policy. Its error is a contract.FieldErrors where fields are wrong.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		Mode: "block", Paranoia: 1, Threshold: 5, MaxBody: defaultBody, LargeBodies: "refuse",
		ExcludeRules: []int{911100, 920420}, Responses: Responses{Threshold: 4, MaxBody: defaultBody, LargeBodies: "refuse"},
	}
	if err := policy.DecodeConfig(raw, &c, c.check); err != nil {
		return nil, err
	}
	e, err := engines[c.Paranoia]()
	if err != nil {
		return nil, err
	}
	r, err := c.Responses.open(&c)
	if err != nil {
		return nil, err
	}
	w := newFirewall(&c, e, r)
	if d.State != nil {
		w.line = d.State("waf", func() any { return w.line }).(*turn.Line)
	}
	return w, nil
}

// open makes what looks at answers; nil: nothing does.
func (r *Responses) open(c *Config) (*responses, error) {
	if !r.Inspect {
		return nil, nil
	}
	w, err := responseEngines[c.Paranoia]()
	if err != nil {
		return nil, err
	}
	return &responses{waf: w, threshold: r.Threshold, max: r.MaxBody, strict: c.Mode == "block" && r.LargeBodies == "refuse"}, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	oneOf("/mode", c.Mode, errs, "block", "detect")
	oneOf("/large_bodies", c.LargeBodies, errs, "refuse", "pass")
	oneOf("/responses/large_bodies", c.Responses.LargeBodies, errs, "refuse", "pass")
	for _, b := range []struct {
		pointer          string
		value, least, to int64
	}{
		{"/paranoia", int64(c.Paranoia), 1, maxLevel},
		{"/threshold", int64(c.Threshold), 1, maxScore},
		{"/max_body_bytes", c.MaxBody, 1, maxBody},
		{"/responses/threshold", int64(c.Responses.Threshold), 1, maxScore},
		{"/responses/max_body_bytes", c.Responses.MaxBody, 1, maxBody},
	} {
		if b.value < b.least || b.value > b.to {
			errs.Add(b.pointer, fmt.Sprintf("must be a number from %d to %d", b.least, b.to))
		}
	}
	checkIDs("/exclude_rules", c.ExcludeRules, errs)
	if len(c.ExcludeTags) > maxList {
		errs.Add("/exclude_tags", fmt.Sprintf("has at most %d entries", maxList))
	}
	for i, t := range c.ExcludeTags {
		if t == "" || len(t) > maxText {
			errs.Add(fmt.Sprintf("/exclude_tags/%d", i), fmt.Sprintf("has 1 to %d characters", maxText))
		}
	}
	if len(c.ExcludeParameters) > maxList {
		errs.Add("/exclude_parameters", fmt.Sprintf("has at most %d entries", maxList))
	}
	for i, x := range c.ExcludeParameters {
		at := fmt.Sprintf("/exclude_parameters/%d", i)
		oneOf(at+"/in", x.In, errs, "arguments", "cookies", "headers")
		if x.Name == "" || len(x.Name) > maxText {
			errs.Add(at+"/name", fmt.Sprintf("has 1 to %d characters", maxText))
		}
		checkIDs(at+"/rules", x.Rules, errs)
	}
}

func checkIDs(pointer string, ids []int, errs *contract.FieldErrors) {
	if len(ids) > maxList {
		errs.Add(pointer, fmt.Sprintf("has at most %d entries", maxList))
	}
	for i, id := range ids {
		if id < 1 || id > maxID {
			errs.Add(fmt.Sprintf("%s/%d", pointer, i), "is not the number of a rule, such as 942100")
		}
	}
}

func oneOf(pointer, v string, errs *contract.FieldErrors, words ...string) {
	for _, w := range words {
		if v == w {
			return
		}
	}
	errs.Add(pointer, fmt.Sprintf("%.40q is not one of %v", v, words))
}
