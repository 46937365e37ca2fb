package session

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Lifetime is how long a sign-in lasts.
const Lifetime = 7 * 24 * time.Hour

// Tenants is what the manager needs of the tenant domain.
type Tenants interface {
	PutSession(ctx context.Context, s tenant.Session) error
	FindSession(ctx context.Context, tokenHash string) (tenant.Session, error)
	TouchSession(ctx context.Context, tokenHash string) error
	EndSession(ctx context.Context, tokenHash string) error
}

// Manager reads and writes the session cookie.
type Manager struct {
	scs   *scs.SessionManager
	clock core.Clock
}

// New makes a manager. Secure says that browsers reach the portal by https.
func New(tenants Tenants, clock core.Clock, secure bool) *Manager {
	m := scs.New()
	m.Lifetime = Lifetime
	m.HashTokenInStore = true
	m.Codec = codec{}
	m.Store = &store{tenants: tenants, clock: clock}
	m.Cookie = scs.SessionCookie{
		Name: "tollgate", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure, Persist: true,
	}
	if secure {
		m.Cookie.Name = "__Host-tollgate"
	}
	return &Manager{scs: m, clock: clock}
}

// Current is the session of a request.
type Current struct {
	ID      string
	UserID  string
	Created time.Time       // when the user signed in
	Factor  time.Time       // when the second factor was given; zero: it was not
	ctx     context.Context // carries scs's own data
}

// Keys of a session's values.
const (
	keyID        = "id"
	keyUser      = "user"
	keyClient    = "client"
	keyUserAgent = "user_agent"
	keyCreated   = "created"
	keyFactor    = "factor"
)

// Load returns the request's session, nil for none.
func (m *Manager) Load(r *http.Request) (*Current, error) {
	cookie, err := r.Cookie(m.scs.Cookie.Name)
	if err != nil || cookie.Value == "" || len(cookie.Value) > 128 {
		return nil, nil
	}
	ctx, err := m.scs.Load(r.Context(), cookie.Value)
	if err != nil {
		return nil, err
	}
	user := m.scs.GetString(ctx, keyUser)
	if user == "" {
		return nil, nil
	}
	created, err := time.Parse(time.RFC3339Nano, m.scs.GetString(ctx, keyCreated))
	if err != nil {
		return nil, fmt.Errorf("session without a time: %w", err)
	}
	c := &Current{ID: m.scs.GetString(ctx, keyID), UserID: user, Created: created, ctx: ctx}
	if text := m.scs.GetString(ctx, keyFactor); text != "" {
		if c.Factor, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, fmt.Errorf("session with a bad time: %w", err)
		}
	}
	return c, nil
}

// maxUserAgent bounds what is kept of a browser's name.
const maxUserAgent = 256

// Start signs a user in under a new token and sets the cookie. A session that
// the request came with is ended first. Factored says that the second factor was
// given just now.
func (m *Manager) Start(w http.ResponseWriter, r *http.Request, userID string, factored bool) error {
	old, err := m.Load(r)
	if err != nil {
		return err
	}
	if old != nil {
		if err := m.scs.Destroy(old.ctx); err != nil {
			return err
		}
	}
	ctx, err := m.scs.Load(r.Context(), "")
	if err != nil {
		return err
	}
	agent := r.UserAgent()
	if len(agent) > maxUserAgent {
		agent = agent[:maxUserAgent]
	}
	m.scs.Put(ctx, keyID, core.NewID("ses"))
	m.scs.Put(ctx, keyUser, userID)
	m.scs.Put(ctx, keyClient, core.ActorFrom(r.Context()).Client)
	m.scs.Put(ctx, keyUserAgent, agent)
	began := m.clock()
	now := began.Format(time.RFC3339Nano)
	m.scs.Put(ctx, keyCreated, now)
	if factored {
		m.scs.Put(ctx, keyFactor, now)
	}
	// Of its own, scs counts by the machine's clock, and the row is looked up by ours.
	m.scs.SetDeadline(ctx, began.Add(Lifetime).UTC())
	token, _, err := m.scs.Commit(ctx)
	if err != nil {
		return err
	}
	// The browser's clock is the world's, whatever ours shows.
	m.scs.WriteSessionCookie(ctx, w, token, time.Now().Add(Lifetime))
	return nil
}

// End signs out: the row is deleted and the cookie taken back.
func (m *Manager) End(w http.ResponseWriter, c *Current) error {
	if err := m.scs.Destroy(c.ctx); err != nil {
		return err
	}
	m.scs.WriteSessionCookie(c.ctx, w, "", time.Time{})
	return nil
}
