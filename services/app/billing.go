package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/stripebill"
	"github.com/tollgate/tollgate/services/mailform"
	"github.com/tollgate/tollgate/services/tenant"
)

// StripeConfig says how payments are taken. Without a key there are none.
type StripeConfig struct {
	Key string
	// WebhookSecrets sign webhooks; several while one takes another's place.
	WebhookSecrets []string
	URL            string // another base of the API, for tests
	// Records sends usage records instead of meter events.
	Records bool
	// PerSecond bounds calls; 0: what Stripe takes.
	PerSecond int
}

// stripeFromSettings reads how payments are taken.
func stripeFromSettings(v *settings.Values) (StripeConfig, error) {
	c := StripeConfig{Key: v.String(settings.StripeKey), WebhookSecrets: v.List(settings.StripeWebhookSecret), URL: v.String(settings.StripeURL)}
	var errs []error
	switch usage := v.String(settings.StripeUsage); usage {
	case "", "meters":
	case "records":
		c.Records = true
	default:
		errs = append(errs, fmt.Errorf("TOLLGATE_%s is %q, want meters or records", settings.StripeUsage, usage))
	}
	if c.Key == "" && len(c.WebhookSecrets) > 0 {
		errs = append(errs, fmt.Errorf("TOLLGATE_%s is set without TOLLGATE_%s", settings.StripeWebhookSecret, settings.StripeKey))
	}
	if c.Key != "" && len(c.WebhookSecrets) == 0 {
		errs = append(errs, fmt.Errorf("TOLLGATE_%s needs TOLLGATE_%s beside it: the signing secret of the webhook endpoint", settings.StripeKey, settings.StripeWebhookSecret))
	}
	return c, errors.Join(errs...)
}

// billing makes the services of money.
func (a *App) billing() (err error) {
	plans := a.billingPlans()
	if a.provider, err = a.stripe(plans); err != nil {
		return err
	}
	a.poster, a.settler = a.newPoster(plans), a.newSettler(plans)
	a.Billing, err = billing.New(billing.Config{
		Store: store.Billing{DB: a.db}, Plans: plans, Provider: a.provider, Live: strings.Contains(a.Config.Stripe.Key, "_live_"),
		Letters: billingLetters{a.Tenants}, PublicURL: a.Config.PublicURL, Clock: a.Config.Clock, Logger: a.Config.Logger,
	})
	a.comparer = a.newComparer(plans)
	return err
}

// stripe is nil where no key is set.
func (a *App) stripe(plans *billing.Plans) (billing.Provider, error) {
	c := a.Config.Stripe
	if c.Key == "" {
		return nil, nil
	}
	if p, _ := plans.Get(plans.Default()); p.Paid() {
		return nil, fmt.Errorf("the plan %q is the default one and has a price, but new organizations pay nothing", p.Name)
	}
	return stripebill.New(stripebill.Config{Key: c.Key, WebhookSecrets: c.WebhookSecrets, URL: c.URL, Records: c.Records, PerSecond: c.PerSecond, Clock: a.Config.Clock})
}

// billingLetters seals the mails of billing.
type billingLetters struct{ tenants *tenant.Service }

func (l billingLetters) Letter(to string, form mailform.Form) (billing.Letter, error) {
	q, err := l.tenants.Letter(tenant.Compose(to, form))
	return billing.Letter{ID: q.ID, Sealed: q.Sealed}, err
}

// BillingStep does what is due of billing now: what was counted is folded, periods
// begin, customers are fetched until none is due, standings move, credits are given,
// hours are posted and periods settled, and once an hour lost webhooks are made good and
// what the provider counts is held against what it was told.
// The worker's loops do the same.
func (a *App) BillingStep(ctx context.Context) error {
	if err := a.Hours.Fold(ctx); err != nil {
		return err
	}
	if _, err := a.Tenants.RollPeriods(ctx); err != nil {
		return err
	}
	_, heal := a.Billing.Heal(ctx)
	_, credits := a.Billing.GiveCredits(ctx)
	var fetch error
	for n := 1; n > 0 && fetch == nil; {
		n, fetch = a.Billing.Sync(ctx)
	}
	_, dunning := a.Billing.Dunning(ctx)
	var posts error
	if a.poster != nil {
		posts = a.poster.Run(ctx)
	}
	if a.comparer != nil {
		posts = errors.Join(posts, a.comparer.Run(ctx))
	}
	return errors.Join(heal, credits, fetch, dunning, posts, a.settler.Begin(ctx), a.settler.Run(ctx))
}

// billingPlans are the plans as billing knows them.
func (a *App) billingPlans() *billing.Plans {
	var list []billing.Plan
	for _, p := range a.Plans.List() {
		b := billing.Plan{
			Name: p.Name, Title: p.Title, Num: p.Num, Currency: p.Currency, PriceCents: p.PriceCents,
			IncludedRequests: p.IncludedRequests, SelfServe: *p.SelfServe,
		}
		if p.Overage != nil {
			b.OverageRequests, b.OveragePriceCents = p.Overage.Requests, p.Overage.PriceCents
		}
		list = append(list, b)
	}
	d := a.Plans.Dunning()
	return billing.NewPlans(list, a.Plans.Default(), billing.Dunning{Grace: d.Grace.Std(), SuspendAfter: d.SuspendAfter.Std()})
}
