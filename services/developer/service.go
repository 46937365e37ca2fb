package developer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds.
const (
	// MaxDevelopers bounds a gateway's accounts where its plan bounds no consumers.
	MaxDevelopers = 100_000
	sessionLasts  = 7 * 24 * time.Hour
	verifyLasts   = 7 * 24 * time.Hour
	resetLasts    = 30 * time.Minute
	seenEvery     = time.Minute
)

// Config is what New needs.
type Config struct {
	Store     Store
	Limits    Limits
	Passwords Passwords
	Post      Post
	Keys      Keys
	Root      *contract.RootKeys
	Clock     core.Clock
	PublicURL string // base of links in mails; never taken from a request
	// VerifyMail: mail is set up, so an address must be proved.
	VerifyMail bool
}

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store      Store
	limits     Limits
	passwords  Passwords
	post       Post
	keys       Keys
	clock      core.Clock
	base       string
	verifyMail bool
	hashKey    [32]byte // of sessions, links and throttles
}

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Limits == nil || c.Passwords == nil || c.Post == nil || c.Keys == nil || c.Root == nil || c.Clock == nil {
		return nil, errors.New("developer: store, limits, passwords, post, keys, root keys and clock are needed")
	}
	s := &Service{
		store: c.Store, limits: c.Limits, passwords: c.Passwords, post: c.Post, keys: c.Keys,
		clock: func() time.Time { return c.Clock().UTC().Truncate(time.Millisecond) },
		base:  strings.TrimRight(c.PublicURL, "/"), verifyMail: c.VerifyMail,
	}
	var err error
	s.hashKey, err = c.Root.Derive("developer portal hash v1")
	return s, err
}

// newSecret returns 256 random bits for a cookie or a link.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash is the stored form of a secret, bound to what it is for.
func (s *Service) hash(parts ...string) []byte {
	h := hmac.New(sha256.New, s.hashKey[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// URL is where people find a portal.
func (s *Service) URL(label string) string { return s.base + "/p/" + label }

// as returns ctx with the developer as actor, keeping where the request came from.
func as(ctx context.Context, d *Developer) context.Context {
	a := core.ActorFrom(ctx)
	a.Kind, a.ID, a.Name = core.ActorDeveloper, d.ID, d.Email
	return core.WithActor(ctx, a)
}

// ticket is how often something may be done.
type ticket struct {
	name   string
	limit  int
	window time.Duration
}

var (
	// One account from one address, and one account from anywhere: guessing a
	// password.
	perAccountClient = ticket{"login", 10, 10 * time.Minute}
	perAccount       = ticket{"login-account", 100, time.Hour}
	// One address at one portal: trying a leaked list.
	perClient = ticket{"login-client", 60, 10 * time.Minute}
	// Making accounts and sending mails, by address and by portal.
	signupClient = ticket{"signup-client", 10, time.Hour}
	signupPortal = ticket{"signup-portal", 300, time.Hour}
	mailClient   = ticket{"mail-client", 10, time.Hour}
	mailAddress  = ticket{"mail-address", 5, time.Hour}
	// Applications of one developer.
	applyOften = ticket{"apply", 20, time.Hour}
	// Keys of one developer, made and rotated.
	keysOften = ticket{"keys", 60, time.Hour}
)

// take counts a try before it is made and refuses with CodeThrottled.
func (s *Service) take(ctx context.Context, t ticket, parts ...string) error {
	key := "dev " + hex.EncodeToString(s.hash(append([]string{t.name}, parts...)...)[:20])
	var wait time.Duration
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		wait, err = tx.Ticket(ctx, key, t.limit, t.window)
		return err
	})
	if err != nil || wait <= 0 {
		return err
	}
	e := core.Errorf(core.CodeThrottled, "too many tries; wait before the next one")
	e.RetryAfter = max(wait, time.Second)
	return e
}

// client is the network that counts as one: an IPv4 address, or the /64 of an
// IPv6 one, of which everybody has plenty.
func client(ctx context.Context) string {
	text := core.ActorFrom(ctx).Client
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// emailKey is the form by which addresses are compared.
func emailKey(email string) string { return strings.ToLower(email) }

// view runs a read that returns one value.
func view[T any](ctx context.Context, s *Service, fn func(Rows) (T, error)) (out T, err error) {
	err = s.store.View(ctx, func(r Rows) error {
		v, err := fn(r)
		if err == nil {
			out = v
		}
		return err
	})
	return out, err
}

// Purge deletes what expired. The worker calls it now and then.
func (s *Service) Purge(ctx context.Context) error {
	now := s.clock()
	return s.store.Tx(ctx, func(tx Tx) error { return tx.Purge(ctx, now, now.Add(-verifyLasts)) })
}
