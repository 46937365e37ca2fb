package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// digest shortens a key to what a provider takes.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// toldFor is how old an invoice may be of which members are still told: those of
// a database that was restored are not told of again.
const toldFor = 7 * 24 * time.Hour

// apply writes what was fetched, all in one transaction: invoices, the payer,
// plan and period of the organization, its standing, and what its members are
// told of it. It writes nothing when the claim was voided meanwhile.
func (s *Service) apply(ctx context.Context, c *Claim, f *fetched) error {
	var changed bool
	err := s.store.Tx(ctx, func(tx Tx) error {
		changed = false
		t, p, err := s.read(ctx, tx, c.Organization)
		if err != nil {
			return err
		}
		if mine, err := tx.Settle(ctx, c); err != nil || !mine {
			if err == nil {
				err = errLost
			}
			return err
		}
		if p.Customer != c.Customer {
			return nil // it was let go
		}
		oldTenant, oldPayer := t, p
		if err := s.keepInvoices(ctx, tx, &t, f); err != nil {
			return err
		}
		if first, found, ok := gaps(f.account.Subscriptions); ok {
			if err := tx.PutGaps(ctx, t.ID, first, found); err != nil {
				return err
			}
		}
		s.project(&t, &p, f)
		standing, err := s.judge(ctx, tx, &t, &p)
		if err != nil {
			return err
		}
		if f.account.Deleted {
			if err := letGo(ctx, tx, &p); err != nil {
				return err
			}
		}
		if err := s.tellPlan(ctx, tx, &oldTenant, &t); err != nil {
			return err
		}
		edges := standing || t != oldTenant
		changed = edges || !samePayer(&p, &oldPayer)
		if !changed {
			return nil
		}
		detail := changes(&oldTenant, &t, nil, nil)
		if p.Status != oldPayer.Status {
			detail["status"] = map[string]any{"from": oldPayer.Status, "to": p.Status}
		}
		if p.Standing != oldPayer.Standing {
			detail["standing"] = map[string]any{"from": oldPayer.Standing, "to": p.Standing}
		}
		return s.save(ctx, tx, &t, &p, core.Change{Action: "subscription.sync", Detail: detail}, edges)
	})
	if err == nil && changed {
		s.counts.changed.Add(1)
		if c.Cause == CauseHeal {
			s.counts.healed.Add(1)
		}
	}
	return err
}

// letGo forgets a customer that was deleted at the provider, so that the next checkout
// makes another. While an invoice of it is owed, what becomes of that is still
// fetched.
func letGo(ctx context.Context, tx Tx, p *Payer) error {
	owed, err := tx.Unpaid(ctx, p.Organization)
	if err != nil || len(owed) > 0 {
		return err
	}
	p.Customer, p.BaseItem, p.BasePrice, p.Items = "", "", "", nil
	return nil
}

// samePayer compares what a fetch can change.
func samePayer(a, b *Payer) bool {
	if len(a.Items) != len(b.Items) {
		return false
	}
	for plan, item := range a.Items {
		if b.Items[plan] != item {
			return false
		}
	}
	x, y := *a, *b
	x.Items, y.Items, x.SpendingCap, y.SpendingCap = nil, nil, nil, nil
	return x.comparable() == y.comparable()
}

// comparable is a payer without what can't be compared.
func (p *Payer) comparable() [20]any {
	return [20]any{
		p.Customer, p.Subscription, p.Status, p.Plan, p.BaseItem, p.BasePrice, p.SubscribedAt, p.PeriodStart, p.PeriodEnd, p.CancelAtEnd,
		p.Standing, p.PastDueSince, p.StandingAt, p.Told, p.PeriodBase, p.CreditCents,
	}
}

// keepInvoices stores what was fetched and tells of invoices that are final now.
func (s *Service) keepInvoices(ctx context.Context, tx Tx, t *Tenant, f *fetched) error {
	for i := range f.invoices {
		one := &f.invoices[i]
		before, err := tx.PutInvoice(ctx, t.ID, one)
		if err != nil {
			return err
		}
		final := (before == "" || before == InvoiceDraft) && (one.Status == InvoiceOpen || one.Status == InvoicePaid)
		// The first invoice of a subscription that was not paid is none of theirs.
		if !final || one.Total == 0 || one.FinalizedAt.Before(f.at.Add(-toldFor)) || one.Reason == "subscription_create" && one.Status != InvoicePaid {
			continue
		}
		if err := s.tellInvoice(ctx, tx, t, one); err != nil {
			return err
		}
	}
	if !f.whole {
		return nil
	}
	// A draft can be deleted at the provider. One that is kept here holds up what is
	// settled when all drafts of a period are final.
	there := make([]string, len(f.invoices))
	for i := range f.invoices {
		there[i] = f.invoices[i].ID
	}
	return tx.DropDrafts(ctx, t.ID, f.since, there)
}

