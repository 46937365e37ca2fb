package app

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/store"
)

// certificates makes the loop that orders certificates; nil: this installation
// orders none.
func (a *App) certificates(holder string) (*acme.Worker, error) {
	c := a.Config.ACME
	if c.Directory == "" {
		return nil, nil
	}
	key, err := a.Config.Root.Derive("acme storage v1")
	if err != nil {
		return nil, err
	}
	var own *acme.Own
	if c.DNS != nil {
		publish := &redisbus.EdgeCertificate{Redis: a.redis, Keys: &a.Config.Root.Edge}
		own = &acme.Own{
			Host: "*." + a.Config.EdgeDomain, Provider: c.DNS,
			Publish: func(ctx context.Context, chain, key string) error {
				return publish.Publish(ctx, contract.EdgeCertificate{ChainPEM: chain, KeyPEM: key})
			},
		}
		if r := a.Config.DNSResolver; r != "" {
			own.Resolvers = []string{r}
		}
	}
	return acme.New(acme.Config{
		Directory: c.Directory, Email: c.Email, Roots: c.Roots, EABKeyID: c.EABKeyID, EABKey: c.EABKey, Holder: holder,
		Domains: domains{a.Gateways}, Challenges: &redisbus.Challenges{Redis: a.redis, Keys: &a.Config.Root.Edge},
		Store: store.ACME{DB: a.db}, Key: key, Own: own, Logger: a.Config.Logger,
	})
}

// domains are the gateways' domains as the ACME worker knows them.
type domains struct{ g *gateway.Service }

// Claim takes what is due.
func (d domains) Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]acme.Job, error) {
	jobs, err := d.g.ClaimCertificates(ctx, holder, lease, limit)
	out := make([]acme.Job, len(jobs))
	for i := range jobs {
		out[i] = acme.Job(jobs[i])
	}
	return out, err
}

// Extend prolongs what a worker has claimed.
func (d domains) Extend(ctx context.Context, holder string, lease time.Duration) error {
	return d.g.ExtendCertificates(ctx, holder, lease)
}

// Finish stores what came of an order.
func (d domains) Finish(ctx context.Context, j acme.Job, r acme.Result) error {
	return d.g.FinishCertificate(ctx, gateway.CertificateJob(j), gateway.CertificateResult(r))
}
