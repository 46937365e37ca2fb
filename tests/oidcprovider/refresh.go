package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// loginLifetime is how long tokens of a sign-in are good where its manners don't say.
const loginLifetime = 5 * time.Minute

// expires is when tokens that a sign-in gets now end.
func (l *login) expires() time.Time {
	lifetime := loginLifetime
	if d, err := time.ParseDuration(l.manners.Lifetime); err == nil {
		lifetime = d
	}
	return time.Now().Add(lifetime).UTC()
}

// renewal is a sign-in whose tokens are renewed (op.RefreshTokenRequest).
type renewal struct{ *login }

var _ op.RefreshTokenRequest = renewal{}

// SetCurrentScopes is op.RefreshTokenRequest's: nobody asks for fewer.
func (renewal) SetCurrentScopes([]string) {}

// CreateAccessAndRefreshTokens gives a refresh token that is good once.
func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	l, ok := r.(*login)
	if again, renews := r.(renewal); renews {
		l, ok = again.login, true
	}
	if !ok {
		return "", "", time.Time{}, errNoFlow
	}
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	delete(s.logins.refresh, current)
	next := rand.Text()
	s.logins.refresh[next] = l
	return rand.Text(), next, l.expires(), nil
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	l := s.logins.refresh[token]
	if l == nil || s.logins.locked[l.person.Subject] {
		return nil, op.ErrInvalidRefreshToken
	}
	return renewal{l}, nil
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (subject, id string, err error) {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	if l := s.logins.refresh[token]; l != nil {
		return l.person.Subject, token, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	if s.logins.refresh[token] == nil {
		return oidc.ErrInvalidRequest().WithParent(errors.New("no such refresh token"))
	}
	delete(s.logins.refresh, token)
	return nil
}
