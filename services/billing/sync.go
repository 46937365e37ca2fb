package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

const (
	syncBatch = 8
	syncLease = 2 * time.Minute // longer than one customer takes
	syncTime  = time.Minute     // of one customer
	// lookBack is how far back paid invoices are fetched again.
	lookBack = 45 * 24 * time.Hour
	// Retries of a customer that could not be fetched.
	syncRetry    = 5 * time.Second
	syncMaxRetry = 30 * time.Minute
)

// errLost says that another claim has voided ours: what was fetched is not applied.
var errLost = errors.New("billing: somebody else fetches the customer")

// Sync fetches customers that are due and returns how many. The worker calls it
// all the time; several may.
func (s *Service) Sync(ctx context.Context) (int, error) {
	if s.provider == nil {
		return 0, nil
	}
	now := s.clock()
	claims, err := s.store.Claim(ctx, now, now.Add(syncLease), syncBatch)
	if err != nil {
		return 0, err
	}
	for i := range claims {
		if err := s.syncClaim(ctx, &claims[i]); err != nil && ctx.Err() != nil {
			return i, err
		}
	}
	return len(claims), nil
}

// syncCustomer fetches one customer at once.
func (s *Service) syncCustomer(ctx context.Context, org core.OrganizationID, customer string) error {
	now := s.clock()
	err := s.store.Tx(ctx, func(tx Tx) error { return tx.Mark(ctx, org, customer, causeRequest, now) })
	if err != nil {
		return err
	}
	c, err := s.store.ClaimCustomer(ctx, customer, now.Add(syncLease))
	if err != nil {
		return err
	}
	if err := s.syncClaim(ctx, &c); err != nil && !errors.Is(err, errLost) {
		return err
	}
	return nil
}

// syncClaim fetches and applies a claimed customer; one that can't be fetched is
// tried again later.
func (s *Service) syncClaim(ctx context.Context, c *Claim) error {
	within, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	err := s.fetch(within, c)
	switch {
	case err == nil:
		s.counts.synced.Add(1)
		return nil
	case errors.Is(err, errLost):
		s.counts.lost.Add(1)
		return err
	}
	s.counts.failed.Add(1)
	var e *ProviderError
	wait := min(syncMaxRetry, syncRetry<<min(c.Attempts, 10))
	if errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
		if e.Kind != ErrorTemporary {
			s.counts.alarms.Add(1)
			s.log.Error("a customer can't be fetched from the payment provider", "customer", c.Customer, "organization", string(c.Organization), "error", err)
		}
	}
	// The claim is let go also where the caller has gone.
	fail, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	return errors.Join(err, s.store.Fail(fail, c, s.clock().Add(wait), fmt.Sprintf("%.500v", err)))
}

// fetched is a customer as the provider has it.
type fetched struct {
	account Account
	// invoices are those made since a time (zero: ever), all of them where whole is set.
	invoices []Invoice
	since    time.Time
	whole    bool
	at       time.Time // when it was asked for
}

// fetch asks the provider for a customer, ends what must not be, and applies the
// rest.
func (s *Service) fetch(ctx context.Context, c *Claim) error {
	var t Tenant
	var p Payer
	var open time.Time
	err := s.store.View(ctx, func(r Rows) (err error) {
		if t, p, err = s.read(ctx, r, c.Organization); err != nil {
			return err
		}
		open, err = r.OldestOpen(ctx, c.Organization)
		return err
	})
	if err != nil {
		return err
	}
	f := fetched{at: s.clock()}
	if err := s.ask(ctx, c.Customer, &f); err != nil {
		return err
	}
	again, err := s.tidy(ctx, &t, &p, &f)
	if err != nil {
		return err
	}
	if again {
		if err := s.ask(ctx, c.Customer, &f); err != nil {
			return err
		}
	}
	if !c.SyncedAt.IsZero() { // everything, the first time
		if f.since = f.at.Add(-lookBack); !open.IsZero() && open.Before(f.since) {
			f.since = open
		}
	}
	err = attempt(ctx, func() (err error) {
		f.invoices, f.whole, err = s.provider.Invoices(ctx, c.Customer, f.since)
		return err
	})
	if err != nil {
		return err
	}
	return s.apply(ctx, c, &f)
}

func (s *Service) ask(ctx context.Context, customer string, f *fetched) error {
	return attempt(ctx, func() (err error) {
		f.account, err = s.provider.Account(ctx, customer)
		return err
	})
}

