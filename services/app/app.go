package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/operator"
	"github.com/tollgate/tollgate/services/plan"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/release"
	"github.com/tollgate/tollgate/services/resolver"
	"github.com/tollgate/tollgate/services/telemetry"
	"github.com/tollgate/tollgate/services/tenant"
	"github.com/tollgate/tollgate/services/usage"
	"github.com/tollgate/tollgate/services/webhook"
)

// App holds every service of the control plane. It is safe for concurrent use.
type App struct {
	Config Config

	Tenants    *tenant.Service
	Plans      *plan.Service
	Audits     *audit.Service
	Gateways   *gateway.Service
	Consumers  *gateway.Consumers
	Keys       *apikey.Service
	Usage      *usage.Service
	Developers *developer.Service
	Alerts     *alert.Service
	Budgets    *budget.Service
	Billing    *billing.Service
	Telemetry  *telemetry.Service
	Webhooks   *webhook.Service
	Releases   *release.Watch
	Hours      *billing.Ledger
	Operators  *operator.Service
	Status     *publish.Status
	Checker    *publish.Checker

	db     *store.DB
	redis  redis.UniversalClient
	ledger *store.Usage
	// provider takes payments; nil: there is no payment.
	provider billing.Provider
	poster   *billing.Poster   // nil without a provider
	comparer *billing.Comparer // nil without a provider of meters
	settler  *billing.Settler
}

// New opens the database and makes the services. A database whose schema is
// older than the program is refused; Redis may be away.
func New(ctx context.Context, c Config) (*App, error) {
	if c.Root == nil || c.Logger == nil || c.EdgeDomain == "" {
		return nil, errors.New("app: root keys, logger and edge domain are required")
	}
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	domain, port, err := match.HostString(c.EdgeDomain)
	if err != nil || port != 0 {
		return nil, fmt.Errorf("the edge domain %q is not a host name", c.EdgeDomain)
	}
	c.EdgeDomain = domain
	if err := checkSchema(ctx, c.DatabaseURL); err != nil {
		return nil, err
	}
	redisbus.Speak(c.Logger)
	client, err := redisbus.Open(c.RedisURL)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: c.DatabaseURL, Clock: c.Clock, Logger: c.Logger})
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	a := &App{Config: c, db: db, redis: client}
	if err := a.services(); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func checkSchema(ctx context.Context, databaseURL string) error {
	m, err := migrations.Open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer m.Close()
	pending, err := m.Pending(ctx)
	if err != nil {
		return err
	}
	if pending {
		return errors.New("the database's schema is older than this program: run `tollgate migrate up` first")
	}
	return nil
}

// services makes all services over the open connections.
func (a *App) services() (err error) {
	c := a.Config
	if a.Plans, err = plan.New(c.PlansFile); err != nil {
		return err
	}
	if err = a.hours(); err != nil {
		return err
	}
	a.Tenants, err = tenant.New(tenant.Config{
		Store: store.Tenants{DB: a.db}, Plans: a.Plans, Allowances: a.Hours, Clock: c.Clock, Root: c.Root, PublicURL: c.PublicURL,
		VerifyMail: c.VerifyMail, Operators: c.Operators, HashCost: c.HashCost, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	a.Audits = audit.New(store.Audits{DB: a.db}, c.Clock)
	guard := match.Guard{AllowPrivate: c.AllowPrivate, Own: c.OwnAddrs, Local: localAddrs()}
	a.Checker = &publish.Checker{Guard: guard}
	dns, err := resolver.New(c.DNSResolver)
	if err != nil {
		return err
	}
	a.Gateways, err = gateway.New(gateway.Options{
		Store: store.Gateways{DB: a.db}, Limits: a.Tenants, Checker: a.Checker, Keys: c.Root, EdgeDomain: c.EdgeDomain, Ports: c.StreamPorts, Clock: c.Clock,
		Resolver: dns, ACME: c.ACME.Directory != "",
	})
	if err != nil {
		return err
	}
	if a.Consumers, err = gateway.NewConsumers(store.Consumers{DB: a.db}, a.Tenants, c.Root); err != nil {
		return err
	}
	a.Keys, err = apikey.New(apikey.Options{Store: store.Keys{DB: a.db}, Limits: a.Tenants, Keys: c.Root, Clock: c.Clock})
	if err != nil {
		return err
	}
	if err = a.developers(); err != nil {
		return err
	}
	a.ledger = store.NewUsage(a.db)
	a.Usage = usage.New(usage.Config{
		Store: a.ledger, Asker: &redisbus.Asker{Redis: a.redis, Keys: &c.Root.Edge, Clock: c.Clock}, Clock: c.Clock, Logger: c.Logger,
	})
	a.Budgets, err = budget.New(budget.Config{
		Live: &redisbus.BudgetReader{Redis: a.redis}, Records: a.ledger, Clock: c.Clock, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	if err = a.billing(); err != nil {
		return err
	}
	a.Alerts, err = alert.New(alert.Options{
		Store: store.Alerts{DB: a.db}, Guard: webhookGuard{&guard}, Root: c.Root, PublicURL: strings.TrimRight(c.PublicURL, "/"), Clock: c.Clock,
	})
	if err != nil {
		return err
	}
	a.Telemetry, err = telemetry.New(telemetry.Options{Store: store.Telemetry{DB: a.db}, Guard: webhookGuard{&guard}, Root: c.Root, Clock: c.Clock})
	if err != nil {
		return err
	}
	a.Webhooks, err = webhook.New(webhook.Options{
		Store: store.Webhooks{DB: a.db}, Guard: webhookGuard{&guard}, Root: c.Root, Letters: sealed{a.Tenants}, PublicURL: strings.TrimRight(c.PublicURL, "/"), Clock: c.Clock,
	})
	if err != nil {
		return err
	}
	a.Releases = a.releaseWatch()
	if a.Operators, err = operator.New(operator.Config{
		Store: store.Operators{DB: a.db}, Reports: redisbus.NewReports(a.redis, &c.Root.Edge), EdgeDomain: c.EdgeDomain, Clock: c.Clock,
		Commander: &redisbus.Commander{Asker: redisbus.Asker{Redis: a.redis, Keys: &c.Root.Edge, Clock: c.Clock}, Signer: c.Root.Signer},
	}); err != nil {
		return err
	}
	a.Status, err = publish.NewStatus(store.Publisher{DB: a.db}, redisbus.NewReports(a.redis, &c.Root.Edge), c.Clock)
	return err
}

// Close ends the connections. Nothing may use the services any more.
func (a *App) Close() {
	if err := a.redis.Close(); err != nil {
		a.Config.Logger.Debug("close Redis", "error", err)
	}
	if err := a.db.Close(); err != nil {
		a.Config.Logger.Debug("close database", "error", err)
	}
}

// Ready says whether the database answers, which is all that the management API
// cannot do without.
func (a *App) Ready(ctx context.Context) error { return a.db.Ping(ctx) }
