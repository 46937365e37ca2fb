package apikey

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies. A second
// Authorization field is refused before the policy runs: backends disagree on
// which of two they read.
var Descriptor = policy.Descriptor{
	Type:   "api_key",
	Phase:  policy.PhaseAuthenticate,
	Single: []policy.Name{policy.Authorization},
	New:    New,
}

// Config is the policy's configuration.
type Config struct {
	// Scopes a key must have, all of them.
	Scopes []string `json:"scopes"`
	// Bearer lets the key come as Authorization: Bearer as well.
	Bearer bool `json:"bearer"`
	// QueryParameter is the query parameter that may carry the key; empty: none.
	QueryParameter string `json:"query_parameter"`
}

const (
	maxScopes    = 32
	maxScope     = 128
	maxParameter = 64
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Bearer: true}
	if err := policy.DecodeConfig(raw, &c, c.check); err != nil {
		return nil, err
	}
	return &keyPolicy{config: c, keys: d.Keys, wall: d.Wall, test: d.Scope.Test}, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	if len(c.Scopes) > maxScopes {
		errs.Add("/scopes", fmt.Sprintf("has %d scopes, at most %d are allowed", len(c.Scopes), maxScopes))
	}
	seen := map[string]bool{}
	for i, s := range c.Scopes {
		switch at := contract.Pointer("scopes", i); {
		case s == "" || len(s) > maxScope:
			errs.Add(at, fmt.Sprintf("a scope has 1 to %d characters", maxScope))
		case !printable(s):
			errs.Add(at, "a scope has visible ASCII characters only, no spaces")
		case seen[s]:
			errs.Add(at, "given more than once")
		}
		seen[s] = true
	}
	if p := c.QueryParameter; len(p) > maxParameter || !parameterName(p) {
		errs.Add("/query_parameter", fmt.Sprintf("has letters, digits, \"-\", \".\" and \"_\" only, at most %d", maxParameter))
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func parameterName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return true
}

// keyPolicy is immutable; keys and wall belong to the edge.
type keyPolicy struct {
	config Config
	keys   policy.Keys
	wall   func() time.Time
	test   bool // the gateway's mode is test
}

var (
	_ policy.Method    = (*keyPolicy)(nil)
	_ policy.Waiter    = (*keyPolicy)(nil)
	_ policy.Responder = (*keyPolicy)(nil)
)
