package upstreamauth

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "upstream_auth",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration: exactly one of its members.
type Config struct {
	Basic             *Basic             `json:"basic"`
	Bearer            *Bearer            `json:"bearer"`
	ClientCredentials *ClientCredentials `json:"client_credentials"`
	AWS               *AWS               `json:"aws_sigv4"`
}

// Basic is a user name and a password (RFC 7617).
type Basic struct {
	Username string          `json:"username"`
	Password endpoint.Secret `json:"password"`
}

// Bearer is a token that does not change by itself (RFC 6750).
type Bearer struct {
	Token endpoint.Secret `json:"token"`
}

// ClientCredentials are how tokens are had from an authorization server.
type ClientCredentials struct {
	TokenURL     string          `json:"token_url"`
	ClientID     string          `json:"client_id"`
	ClientSecret endpoint.Secret `json:"client_secret"`
	// Authentication is how the client says who it is: "basic" or "post" (RFC 6749
	// 2.3.1).
	Authentication string   `json:"authentication"`
	Scopes         []string `json:"scopes"`
	// Audience and Resource say what the token is for, where the server asks for one
	// of them (RFC 8707 has resource).
	Audience string `json:"audience"`
	Resource string `json:"resource"`
}

const maxText = 512

const (
	authBasic = "basic"
	authPost  = "post"
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &credential{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		n := 0
		for _, there := range []bool{c.Basic != nil, c.Bearer != nil, c.ClientCredentials != nil, c.AWS != nil} {
			if there {
				n++
			}
		}
		if n != 1 {
			errs.Add("", "has exactly one of basic, bearer, client_credentials and aws_sigv4")
		}
		switch {
		case c.Basic != nil:
			p.fixed = c.Basic.field(d, errs)
		case c.Bearer != nil:
			p.fixed = c.Bearer.field(d, errs)
		}
		if c.ClientCredentials != nil {
			p.tokens = c.ClientCredentials.source(d, errs)
		}
		if c.AWS != nil {
			p.aws = c.AWS.signer(d, errs)
		}
	})
	if err != nil {
		return nil, err
	}
	p.fetch = d.Fetch
	return p, nil
}

func (c *Basic) field(d policy.Deps, errs *contract.FieldErrors) string {
	if endpoint.CheckText(c.Username, "/basic/username", maxText, errs); strings.Contains(c.Username, ":") {
		errs.Add("/basic/username", `has no ":" (RFC 7617 2)`)
	}
	pw := c.Password.Value(d.Secret, "/basic/password", "the secret that holds the password", errs)
	return basicField(c.Username, pw)
}

func (c *Bearer) field(d policy.Deps, errs *contract.FieldErrors) string {
	v := c.Token.Value(d.Secret, "/bearer/token", "the secret that holds the token", errs)
	if !visible(v) {
		// Not an error: a gateway whose secret was mistyped keeps its other routes.
		return ""
	}
	return "Bearer " + v
}

// visible reports whether a token can stand in the Authorization field. Spaces
// count as visible: what the control plane passes for a secret has some.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= maxToken
}

func (c *ClientCredentials) source(d policy.Deps, errs *contract.FieldErrors) *source {
	const at = "/client_credentials"
	endpoint.CheckURL(c.TokenURL, at+"/token_url", `the token endpoint, such as "https://login.example.com/oauth/token"`, "who listens on the way has the client's secret", errs)
	endpoint.CheckText(c.ClientID, at+"/client_id", maxText, errs)
	switch c.Authentication {
	case "":
		c.Authentication = authBasic
	case authBasic, authPost:
	default:
		errs.Add(at+"/authentication", fmt.Sprintf("%.40q is neither %q nor %q", c.Authentication, authBasic, authPost))
	}
	var found contract.FieldErrors
	endpoint.CheckScopes(c.Scopes, "scopes", &found)
	errs.AddAt(at, found.Err())
	if c.Audience != "" {
		endpoint.CheckText(c.Audience, at+"/audience", endpoint.MaxURL, errs)
	}
	if c.Resource != "" {
		endpoint.CheckText(c.Resource, at+"/resource", endpoint.MaxURL, errs)
	}
	secret := c.ClientSecret.Value(d.Secret, at+"/client_secret", "the secret that holds the client's secret", errs)
	return newSource(c, secret, d.State)
}

// credential is immutable; the source's tokens are shared by every version of the
// configuration that says the same.
type credential struct {
	fixed  string  // the field's value; "": see tokens
	tokens *source // nil: fixed
	aws    *signer // nil: not by signature
	fetch  policy.Fetch
}

var (
	_ policy.Policy    = (*credential)(nil)
	_ policy.Waiter    = (*credential)(nil)
	_ policy.Responder = (*credential)(nil)
	_ policy.Needer    = (*credential)(nil)
)
