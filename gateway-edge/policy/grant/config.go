package grant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is the part of a policy's configuration that says what claims grant.
type Config struct {
	// Scopes a token must have, all of them.
	Scopes []string `json:"scopes"`
	// RequiredClaims: claim → the values of which it must have one.
	RequiredClaims map[string]claim.Values `json:"required_claims"`
	// ConsumerClaim names who calls; ConsumerPrefix stands before its value.
	ConsumerClaim  string `json:"consumer_claim"`
	ConsumerPrefix string `json:"consumer_prefix"`
	// RequireConsumer refuses callers whose identity belongs to no consumer.
	RequireConsumer bool `json:"require_consumer"`
	// ClaimsToHeaders: claim → request field.
	ClaimsToHeaders map[string]string `json:"claims_to_headers"`
}

const (
	maxText     = 256
	maxConsumer = contract.MaxConsumerName
	// maxValue bounds a claim that is sent on in a header field.
	maxValue = 1024
)

// Compile checks the configuration and makes its rules. Bad fields are added to
// errs with pointers relative to the configuration.
func (c *Config) Compile(errs *contract.FieldErrors) *Rules {
	endpoint.CheckScopes(c.Scopes, "scopes", errs)
	c.checkClaims(errs)
	r := &Rules{config: *c, headers: compileHeaders(c.ClaimsToHeaders, errs)}
	r.Challenge = `Bearer error="insufficient_scope", scope="` + strings.Join(c.Scopes, " ") + `"`
	return r
}

func (c *Config) checkClaims(errs *contract.FieldErrors) {
	if len(c.RequiredClaims) > endpoint.MaxList {
		errs.Add("/required_claims", fmt.Sprintf("at most %d are allowed", endpoint.MaxList))
	}
	for _, name := range slices.Sorted(maps.Keys(c.RequiredClaims)) {
		at := contract.Pointer("required_claims", name)
		if endpoint.CheckText(name, at, maxText, errs); len(c.RequiredClaims[name]) == 0 {
			errs.Add(at, "needs a value")
		}
		for i, v := range c.RequiredClaims[name] {
			endpoint.CheckText(v, at+contract.Pointer(i), maxText, errs)
		}
	}
	endpoint.CheckText(c.ConsumerClaim, "/consumer_claim", maxText, errs)
	CheckPrefix(c.ConsumerPrefix, "/consumer_prefix", errs)
}

// Consumers is the part of a configuration that says which consumers own the names
// that a policy finds out by itself, without a token that tells its issuer.
type Consumers struct {
	// Issuer is under which consumers' identities know the names; empty: callers are
	// no consumers.
	Issuer string `json:"issuer"`
	// ConsumerPrefix stands before a caller's name.
	ConsumerPrefix string `json:"consumer_prefix"`
	// RequireConsumer refuses callers whose identity belongs to no consumer.
	RequireConsumer bool `json:"require_consumer"`
}

// Check adds what is wrong, with pointers relative to the configuration.
func (c *Consumers) Check(errs *contract.FieldErrors) {
	if c.Issuer != "" {
		endpoint.CheckText(c.Issuer, "/issuer", contract.MaxIssuer, errs)
	}
	if c.RequireConsumer && c.Issuer == "" {
		errs.Add("/require_consumer", "needs an issuer: consumers are found by their identities")
	}
	CheckPrefix(c.ConsumerPrefix, "/consumer_prefix", errs)
}

// CheckPrefix checks what stands before consumers' names.
func CheckPrefix(prefix, at string, errs *contract.FieldErrors) {
	if prefix != "" {
		endpoint.CheckText(prefix, at, maxConsumer/2, errs)
	}
}

// compileHeaders also keeps claims from fields that the edge or other policies
// answer for.
func compileHeaders(m map[string]string, errs *contract.FieldErrors) (out []header) {
	if len(m) > endpoint.MaxList {
		errs.Add("/claims_to_headers", fmt.Sprintf("at most %d are allowed", endpoint.MaxList))
	}
	seen := map[string]bool{}
	for _, claim := range slices.Sorted(maps.Keys(m)) {
		at := contract.Pointer("claims_to_headers", claim)
		endpoint.CheckText(claim, at, maxText, errs)
		n, ok := Field(m[claim], at, errs)
		switch key := strings.ToLower(m[claim]); {
		case !ok:
		case seen[key]:
			errs.Add(at, "two claims can't stand in one field")
		default:
			seen[key] = true
			out = append(out, header{claim, n})
		}
	}
	return out
}

// Field makes the name of a request field that a policy of phase authenticate or
// authorize fills in.
func Field(name, at string, errs *contract.FieldErrors) (n policy.Name, ok bool) {
	n, err := policy.HeaderName(name)
	why, protected := fieldedit.Request(name)
	switch {
	case err != nil:
		errs.Add(at, err.Error())
	case strings.Contains(name, "_"):
		errs.Add(at, `a field name with "_" can't be told from one with "-" by many backends; use "-"`)
	case protected || strings.EqualFold(name, "authorization"):
		errs.Add(at, strings.TrimSpace("this field can't be set: "+why))
	default:
		return n, true
	}
	return n, false
}

// header is a claim and the field that carries it.
type header struct {
	claim string
	name  policy.Name
}
