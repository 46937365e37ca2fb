package app

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/tenant"
)

// developers makes the domain of developer portals over the other services.
func (a *App) developers() error {
	passwords, err := tenant.NewPasswords(a.Config.HashCost)
	if err != nil {
		return err
	}
	a.Developers, err = developer.New(developer.Config{
		Store: store.Developers{DB: a.db}, Limits: a.Tenants, Passwords: passwords, Post: post{a.Tenants},
		Keys: developerKeys{a.Keys, a.Config.Clock}, Root: a.Config.Root, Clock: a.Config.Clock, PublicURL: a.Config.PublicURL,
		VerifyMail: a.Config.VerifyMail,
	})
	if err != nil {
		return err
	}
	a.Tenants.OnTasks(func(ctx context.Context, t tenant.Task) (*tenant.Mail, error) {
		m, err := a.Developers.Write(ctx, t.Kind, t.Payload)
		if err != nil || m == nil {
			return nil, err
		}
		out := tenant.Compose(m.To, m.Form)
		return &out, nil
	})
	return nil
}

// post is the queue of mails as developer portals see it.
type post struct{ tenants *tenant.Service }

func (p post) Queue(ctx context.Context, kind string, payload []byte) error {
	return p.tenants.QueueTask(ctx, tenant.Task{Kind: kind, Payload: payload})
}

// developerKeys are API keys as developer portals see them.
type developerKeys struct {
	keys  *apikey.Service
	clock core.Clock
}

var _ developer.Keys = developerKeys{}

func (k developerKeys) of(v *apikey.Key) developer.Key {
	out := developer.Key{
		ID: v.ID, Name: v.Name, Prefix: v.Prefix, Consumer: v.Consumer.Name, State: v.Status(k.clock()),
		Expires: v.Expires, Revoked: v.Revoked, CreatedAt: v.CreatedAt,
	}
	if v.RotatedTo != 0 {
		out.RotatedTo = apikey.ID(v.RotatedTo)
	}
	return out
}

// List returns the newest page of a consumer's keys, newest first.
func (k developerKeys) List(ctx context.Context, org core.OrganizationID, gateway, consumer string) ([]developer.Key, error) {
	l, err := k.keys.List(ctx, org, apikey.List{
		Gateway: gateway, Consumer: consumer,
		Listing: core.Listing{Page: core.Page{Limit: core.MaxPage}, Sort: "-" + core.SortCreated},
	})
	if err != nil {
		return nil, err
	}
	out := make([]developer.Key, len(l.Items))
	for i := range l.Items {
		out[i] = k.of(&l.Items[i])
	}
	return out, nil
}

// Get finds a key by its id.
func (k developerKeys) Get(ctx context.Context, org core.OrganizationID, gateway, id string) (*developer.Key, error) {
	v, err := k.keys.Get(ctx, org, gateway, id)
	if err != nil {
		return nil, err
	}
	out := k.of(v)
	return &out, nil
}

// Create issues a key unless the consumer has most active ones.
func (k developerKeys) Create(ctx context.Context, org core.OrganizationID, gateway, consumer, name string, most int) (*developer.IssuedKey, error) {
	v, err := k.keys.Create(ctx, org, apikey.Create{Gateway: gateway, Consumer: consumer, Name: name, MostOfConsumer: most})
	if err != nil {
		return nil, err
	}
	return &developer.IssuedKey{Key: k.of(&v.Key), Secret: v.Secret}, nil
}

// Rotate issues a key's successor.
func (k developerKeys) Rotate(ctx context.Context, org core.OrganizationID, gateway, id string, overlap *time.Duration) (*developer.IssuedKey, error) {
	v, err := k.keys.Rotate(ctx, org, apikey.Rotate{Target: apikey.Target{Gateway: gateway, ID: id}, Overlap: overlap})
	if err != nil {
		return nil, err
	}
	old := k.of(&v.Old)
	return &developer.IssuedKey{Key: k.of(&v.Key), Secret: v.Secret, Replaces: &old}, nil
}

// Revoke ends a key.
func (k developerKeys) Revoke(ctx context.Context, org core.OrganizationID, gateway, id string) (*developer.Key, error) {
	v, err := k.keys.Revoke(ctx, org, apikey.Target{Gateway: gateway, ID: id})
	if err != nil {
		return nil, err
	}
	out := k.of(v)
	return &out, nil
}
