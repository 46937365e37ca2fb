package developer

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
)

// Current is who is signed in at a portal.
type Current struct {
	Session   Session
	Developer Developer
}

const (
	maxUserAgent = 256 // bytes that are kept of a browser's name
	maxSecret    = 128 // bytes of a cookie that are looked at
)

// Login is what somebody signs in with.
type Login struct {
	Email, Password string
	UserAgent       string
	Replaces        string // secret of the browser's session so far; empty: none
}

// Login checks a password and starts a session under a new secret, which goes into
// the cookie; only its hash is kept. The browser's session so far ends with it. It
// takes the same work and gives the same answer whether the address or the
// password is wrong.
func (s *Service) Login(ctx context.Context, p *Portal, in Login) (d *Developer, secret string, err error) {
	key, userAgent := emailKey(in.Email), in.UserAgent
	found, err := view(ctx, s, func(r Rows) (Developer, error) {
		return r.FindDeveloperByEmail(ctx, p.Organization, p.ID, key)
	})
	if err != nil && core.CodeOf(err) != core.CodeNotFound {
		return nil, "", err
	}
	ok, err := s.matches(ctx, p, key, in.Password, found.PasswordHash)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, "", core.Errorf(core.CodeUnauthenticated, "the e-mail address or the password is wrong")
	}
	if !found.Verified() {
		return nil, "", core.Errorf(core.CodeForbidden, "confirm your address first: follow the link in the mail that was sent")
	}
	now := s.clock()
	secret = newSecret()
	if len(userAgent) > maxUserAgent {
		userAgent = userAgent[:maxUserAgent]
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		if in.Replaces != "" && len(in.Replaces) <= maxSecret {
			if err := tx.DeleteSession(ctx, p.Organization, s.sessionHash(p, in.Replaces)); err != nil {
				return err
			}
		}
		return tx.PutSession(ctx, p.Organization, &Session{
			Hash: s.sessionHash(p, secret), ID: core.NewID(prefixSession), Organization: p.Organization, Gateway: p.ID, Developer: found.ID,
			Client: core.ActorFrom(ctx).Client, UserAgent: userAgent, ExpiresAt: now.Add(sessionLasts), SeenAt: now, CreatedAt: now,
		})
	})
	if err != nil {
		return nil, "", err
	}
	return &found, secret, nil
}

// SessionLasts is how long a sign-in lasts.
const SessionLasts = sessionLasts

// sessionHash binds a session to its portal: the same cookie at another one is
// another hash, which no row has.
func (s *Service) sessionHash(p *Portal, secret string) []byte {
	return s.hash("session", p.ID, secret)
}

// Session returns who the cookie of a portal belongs to; CodeUnauthenticated.
func (s *Service) Session(ctx context.Context, p *Portal, secret string) (*Current, error) {
	denied := core.Errorf(core.CodeUnauthenticated, "sign in at the developer portal")
	if secret == "" || len(secret) > maxSecret {
		return nil, denied
	}
	hash, now := s.sessionHash(p, secret), s.clock()
	c := &Current{}
	err := s.store.View(ctx, func(r Rows) (err error) {
		if c.Session, err = r.FindSession(ctx, p.Organization, p.ID, hash, now); err != nil {
			return err
		}
		c.Developer, err = r.FindDeveloper(ctx, p.Organization, p.ID, c.Session.Developer)
		return err
	})
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, denied
	}
	if err != nil {
		return nil, err
	}
	if unseen(c.Session.SeenAt, now) {
		err = s.store.Tx(ctx, func(tx Tx) error { return tx.TouchSession(ctx, p.Organization, hash, now) })
	}
	return c, err
}

// Logout ends a session.
func (s *Service) Logout(ctx context.Context, c *Current) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.DeleteSession(ctx, c.Session.Organization, c.Session.Hash) })
}

// Profile is a developer with what was asked for last.
type Profile struct {
	Developer
	State       string
	Application *Application // the newest; nil: none
}

// Profile reads a developer anew.
func (s *Service) Profile(ctx context.Context, p *Portal, id string) (*Profile, error) {
	out := &Profile{}
	err := s.store.View(ctx, func(r Rows) (err error) {
		if out.Developer, err = r.FindDeveloper(ctx, p.Organization, p.ID, id); err != nil {
			return err
		}
		a, err := r.LastApplication(ctx, p.Organization, p.ID, id)
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			return nil
		}
		out.Application = &a
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case out.ConsumerID != "" && out.UsagePlan != "":
		out.State = StateActive
	case out.Application != nil && out.Application.State == Pending:
		out.State = StatePending
	default:
		out.State = StateNew
	}
	return out, nil
}
