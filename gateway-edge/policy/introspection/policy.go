package introspection

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:   "introspection",
	Phase:  policy.PhaseAuthenticate,
	Single: []policy.Name{policy.Authorization},
	New:    New,
}

// Config is the policy's configuration.
type Config struct {
	// URL is the introspection endpoint.
	URL          string          `json:"url"`
	ClientID     string          `json:"client_id"`
	ClientSecret endpoint.Secret `json:"client_secret"`
	// Authentication is how the gateway says who it is: "basic" or "post".
	Authentication string `json:"authentication"`
	// Issuer, when given, must be the iss of an answer that has one. It is the issuer
	// of consumers' identities; empty: the URL is.
	Issuer string `json:"issuer"`
	// Audiences, when given: an answer's aud must hold one of them.
	Audiences []string `json:"audiences"`
	// Cache is how long an active token is taken to stay so, NegativeCache how long
	// another one to stay what it is.
	Cache         contract.Duration `json:"cache"`
	NegativeCache contract.Duration `json:"negative_cache"`
	grant.Config
	// ForwardToken leaves the Authorization field for the backend.
	ForwardToken bool `json:"forward_token"`
}

const (
	maxText     = 512
	maxCache    = time.Hour
	maxNegative = time.Minute

	authBasic = "basic"
	authPost  = "post"
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		Authentication: authBasic, Cache: contract.Duration(time.Minute), NegativeCache: contract.Duration(5 * time.Second),
		Config: grant.Config{ConsumerClaim: "sub"}, ForwardToken: true,
	}
	p := &opaque{fetch: d.Fetch, wall: d.Wall, identities: d.Identities}
	secret := ""
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		secret = c.ClientSecret.Value(d.Secret, "/client_secret", "the secret that holds the client's secret", errs)
		p.rules = c.Compile(errs)
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.config, p.issuer = c, c.Issuer
	if p.issuer == "" {
		p.issuer = c.URL
	}
	p.print = memo.Print(string(text), secret)
	if c.Authentication == authBasic {
		// Both are form-encoded first (RFC 6749 2.3.1).
		p.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ClientID)+":"+url.QueryEscape(secret)))
	} else {
		p.form = "&" + url.Values{"client_id": {c.ClientID}, "client_secret": {secret}}.Encode()
	}
	p.state = newServer()
	if d.State != nil {
		p.state = d.State("introspection "+c.URL, func() any { return p.state }).(*server)
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	endpoint.CheckURL(c.URL, "/url", `the introspection endpoint, such as "https://login.example.com/introspect"`, "who listens on the way has every token", errs)
	endpoint.CheckText(c.ClientID, "/client_id", maxText, errs)
	if c.Authentication != authBasic && c.Authentication != authPost {
		errs.Add("/authentication", fmt.Sprintf("%.40q is neither %q nor %q", c.Authentication, authBasic, authPost))
	}
	if c.Issuer != "" {
		endpoint.CheckText(c.Issuer, "/issuer", contract.MaxIssuer, errs)
	}
	endpoint.CheckTexts(c.Audiences, "audiences", endpoint.MaxURL, errs)
	endpoint.CheckDuration(c.Cache, "/cache", 0, maxCache, errs)
	endpoint.CheckDuration(c.NegativeCache, "/negative_cache", 0, maxNegative, errs)
}

// opaque is immutable; the server's state is shared by every policy of the
// organization that asks it.
type opaque struct {
	config      Config
	rules       *grant.Rules
	issuer      string
	print       [32]byte // of the configuration: part of every token's hash
	basic, form string   // how the gateway authenticates
	state       *server
	fetch       policy.Fetch
	wall        func() time.Time
	identities  policy.Identities // nil: callers are of no consumer
}

var (
	_ policy.Method = (*opaque)(nil)
	_ policy.Waiter = (*opaque)(nil)
)
