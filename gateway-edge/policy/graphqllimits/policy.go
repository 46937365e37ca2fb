package graphqllimits

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "graphql_limits",
	Phase:   policy.PhaseLimit,
	Request: policy.Need{Mode: policy.NeedWhole, Max: defaultBody},
	Single:  []policy.Name{policy.ContentType, policy.ContentEncoding},
	New:     New,
}

// Config is the policy's configuration.
type Config struct {
	// MaxBody bounds the request's body in bytes, Operation one document.
	MaxBody   int64 `json:"max_body_bytes"`
	Operation int   `json:"operation_bytes"`
	Tokens    int   `json:"tokens"` // of one document
	// Depth of fields in one another, fragments followed.
	Depth int `json:"depth"`
	// Complexity is what all fields of the request weigh together: each its weight,
	// times what the Multipliers of the fields around it say.
	Complexity  int            `json:"complexity"`
	Weights     map[string]int `json:"weights"` // by the field's name; others weigh 1
	Multipliers []string       `json:"multipliers"`
	Aliases     int            `json:"aliases"`
	RootFields  int            `json:"root_fields"`
	Directives  int            `json:"directives"`
	Batch       int            `json:"batch"`
	// Introspection lets __schema and __type pass, Persisted requests that name a
	// stored operation alone, which can't be judged.
	Introspection bool `json:"allow_introspection"`
	Persisted     bool `json:"allow_persisted"`
}

const (
	defaultBody = 100 << 10
	maxBody     = 1 << 20
	maxCount    = 100_000
	maxTotal    = 1_000_000_000
	maxList     = 1000
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{
		MaxBody: defaultBody, Operation: 16 << 10, Tokens: 2000, Depth: 12, Complexity: 1000, Multipliers: []string{"first", "last", "limit"},
		Aliases: 20, RootFields: 20, Directives: 50, Batch: 1,
	}
	if err := policy.DecodeConfig(raw, &c, c.check); err != nil {
		return nil, err
	}
	p := &limits{Config: c, factors: map[string]bool{}}
	for _, m := range c.Multipliers {
		p.factors[m] = true
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	for _, b := range []struct {
		pointer          string
		value, least, to int64
	}{
		{"/max_body_bytes", c.MaxBody, 1, maxBody},
		{"/operation_bytes", int64(c.Operation), 1, maxBody},
		{"/tokens", int64(c.Tokens), 1, maxCount},
		{"/depth", int64(c.Depth), 1, 200},
		{"/complexity", int64(c.Complexity), 1, maxTotal},
		{"/aliases", int64(c.Aliases), 0, maxCount},
		{"/root_fields", int64(c.RootFields), 1, maxCount},
		{"/directives", int64(c.Directives), 0, maxCount},
		{"/batch", int64(c.Batch), 1, 1000},
	} {
		if b.value < b.least || b.value > b.to {
			errs.Add(b.pointer, fmt.Sprintf("must be a number from %d to %d", b.least, b.to))
		}
	}
	if len(c.Weights) > maxList {
		errs.Add("/weights", fmt.Sprintf("has at most %d entries", maxList))
	}
	for name, w := range c.Weights {
		if !isName(name) || w < 0 || w > maxTotal {
			errs.Add(contract.Pointer("weights", name), fmt.Sprintf("is a field's name with a weight from 0 to %d", maxTotal))
		}
	}
	if len(c.Multipliers) > 100 {
		errs.Add("/multipliers", "has at most 100 entries")
	}
	for i, m := range c.Multipliers {
		if !isName(m) {
			errs.Add(contract.Pointer("multipliers", i), fmt.Sprintf("%.40q is not an argument's name", m))
		}
	}
}

// isName reports whether s is a Name of GraphQL (2.1.9).
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 256
}
