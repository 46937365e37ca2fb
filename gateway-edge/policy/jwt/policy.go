package jwt

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
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
	// Issuers are further providers, each with its own audiences.
	Issuers []Issuer `json:"issuers"`
	// Types that a token's typ may have, without "application/" and in lower case;
	// a token without typ passes only where Types is empty.
	Types []string `json:"types"`
	// Leeway is how far the clocks of provider and edge may differ.
	Leeway contract.Duration `json:"leeway"`
	grant.Config
	// ForwardToken leaves the Authorization field for the backend.
	ForwardToken bool `json:"forward_token"`
}

// Issuer is one more provider. Empty algorithms are those of the policy.
type Issuer struct {
	Issuer         string   `json:"issuer"`
	Audiences      []string `json:"audiences"`
	Algorithms     []string `json:"algorithms"`
	JWKSURL        string   `json:"jwks_url"`
	ConsumerPrefix string   `json:"consumer_prefix"`
}

const (
	maxIssuers = 10
	maxText    = 256
	// maxLeeway is also the default (reliability.md E14).
	maxLeeway = time.Minute
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		Algorithms: []string{oidc.RS256, oidc.ES256, oidc.EdDSA}, Leeway: contract.Duration(maxLeeway),
		Config: grant.Config{ConsumerClaim: "sub"}, ForwardToken: true,
	}
	p := &jwtPolicy{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		p.rules = c.Compile(errs)
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
	for _, i := range c.issuers() {
		state := newIssuer(i.Issuer, i.JWKSURL)
		if d.State != nil {
			key := fmt.Sprintf("jwt %d:%s %s", len(i.Issuer), i.Issuer, i.JWKSURL)
			state = d.State(key, func() any { return state }).(*issuer)
		}
		p.trusted = append(p.trusted, trusted{Issuer: i, state: state})
	}
	return p, nil
}

// issuers are all providers; the first one is the policy's own.
func (c *Config) issuers() []Issuer {
	out := []Issuer{{c.Issuer, c.Audiences, c.Algorithms, c.JWKSURL, c.ConsumerPrefix}}
	for _, i := range c.Issuers {
		if len(i.Algorithms) == 0 {
			i.Algorithms = c.Algorithms
		}
		out = append(out, i)
	}
	return out
}

func (c *Config) check(errs *contract.FieldErrors) {
	if len(c.Algorithms) == 0 {
		errs.Add("/algorithms", "needs an entry")
	}
	for n, i := range c.issuers() {
		var found contract.FieldErrors
		if n > 0 && len(c.Issuers[n-1].Algorithms) == 0 {
			i.Algorithms = nil // the policy's own were checked
		}
		i.check(&found)
		if n == 0 {
			errs.AddAt("", found.Err())
		} else {
			errs.AddAt(contract.Pointer("issuers", n-1), found.Err())
		}
	}
	if len(c.Issuers) >= maxIssuers {
		errs.Add("/issuers", fmt.Sprintf("a policy trusts at most %d issuers", maxIssuers))
	} else if len(c.Issuers) > 0 {
		c.checkApart(errs)
	}
	for i, s := range c.Types {
		if at := contract.Pointer("types", i); s == "" || len(s) > maxText || s != strings.ToLower(s) || strings.HasPrefix(s, "application/") {
			errs.Add(at, `is in lower case and without "application/", such as "at+jwt"`)
		}
	}
	endpoint.CheckDuration(c.Leeway, "/leeway", 0, maxLeeway, errs)
}

func (i *Issuer) check(errs *contract.FieldErrors) {
	const why = "who can change the keys on their way can sign any token"
	endpoint.CheckURL(i.Issuer, "/issuer", `the provider's URL, such as "https://login.example.com"`, why, errs)
	if i.JWKSURL != "" {
		endpoint.CheckURL(i.JWKSURL, "/jwks_url", "", why, errs)
	}
	if len(i.Audiences) == 0 {
		errs.Add("/audiences", "needs an entry: without one, any token of the issuer, for whatever it was meant, would do")
	}
	endpoint.CheckTexts(i.Audiences, "audiences", endpoint.MaxURL, errs)
	for n, a := range i.Algorithms {
		if !slices.Contains(provider.Algorithms, a) {
			errs.Add(contract.Pointer("algorithms", n), fmt.Sprintf("%.40q is not one of %s", a, strings.Join(provider.Algorithms, ", ")))
		}
	}
}

// checkApart keeps the users of several providers apart: no name under one
// provider can be one under another.
func (c *Config) checkApart(errs *contract.FieldErrors) {
	all := c.issuers()
	for n, i := range all {
		at := ""
		if n > 0 {
			at = contract.Pointer("issuers", n-1)
			grant.CheckPrefix(i.ConsumerPrefix, at+"/consumer_prefix", errs)
		}
		if i.ConsumerPrefix == "" {
			errs.Add(at+"/consumer_prefix", "is needed where there are several issuers: each may call its users as it likes")
			continue
		}
		for _, other := range all[:n] {
			if other.Issuer == i.Issuer {
				errs.Add(at+"/issuer", "is named twice; give one entry all audiences")
			}
			if other.ConsumerPrefix != "" && (strings.HasPrefix(other.ConsumerPrefix, i.ConsumerPrefix) || strings.HasPrefix(i.ConsumerPrefix, other.ConsumerPrefix)) {
				errs.Add(at+"/consumer_prefix", fmt.Sprintf("one of %q and %q begins with the other: a user of one issuer could be called like one of the other", i.ConsumerPrefix, other.ConsumerPrefix))
			}
		}
	}
}

// trusted is one provider and what is known of it. The state is shared by every
// policy of the organization that trusts the issuer.
type trusted struct {
	Issuer
	state *issuer
}

// jwtPolicy is immutable but for the issuers' state.
type jwtPolicy struct {
	config  Config
	rules   *grant.Rules
	fetch   policy.Fetch
	wall    func() time.Time
	print   [32]byte // of the configuration: part of every token's hash
	trusted []trusted

	identities policy.Identities // nil: callers are of no consumer
	keep       policy.Keep       // nil: keys don't outlive the process
}

var (
	_ policy.Method = (*jwtPolicy)(nil)
	_ policy.Waiter = (*jwtPolicy)(nil)
)