// tidy ends subscriptions that must not be: every one but the oldest (two tabs
// that both paid), and all of an organization that was deleted. It brings the
// prices of the one that stays to what the catalogue says. It says whether it
// changed something.
func (s *Service) tidy(ctx context.Context, t *Tenant, p *Payer, f *fetched) (changed bool, err error) {
	var live *Subscription
	for i := range f.account.Subscriptions {
		one := &f.account.Subscriptions[i]
		if !one.Live() {
			continue
		}
		if live == nil && t.DeletedAt.IsZero() {
			live = one
			continue
		}
		why := "deleted"
		if t.DeletedAt.IsZero() {
			why = "duplicate"
			s.counts.duplicates.Add(1)
			s.counts.alarms.Add(1)
			s.log.Error("a customer had two subscriptions: the younger one is ended and given back", "organization", string(t.ID), "subscription", one.ID)
		}
		err := attempt(ctx, func() error {
			return s.provider.Change(ctx, "end:"+why+":"+one.ID, one.ID, Change{CancelNow: true})
		})
		if err != nil && !is(err, ErrorNotFound) {
			return changed, err
		}
		changed = true
	}
	if live == nil {
		return changed, nil
	}
	aligned, err := s.align(ctx, p, live, f.at)
	return changed || aligned, err
}

// freshPeriod is how long after a period's begin its usage items may still take
// another price: what they have counted is little then. Later the provider may bill
// what was counted at either price, so the period keeps the one that it has, and the
// late lines make it exact.
const freshPeriod = 6 * time.Hour

// align gives a subscription the prices of the catalogue where they are others
// now, and the usage items that it lacks. Nothing is charged for it: the base
// price counts from the next invoice on. The price of usage is changed only where the
// period that runs costs it: one that began before the price did is billed at the
// older one, as the ledger does.
func (s *Service) align(ctx context.Context, p *Payer, sub *Subscription, now time.Time) (bool, error) {
	cat, err := s.Catalogue(ctx)
	if err != nil {
		// What the customer has is applied without it.
		s.log.Warn("the payment provider's catalogue can't be read", "error", err)
		return false, nil
	}
	var c Change
	have := map[string]bool{}
	for _, item := range sub.Items {
		want, known := cat.Plans[item.Plan]
		switch {
		case !known:
		case item.Kind == ItemBase && item.Price != want.Base:
			c.BaseItem, c.Base = item.ID, want.Base
		case item.Kind == ItemUsage:
			have[item.Plan] = true
			if item.Price != want.Usage && want.Usage != "" && now.Sub(sub.PeriodStart) < freshPeriod {
				costs, err := s.costs(ctx, item.Plan, sub.PeriodStart)
				if err != nil {
					return false, err
				}
				if !costs {
					continue
				}
				if c.Swap == nil {
					c.Swap = map[string]string{}
				}
				c.Swap[item.ID] = want.Usage
			}
		}
	}
	for _, plan := range s.plans.List() {
		if want := cat.Plans[plan.Name]; want.Usage != "" && !have[plan.Name] {
			c.Add = append(c.Add, want.Usage)
		}
	}
	if c.Base == "" && c.Swap == nil && c.Add == nil {
		return false, nil
	}
	key := fmt.Sprintf("align:%s:%d:%s:%v:%v", sub.ID, p.Revision, c.Base, c.Swap, c.Add)
	err = attempt(ctx, func() error { return s.provider.Change(ctx, digest(key), sub.ID, c) })
	if is(err, ErrorNotFound) || is(err, ErrorInvalid) {
		// A price is gone: the catalogue is made anew, the customer applied as it is.
		s.ForgetCatalogue()
		s.counts.alarms.Add(1)
		s.log.Error("a subscription can't take the catalogue's prices", "subscription", sub.ID, "error", err)
		return false, nil
	}
	return err == nil, err
}

// costs says whether requests on a plan cost what it says now also in a period that
// begins then.
func (s *Service) costs(ctx context.Context, plan string, begin time.Time) (bool, error) {
	p, ok := s.plans.Get(plan)
	if !ok {
		return false, nil
	}
	rates, err := view(ctx, s, func(r Rows) (Rates, error) { return r.Rates(ctx) })
	if err != nil {
		return false, err
	}
	rate, ok := rates.At(p.Num, HourOf(begin))
	return ok && rate.Price == PriceOf(&p), nil
}
