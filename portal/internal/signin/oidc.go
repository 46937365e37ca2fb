package signin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// OIDCConfig is an OpenID Connect provider as the operator set it.
type OIDCConfig struct {
	Name         string
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURL  string // our callback for this provider
	Clock        core.Clock
}

// discoverEvery is how long a provider's discovery document is used.
const discoverEvery = 24 * time.Hour

// openID is a provider that speaks OpenID Connect. Its document is fetched when
// it is first needed: the portal starts while a provider is away.
type openID struct {
	config OIDCConfig

	mu    sync.Mutex // guards found
	found *discovered
}

type discovered struct {
	at       time.Time
	endpoint oauth2.Endpoint
	verifier *oidc.IDTokenVerifier
	// sendsIssuer: the provider says that it always sends iss (RFC 9207).
	sendsIssuer bool
}

// NewOIDC makes a provider. An issuer without TLS is refused but on loopback.
func NewOIDC(c OIDCConfig) (Provider, error) {
	if err := checkURL(c.Issuer); err != nil {
		return nil, fmt.Errorf("sign-in provider %s: issuer: %w", c.Name, err)
	}
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	return &openID{config: c}, nil
}

// checkURL accepts https, and http on this machine.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an https URL", text)
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1"):
		return nil
	}
	return fmt.Errorf("%q is not an https URL", text)
}

func (p *openID) describe() Description {
	return Description{Name: p.config.Name, Title: title(p.config.Name), Kind: KindOIDC}
}

// title is a name as a button shows it: "my_idp" is "My idp".
func title(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(name[:1]) + name[1:]
}

// discover returns the provider's endpoints and keys.
func (p *openID) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Clock()
	if p.found != nil && now.Sub(p.found.at) < discoverEvery {
		return p.found, nil
	}
	found, err := p.fetch(ctx)
	switch {
	case err == nil:
		found.at = now
		p.found = found
	case p.found == nil:
		return nil, fmt.Errorf("%w: discovery of %s: %w", ErrUnavailable, p.config.Name, err)
	}
	return p.found, nil
}

func (p *openID) fetch(ctx context.Context) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, client)
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL} {
		if err := checkURL(u); err != nil {
			return nil, fmt.Errorf("discovery document: %w", err)
		}
	}
	return &discovered{
		endpoint: endpoint, sendsIssuer: more.SendsIssuer,
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: p.config.Clock}),
	}, nil
}

func (p *openID) oauth(d *discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: d.endpoint,
		RedirectURL: p.config.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

func (p *openID) authURL(ctx context.Context, f *Flow) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(d).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

func (p *openID) finish(ctx context.Context, f *Flow, code, iss string) (*tenant.External, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	// A code of another issuer must not be sent to this one (mix-up attack).
	if iss != p.config.Issuer && (iss != "" || d.sendsIssuer) {
		return nil, fmt.Errorf("%w: another issuer answers", ErrMisuse)
	}
	ctx = oidc.ClientContext(ctx, client)
	token, err := p.oauth(d).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, fmt.Errorf("%w: no identity token", ErrMisuse)
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: identity token: %w", ErrMisuse, err)
	}
	if id.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return nil, fmt.Errorf("%w: the nonce is another", ErrMisuse)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, fmt.Errorf("%w: access token: %w", ErrMisuse, err)
		}
	}
	return p.external(id)
}

// external reads the claims.
func (p *openID) external(id *oidc.IDToken) (*tenant.External, error) {
	var claims struct {
		AuthorizedParty string          `json:"azp"`
		Email           string          `json:"email"`
		EmailVerified   json.RawMessage `json:"email_verified"`
		Name            string          `json:"name"`
	}
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrMisuse, err)
	}
	if len(id.Audience) > 1 && claims.AuthorizedParty != p.config.ClientID {
		return nil, fmt.Errorf("%w: the token is for another party", ErrMisuse)
	}
	if id.Subject == "" || len(id.Subject) > 255 {
		return nil, fmt.Errorf("%w: the token has no subject", ErrMisuse)
	}
	// Some providers write the truth value as a string.
	verified := string(claims.EmailVerified)
	return &tenant.External{
		Provider: p.config.Name, Issuer: id.Issuer, Subject: id.Subject, Email: claims.Email,
		EmailVerified: verified == `true` || verified == `"true"`, Name: claims.Name,
	}, nil
}

// exchangeError tells a code that the provider refuses from a provider that does
// not answer.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
		return fmt.Errorf("%w: the provider refused the code", ErrMisuse)
	}
	return fmt.Errorf("%w: exchange: %w", ErrUnavailable, err)
}