// project works out what a payer and its organization are by what was fetched.
// It depends on nothing else, so that it does not matter how often or in which
// order states are fetched.
func (s *Service) project(t *Tenant, p *Payer, f *fetched) {
	p.CreditCents = f.account.CreditCents
	sub := current(f.account.Subscriptions)
	wasSubscribed := p.Subscribed()
	switch {
	case sub == nil && p.Subscription == "":
		p.Status = StatusNone
	case sub == nil:
		p.Status = StatusCanceled // with its customer
	case sub.Live():
		s.projectLive(t, p, sub)
		return
	case sub.Status == SubscriptionIncomplete:
		p.Status = StatusIncomplete
	case sub.Status == SubscriptionIncompleteExpired:
		p.Status = StatusNone
	default:
		p.Status = StatusCanceled
	}
	p.CancelAtEnd = false
	if sub != nil {
		p.Subscription, p.SubscribedAt = sub.ID, sub.Created
	}
	if sub != nil && p.Status == StatusCanceled && t.DeletedAt.IsZero() {
		// Whether it was fetched while it lived does not matter: its months were ours.
		adopt(t, sub, s.clock())
	}
	if wasSubscribed && t.DeletedAt.IsZero() {
		// Nobody pays any more.
		t.Plan, t.NextPlan = s.plans.Default(), ""
	}
}

// current is the subscription that counts: the oldest live one, else the youngest.
func current(all []Subscription) *Subscription {
	for i := range all {
		if all[i].Live() {
			return &all[i]
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}

func (s *Service) projectLive(t *Tenant, p *Payer, sub *Subscription) {
	old := *p
	p.Subscription, p.SubscribedAt, p.CancelAtEnd = sub.ID, sub.Created, sub.CancelAtEnd
	p.PeriodStart, p.PeriodEnd = sub.PeriodStart, sub.PeriodEnd
	p.Status = StatusActive
	if sub.Status == SubscriptionPastDue || sub.Status == SubscriptionUnpaid {
		p.Status = StatusPastDue
	}
	p.Items = map[string]string{}
	for _, i := range sub.Items {
		switch {
		case i.Kind == ItemBase:
			p.Plan, p.BaseItem, p.BasePrice = i.Plan, i.ID, i.Price
		case i.Kind == ItemUsage:
			p.Items[i.Plan] = i.ID
		case i.ID == old.BaseItem: // its price was deleted at the provider
			p.Plan, p.BaseItem, p.BasePrice = old.Plan, i.ID, i.Price
		default:
			for plan, id := range old.Items {
				if id == i.ID {
					p.Items[plan] = id
				}
			}
		}
	}
	if !t.DeletedAt.IsZero() {
		return
	}
	adopt(t, sub, s.clock())
	if sub.CancelAtEnd && !sub.PeriodEnd.Truncate(time.Hour).After(t.PeriodStart) {
		return // it ends with a period that is over here: the provider has not come to its end yet
	}
	if _, known := s.plans.Get(p.Plan); !known {
		return // a plan that the operator took away: the organization keeps what it has
	}
	s.choose(t, p.Plan)
	if sub.CancelAtEnd {
		s.cancel(t, true)
	}
}

// adopt brings the organization's period to the subscription's. As a rule they are
// the same, since the checkout gave our end as the provider's anchor.
func adopt(t *Tenant, sub *Subscription, now time.Time) {
	start, end := sub.PeriodStart.Truncate(time.Hour), sub.PeriodEnd.Truncate(time.Hour)
	switch {
	case end.Equal(t.PeriodEnd):
		// Months that lack our day: the provider counts from the day that it began on.
		if day := sub.Anchor.Day(); sub.Anchor.Equal(sub.Anchor.Truncate(24*time.Hour)) && day != t.PlanSince.UTC().Day() && end.Day() == day {
			t.PlanSince = sub.Anchor
		}
		return
	case start.Equal(t.PeriodEnd), end.Equal(t.PeriodStart), !end.After(now):
		return // one of the two clocks has not come to the boundary yet
	}
	// The cycle was moved at the provider.
	if !sub.PeriodStart.Equal(sub.Created) && start.After(t.PeriodStart) {
		t.PeriodStart = start
	}
	t.PeriodEnd, t.PlanSince = end, end
}
