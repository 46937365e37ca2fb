package oidclogin

import (
	"fmt"
	"net/url"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
)

// renewAgain is after how many seconds a renewal that failed is tried again.
const renewAgain = 10

// renewal is what took a session's place, and the cookie that says so.
type renewal struct {
	entry *entry
	value string
}

// renew gets new tokens for a session, once for all requests that carry it. The
// session's own end stays. The error is errRefused where the provider ended it, else
// wraps errAway.
func (p *login) renew(b policy.Blocking, e *entry, now int64) (*renewal, error) {
	return p.state.renewals.Do(b, e.hash, func() (*renewal, error) {
		if next := e.next.Load(); next != nil {
			return next, nil // it ended between the look and the call
		}
		m, err := p.state.provider.Metadata(b, p.fetch, now)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errAway, err)
		}
		t, err := p.ask(b, m.Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {e.session.Refresh}})
		if err != nil {
			if err == errRefused {
				e.renew.Store(0) // another edge may have renewed it: until its end it is good
			}
			return nil, err
		}
		next, err := p.renewed(b, e, t, now)
		if err == nil {
			e.next.Store(next)
		}
		return next, err
	})
}

// renewed makes the session that takes the place of e.
func (p *login) renewed(b policy.Blocking, e *entry, t *tokens, now int64) (*renewal, error) {
	wall := p.wall()
	s := &session{ID: e.session.ID, Refresh: e.session.Refresh, Ends: e.session.Ends}
	if t.Refresh != "" {
		s.Refresh = t.Refresh
	}
	if t.ID != "" {
		if err := p.verify(b, now, t, ""); err != nil {
			return nil, err
		}
		if !samePerson(t.ID, e.session.ID) {
			return nil, errRefused
		}
		s.ID = t.ID
	}
	if err := p.times(s, t, wall.Unix()); err != nil {
		return nil, err
	}
	value, hash, err := p.sealed(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	next := p.judge(s, hash)
	if next == nil {
		return nil, errAway
	}
	p.state.sessions.Put(next, now, wall.Unix())
	return &renewal{entry: next, value: value}, nil
}

// samePerson reports whether two ID tokens are of the same subject, as renewed ones
// must be (OpenID Connect Core 12.2).
func samePerson(a, b string) bool {
	s, err := provider.ParseToken(a, nil)
	if err != nil {
		return false
	}
	t, err := provider.ParseToken(b, nil)
	return err == nil && s.Claims["sub"] == t.Claims["sub"]
}
