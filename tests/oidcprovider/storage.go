package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The one client.
const (
	clientID     = "test"
	clientSecret = "test-secret"
)

var (
	errNoClient = errors.New("no such client")
	errNoFlow   = errors.New("this grant is not offered")
	errNoLogin  = errors.New("no such sign-in")
)

// storage is what pkg/op asks for keys, clients, sign-ins and claims.
type storage struct {
	keys   *keyring
	logins *logins
}

// client is the one client as it is registered now.
func (s *storage) client() client {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	return client{redirects: append([]string(nil), s.logins.redirects...)}
}

var (
	_ op.Storage                        = (*storage)(nil)
	_ op.ClientCredentialsStorage       = (*storage)(nil)
	_ op.CanGetPrivateClaimsFromRequest = (*storage)(nil)
)

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	all := s.keys.all()
	return all[len(all)-1], nil
}

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) (out []op.Key, err error) {
	for _, k := range s.keys.all() {
		out = append(out, publicKey{k})
	}
	return out, nil
}

func (s *storage) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	if id != clientID || subtle.ConstantTimeCompare([]byte(secret), []byte(clientSecret)) != 1 {
		return nil, errNoClient
	}
	return s.client(), nil
}

func (s *storage) ClientCredentialsTokenRequest(ctx context.Context, _ string, scopes []string) (op.TokenRequest, error) {
	w, _ := ctx.Value(wishKey{}).(wish)
	if w.subject == "" {
		w.subject = clientID
	}
	return &tokenRequest{wish: w, scopes: scopes}, nil
}

func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (id string, expires time.Time, err error) {
	if l, ok := r.(*login); ok {
		return rand.Text(), l.expires(), nil
	}
	t, ok := r.(*tokenRequest)
	if !ok {
		return "", time.Time{}, errNoFlow
	}
	return rand.Text(), time.Now().Add(t.lifetime).UTC(), nil
}

func (s *storage) GetPrivateClaimsFromRequest(_ context.Context, r op.TokenRequest, scopes []string) (map[string]any, error) {
	switch r.(type) {
	case *login, renewal:
		return map[string]any{}, nil
	}
	t, ok := r.(*tokenRequest)
	if !ok {
		return nil, errNoFlow
	}
	claims := map[string]any{}
	for k, v := range t.claims {
		claims[k] = v
	}
	if len(t.scopes) > 0 {
		claims["scope"] = oidc.SpaceDelimitedArray(t.scopes).String()
	}
	return claims, nil
}

// tokenRequest is one client_credentials request.
type tokenRequest struct {
	wish
	scopes []string
}

func (t *tokenRequest) GetSubject() string    { return t.subject }
func (t *tokenRequest) GetAudience() []string { return t.audience }
func (t *tokenRequest) GetScopes() []string   { return t.scopes }

// client is the one client: confidential, by code or client_credentials, with JWT
// tokens.
type client struct{ redirects []string }

var _ op.Client = client{}

func keepScopes(scopes []string) []string { return scopes }

func (client) GetID() string                       { return clientID }
func (c client) RedirectURIs() []string            { return c.redirects }
func (client) PostLogoutRedirectURIs() []string    { return nil }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }

func (client) AuthMethod() oidc.AuthMethod        { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType { return []oidc.ResponseType{oidc.ResponseTypeCode} }

func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeClientCredentials, oidc.GrantTypeRefreshToken}
}

func (client) LoginURL(id string) string { return "/login?id=" + id }

func (client) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration                               { return time.Hour }
func (client) DevMode() bool                                                { return false }
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return keepScopes }
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return keepScopes }
func (client) IsScopeAllowed(string) bool                                   { return true }
func (client) IDTokenUserinfoClaimsAssertion() bool                         { return true }
func (client) ClockSkew() time.Duration                                     { return 0 }
