package tenant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Plans is what the domain asks of subscription plans.
type Plans interface {
	// Default is the plan of a new organization.
	Default() string
	Limits(name string) core.Limits
	// Apply writes a plan's limits into what edges are told.
	Apply(name string, verified bool, doc *contract.Organization)
}

// Allowances knows what bounds organizations beside their plans.
type Allowances interface {
	// Allow changes what edges are told that organizations may use.
	Allow(ctx context.Context, docs []contract.Organization) error
}

// Config is what New needs.
type Config struct {
	Store Store
	Plans Plans
	// Allowances is asked for every document; nil: plans alone bound organizations.
	Allowances Allowances
	Clock      core.Clock
	Root       *contract.RootKeys
	PublicURL  string // base of links in mails; never taken from a request
	// VerifyMail: mail is set up, so an address must be proved before its
	// organization is free of the daily cap.
	VerifyMail bool
	// Operators are the addresses that may use the operator's console.
	Operators []string
	HashCost  HashCost // of passwords
	Logger    *slog.Logger
}

// Service is the domain's one entrance. It is safe for concurrent use.
type Service struct {
	store      Store
	plans      Plans
	allowances Allowances
	clock      core.Clock
	log        *slog.Logger
	base       string
	verifyMail bool
	operators  map[string]bool // by e-mail key
	passwords  *hasher
	pepper     [32]byte // of management tokens
	linkKey    [32]byte
	mailKey    [32]byte
	totpKey    [32]byte
	wake       chan struct{} // a mail was queued
	writeTask  TaskWriter    // nil: no other domain has tasks
}

// New makes the service.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Plans == nil || cfg.Clock == nil || cfg.Root == nil || cfg.Logger == nil {
		return nil, errors.New("tenant: store, plans, clock, root keys and logger are needed")
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("tenant: public URL %q is not an absolute http or https URL", cfg.PublicURL)
	}
	s := &Service{
		store: cfg.Store, plans: cfg.Plans, allowances: cfg.Allowances, log: cfg.Logger,
		// Times as the store gives them back.
		clock: func() time.Time { return cfg.Clock().UTC().Truncate(time.Millisecond) },
		base:  strings.TrimRight(cfg.PublicURL, "/"), verifyMail: cfg.VerifyMail,
		wake: make(chan struct{}, 1),
	}
	if s.operators, err = operatorKeys(cfg.Operators); err != nil {
		return nil, err
	}
	for purpose, key := range map[string]*[32]byte{
		"management token pepper v1": &s.pepper,
		"one-time link hash v1":      &s.linkKey,
		"queued mail sealing v1":     &s.mailKey,
		"second factor at rest v1":   &s.totpKey,
	} {
		if *key, err = cfg.Root.Derive(purpose); err != nil {
			return nil, err
		}
	}
	if s.passwords, err = newHasher(cfg.HashCost); err != nil {
		return nil, err
	}
	return s, nil
}

// as returns ctx with the user as actor, keeping where the request came from.
func as(ctx context.Context, u *User) context.Context {
	a := core.ActorFrom(ctx)
	a.Kind, a.ID, a.Name = core.ActorUser, u.ID, u.Email
	return core.WithActor(ctx, a)
}

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

// list runs a read of one page.
func list[T any](ctx context.Context, s *Service, page core.Page, key func(T) string, fn func(r Rows, after string, limit int) ([]T, error)) (core.List[T], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[T]{}, err
	}
	items, err := view(ctx, s, func(r Rows) ([]T, error) { return fn(r, after, limit+1) })
	if err != nil {
		return core.List[T]{}, err
	}
	return core.NextPage(items, limit, key), nil
}
