package oidclogin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "oidc_login",
	Phase: policy.PhaseAuthenticate,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	// Issuer is the provider's identity, byte for byte the tokens' iss.
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	// ClientSecret is that of a confidential client; none: a public one, which PKCE
	// alone protects.
	ClientSecret endpoint.Secret `json:"client_secret"`
	// Authentication is how the gateway says who it is: "basic" or "post".
	Authentication string `json:"authentication"`
	// Scopes are asked for. They are not those that a token must have.
	Scopes []string `json:"scopes"`
	// Parameters are added to the request for a sign-in.
	Parameters map[string]string `json:"parameters"`
	// Algorithms that may have signed an ID token.
	Algorithms []string `json:"algorithms"`
	// Keys seal the cookies: the first one new ones, each of them opens.
	Keys []endpoint.Secret `json:"keys"`
	// Lifetime is how long a session lasts at most.
	Lifetime contract.Duration `json:"lifetime"`
	// CallbackPath and LogoutPath are the policy's own; the route takes them.
	CallbackPath string `json:"callback_path"`
	LogoutPath   string `json:"logout_path"`
	// AfterLogout is a path of this host.
	AfterLogout string `json:"after_logout"`
	// ForwardAccessToken gives the backend the access token as a bearer token.
	ForwardAccessToken bool `json:"forward_access_token"`
	// IDTokenHeader is the field that gives the backend the ID token; "": it has none.
	IDTokenHeader string `json:"id_token_header"`
	grant.Config
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		Authentication: authBasic, Scopes: []string{"openid", "profile", "email"},
		Algorithms: []string{"RS256", "ES256", "EdDSA"}, Lifetime: contract.Duration(12 * time.Hour),
		CallbackPath: "/oauth2/callback", LogoutPath: "/oauth2/logout", AfterLogout: "/",
		Config: grant.Config{ConsumerClaim: "sub"},
	}
	p := &login{fetch: d.Fetch, wall: d.Wall, identities: d.Identities, keep: d.Keep}
	secret, keys := "", []string(nil)
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		secret = c.ClientSecret.Value(d.Secret, "/client_secret", "", errs)
		keys = c.sealKeys(d.Secret, errs)
		p.rules = c.Compile(errs)
		if c.IDTokenHeader != "" {
			p.idField, p.idSent = grant.Field(c.IDTokenHeader, "/id_token_header", errs)
		}
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.config = c
	p.print = memo.Print(append([]string{string(text), secret}, keys...)...)
	of := []string{"oidc_login", d.Scope.Organization, d.Scope.Gateway, c.Issuer, c.ClientID}
	if p.seal, err = newSealer(of, keys); err != nil {
		return nil, err
	}
	p.names = cookieNames(memo.Print(of...))
	p.authenticate(secret)
	p.state = newState(c.Issuer)
	if d.State != nil {
		key := fmt.Sprintf("oidc_login %d:%s %s", len(c.Issuer), c.Issuer, c.ClientID)
		p.state = d.State(key, func() any { return p.state }).(*state)
	}
	return p, nil
}

// How the gateway says who it is at the token endpoint (RFC 6749 2.3.1).
const (
	authBasic = "basic"
	authPost  = "post"
)

func (p *login) authenticate(secret string) {
	id := url.QueryEscape(p.config.ClientID)
	switch {
	case secret == "":
		p.form = "&client_id=" + id
	case p.config.Authentication == authBasic:
		p.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+url.QueryEscape(secret)))
	default:
		p.form = "&client_id=" + id + "&client_secret=" + url.QueryEscape(secret)
	}
}

// login is immutable; the state is shared by every policy of the gateway that signs
// people in at the same provider as the same client.
type login struct {
	config  Config
	rules   *grant.Rules
	print   [32]byte // of the configuration and the secrets: part of every session's hash
	seal    *sealer
	names   names
	idField policy.Name
	idSent  bool

	basic, form string // how the gateway authenticates
	state       *state
	fetch       policy.Fetch
	wall        func() time.Time
	identities  policy.Identities // nil: callers are of no consumer
	keep        policy.Keep       // nil: keys don't outlive the process
}

// state outlives versions of the configuration.
type state struct {
	provider *provider.Provider
	sessions memo.Table[entry, *entry]
	renewals flight.Group[[32]byte, *renewal]
}

func newState(issuer string) *state { return &state{provider: provider.New(issuer, "", nil)} }

var (
	_ policy.Method    = (*login)(nil)
	_ policy.Owner     = (*login)(nil)
	_ policy.Waiter    = (*login)(nil)
	_ policy.Responder = (*login)(nil)
)

// scope is what is asked for.
func (p *login) scope() string { return strings.Join(p.config.Scopes, " ") }
