package jwt

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:   "jwt",
	Phase:  policy.PhaseAuthenticate,
	Single: []policy.Name{policy.Authorization},
	New:    New,
}

// Config is the policy's configuration.
type Config struct {
	// Issuer is the provider's identity, byte for byte the tokens' iss.
	Issuer string `json:"issuer"`
	// Audiences: a token's aud must hold one of them.
	Audiences []string `json:"audiences"`
	// Algorithms that may have signed a token; symmetric ones don't exist here.
	Algorithms []string `json:"algorithms"`
	// JWKSURL replaces discovery, for issuers without a discovery document.
	JWKSURL string `json:"jwks_url"`
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
	// ForwardToken leaves the Authorization field for the backend.
	ForwardToken bool `json:"forward_token"`
}

const (
	maxList     = 50
	maxText     = 256
	maxURL      = 2048
	maxConsumer = contract.MaxConsumerName
)

var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Algorithms: []string{oidc.RS256, oidc.ES256, oidc.EdDSA}, ConsumerClaim: "sub", ForwardToken: true}
	p := &jwtPolicy{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		p.headers = compileHeaders(c.ClaimsToHeaders, errs)
	})
	if err != nil {
		return nil, err
	}
	p.config, p.fetch, p.wall, p.identities, p.keep = c, d.Fetch, d.Wall, d.Identities, d.Keep
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.print = sha256.Sum256(text)
	p.challenge = `Bearer error="insufficient_scope", scope="` + strings.Join(c.Scopes, " ") + `"`
	p.issuer = newIssuer(c.Issuer, c.JWKSURL)
	if d.State != nil {
		key := fmt.Sprintf("jwt %d:%s %s", len(c.Issuer), c.Issuer, c.JWKSURL)
		p.issuer = d.State(key, func() any { return p.issuer }).(*issuer)
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	checkURL(c.Issuer, "/issuer", errs)
	if c.JWKSURL != "" {
		checkURL(c.JWKSURL, "/jwks_url", errs)
	}
	if len(c.Audiences) == 0 {
		errs.Add("/audiences", "needs an entry: without one, any token of the issuer, for whatever it was meant, would do")
	}
	checkTexts(c.Audiences, "audiences", maxURL, errs)
	checkTexts(c.Scopes, "scopes", maxText, errs)
	for i, s := range c.Scopes {
		if strings.ContainsAny(s, " \"\\") {
			errs.Add(contract.Pointer("scopes", i), "a scope has no space, quote or backslash (RFC 6749 3.3)")
		}
	}
	if len(c.Algorithms) == 0 {
		errs.Add("/algorithms", "needs an entry")
	}
	for i, a := range c.Algorithms {
		if !slices.Contains(algorithms, a) {
			errs.Add(contract.Pointer("algorithms", i), fmt.Sprintf("%.40q is not one of %s", a, strings.Join(algorithms, ", ")))
		}
	}
	c.checkClaims(errs)
}

func (c *Config) checkClaims(errs *contract.FieldErrors) {
	if len(c.RequiredClaims) > maxList {
		errs.Add("/required_claims", fmt.Sprintf("at most %d are allowed", maxList))
	}
	for _, name := range slices.Sorted(maps.Keys(c.RequiredClaims)) {
		at := contract.Pointer("required_claims", name)
		if checkText(name, at, maxText, errs); len(c.RequiredClaims[name]) == 0 {
			errs.Add(at, "needs a value")
		}
		for i, v := range c.RequiredClaims[name] {
			checkText(v, at+contract.Pointer(i), maxText, errs)
		}
	}
	checkText(c.ConsumerClaim, "/consumer_claim", maxText, errs)
	if c.ConsumerPrefix != "" {
		checkText(c.ConsumerPrefix, "/consumer_prefix", maxConsumer/2, errs)
	}
}

func checkTexts(list []string, field string, most int, errs *contract.FieldErrors) {
	if len(list) > maxList {
		errs.Add("/"+field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
	}
	for i, s := range list {
		checkText(s, contract.Pointer(field, i), most, errs)
	}
}

func checkText(s, at string, most int, errs *contract.FieldErrors) {
	if s == "" || len(s) > most || !fieldedit.Legal(s) {
		errs.Add(at, fmt.Sprintf("has 1 to %d bytes and no control characters", most))
	}
}

// checkURL wants https. Plain http is taken for addresses of this network only,
// which the guard behind Fetch refuses where they must not be reached.
func checkURL(s, at string, errs *contract.FieldErrors) {
	if s == "" {
		errs.Add(at, "is needed: the provider's URL, such as \"https://login.example.com\"")
		return
	}
	scheme, rest, ok := strings.Cut(s, "://")
	authority, _, _ := strings.Cut(rest, "/")
	host, _, err := match.HostString(authority)
	switch {
	case len(s) > maxURL:
		errs.Add(at, fmt.Sprintf("is longer than %d bytes", maxURL))
	case !ok || scheme != "https" && scheme != "http":
		errs.Add(at, "begins with https://")
	case err != nil:
		errs.Add(at, err.Error())
	case strings.ContainsAny(rest, "?# \\") || !fieldedit.Legal(s):
		errs.Add(at, "has no query, fragment, space or control character")
	case scheme == "http" && !private(host):
		errs.Add(at, "is https: who can change the keys on their way can sign any token")
	}
}

// private reports whether a host is an address of this machine or network.
func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (a.IsLoopback() || a.IsPrivate())
}

func compileHeaders(m map[string]string, errs *contract.FieldErrors) (out []claimHeader) {
	if len(m) > maxList {
		errs.Add("/claims_to_headers", fmt.Sprintf("at most %d are allowed", maxList))
	}
	seen := map[string]bool{}
	for _, claim := range slices.Sorted(maps.Keys(m)) {
		at := contract.Pointer("claims_to_headers", claim)
		checkText(claim, at, maxText, errs)
		n, err := policy.HeaderName(m[claim])
		why, protected := fieldedit.Request(m[claim])
		switch key := strings.ToLower(m[claim]); {
		case err != nil:
			errs.Add(at, err.Error())
		case strings.Contains(key, "_"):
			errs.Add(at, `a field name with "_" can't be told from one with "-" by many backends; use "-"`)
		case protected || key == "authorization":
			errs.Add(at, strings.TrimSpace("this field can't be set: "+why))
		case seen[key]:
			errs.Add(at, "two claims can't stand in one field")
		default:
			seen[key] = true
			out = append(out, claimHeader{claim, n})
		}
	}
	return out
}

// claimHeader is a claim and the field that carries it.
type claimHeader struct {
	claim string
	name  policy.Name
}

// jwtPolicy is immutable; the issuer's state is shared by every policy of the
// organization that trusts the issuer.
type jwtPolicy struct {
	config    Config
	headers   []claimHeader
	fetch     policy.Fetch
	wall      func() time.Time
	print     [32]byte // of the configuration: part of every token's hash
	challenge string
	issuer    *issuer

	identities policy.Identities // nil: callers are of no consumer
	keep       policy.Keep       // nil: keys don't outlive the process
}

var (
	_ policy.Policy = (*jwtPolicy)(nil)
	_ policy.Waiter = (*jwtPolicy)(nil)
)
