package oidclogin

import (
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
)

// session is what a session's cookie holds. Times are Unix seconds.
type session struct {
	ID      string `json:"i"`           // ID token
	Access  string `json:"a,omitempty"` // only where the backend is to have it
	Refresh string `json:"r,omitempty"`
	// Expires is the end of the tokens and Renew from when on to renew them; 0: they
	// can't be renewed, and the session lasts to its end.
	Expires int64 `json:"e,omitempty"`
	Renew   int64 `json:"n,omitempty"`
	Ends    int64 `json:"x"`
}

var errLarge = errors.New("the provider's tokens are too large for cookies")

// sealed is the session as its cookie's value, with the hash of it.
func (p *login) sealed(s *session) (value string, hash [32]byte, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", hash, err
	}
	if value = p.seal.seal(forSession, text); len(value) > maxSealed {
		return "", hash, errLarge
	}
	return value, memo.Key(&p.print, policy.Static(value)), nil
}

// opened reads a session's cookie; nil: it is none of ours.
func (p *login) opened(value string) *session {
	text, err := p.seal.open(forSession, value)
	if err != nil {
		return nil
	}
	s := &session{}
	if json.Unmarshal(text, s) != nil {
		return nil
	}
	return s
}

// entry is a session that was opened, and what its claims grant. It is immutable but
// for its atomic parts and what is known of the caller's consumer.
type entry struct {
	hash    [32]byte
	session *session
	bearer  string // the Authorization field of the backend; "": none
	weight  int
	granted grant.Granted
	known   caller.Known // set unless granted is a refusal

	// renew is from when on, in Unix seconds, a request takes it on itself to renew
	// the tokens: who wins the swap does. 0: nobody.
	renew atomic.Int64
	// over: the browser has signed out.
	over atomic.Bool
	// next is what took its place, for requests that still come with the old cookie.
	next atomic.Pointer[renewal]
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(_, unix int64) bool { return unix < e.session.Ends }

// Weight implements memo.Entry.
func (e *entry) Weight() int { return e.weight }

// expired reports whether the tokens have ended, and so has the session unless they
// can be renewed.
func (e *entry) expired(unix int64) bool {
	return e.session.Expires != 0 && unix >= e.session.Expires
}

// judge makes the entry of a session whose seal or whose signature was good; nil:
// what it holds can't be read.
func (p *login) judge(s *session, hash [32]byte) *entry {
	t, err := provider.ParseToken(s.ID, nil)
	if err != nil {
		return nil
	}
	e := &entry{
		hash: hash, session: s, weight: 1024 + 6*(len(s.ID)+len(s.Access)+len(s.Refresh)),
		granted: p.rules.Judge(t.Claims, p.config.ConsumerPrefix),
	}
	e.renew.Store(s.Renew)
	if s.Access != "" && p.config.ForwardAccessToken {
		e.bearer = "Bearer " + s.Access
	}
	if e.granted.Refused != "" {
		return e
	}
	e.known.Set(&policy.Principal{
		Kind: policy.KindToken, KeyDisplay: memo.Display("session_", &hash), Expires: s.Ends * 1000,
		Scopes: e.granted.Scopes, Claims: claim.Plain(t.Claims), ConsumerName: e.granted.Consumer,
	}, p.identities, p.config.Issuer, e.granted.Subject)
	return e
}
