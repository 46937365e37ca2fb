package billing

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

const (
	// checkoutLasts is how long a checkout page can be used.
	checkoutLasts = 12 * time.Hour
	// checkoutLeast is the shortest that the provider gives one, and a little.
	checkoutLeast = 31 * time.Minute
	// checkoutAgain is how long a second click leads to the same page.
	checkoutAgain = 10 * time.Minute
)

// Checkout makes a page on which an organization subscribes to a plan. Only what
// the provider tells of it afterwards changes the plan.
func (s *Service) Checkout(ctx context.Context, org core.OrganizationID, plan string) (url string, err error) {
	if s.provider == nil {
		return "", errNoPayment()
	}
	t, p, err := s.both(ctx, org)
	if err != nil {
		return "", err
	}
	if err := s.check(&Patch{Plan: &plan}, t.Plan, false); err != nil {
		return "", err
	}
	cat, want, err := s.priced(ctx, plan)
	if err != nil {
		return "", err
	}
	if t, p, err = s.customer(ctx, org); err != nil {
		return "", err
	}
	if p.Subscribed() {
		return "", core.Errorf(core.CodeConflict, "the organization has a subscription: choose the plan by PATCH /v1/subscription")
	}
	now := s.clock()
	begin := anchor(now, t.PeriodEnd)
	if left := begin.Sub(now); left < checkoutLeast {
		e := core.Errorf(core.CodeConflict, "the billing period ends in a moment; start the checkout at %s", begin.Format("15:04 UTC"))
		e.RetryAfter = max(left, time.Second)
		return "", e
	}
	round := now.Truncate(checkoutAgain)
	in := CheckoutInput{
		Organization: org, Customer: p.Customer, Base: want.Base, Anchor: begin, Expires: round.Add(checkoutLasts),
		SuccessURL: s.public + "/billing/return?plan=" + plan, CancelURL: s.public + "/billing/plans?checkout=canceled",
	}
	if in.Expires.After(begin) {
		in.Expires = begin
	}
	for _, one := range s.plans.List() {
		if usage := cat.Plans[one.Name].Usage; usage != "" {
			in.Usage = append(in.Usage, usage)
		}
	}
	key := digest(fmt.Sprintf("checkout:%s:%+v:%d", org, in, t.Revision+p.Revision))
	err = attempt(ctx, func() (err error) {
		url, err = s.provider.Checkout(ctx, key, in)
		return err
	})
	if is(err, ErrorNotFound) {
		s.ForgetCatalogue()
	}
	if err != nil {
		return "", s.refused(err)
	}
	return url, nil
}

// customer makes sure that an organization is a customer and that what we know of
// it is fresh.
func (s *Service) customer(ctx context.Context, org core.OrganizationID) (t Tenant, p Payer, err error) {
	if t, p, err = s.both(ctx, org); err != nil {
		return t, p, err
	}
	for range 2 { // a customer that is deleted at the provider is let go, and another is made
		if p.Customer == "" {
			if err := s.newCustomer(ctx, &t, &p); err != nil {
				return t, p, err
			}
		}
		if t, p, err = s.both(ctx, org); err != nil {
			return t, p, err
		}
		if err := s.syncCustomer(ctx, org, p.Customer); err != nil {
			return t, p, s.refused(err)
		}
		if t, p, err = s.both(ctx, org); err != nil || p.Customer != "" {
			return t, p, err
		}
	}
	return t, p, core.Errorf(core.CodeUnavailable, "the payment provider does not keep the customer; try again in a moment")
}

// newCustomer makes an organization a customer. Of two that do it at once, or
// again after a crash, the provider makes one: they have the same key, which is
// another one after a customer was let go.
func (s *Service) newCustomer(ctx context.Context, t *Tenant, was *Payer) error {
	in := CustomerInput{Organization: t.ID, Name: t.Name}
	to, err := view(ctx, s, func(r Rows) ([]string, error) { return r.Payers(ctx, t.ID) })
	if err != nil {
		return err
	}
	if len(to) > 0 {
		in.Email = slices.Min(to)
	}
	var id string
	err = attempt(ctx, func() (err error) {
		id, err = s.provider.Customer(ctx, digest(fmt.Sprintf("customer:%+v:%d", in, was.Revision)), in)
		return err
	})
	if err != nil {
		return s.refused(err)
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		now, p, err := s.read(ctx, tx, t.ID)
		if err != nil || p.Customer != "" || !now.DeletedAt.IsZero() {
			return err
		}
		p.Customer = id
		return tx.PutPayer(ctx, t.ID, &p)
	})
}

// Portal makes a page on which an organization keeps its cards and addresses.
func (s *Service) Portal(ctx context.Context, org core.OrganizationID) (url string, err error) {
	if s.provider == nil {
		return "", errNoPayment()
	}
	_, p, err := s.both(ctx, org)
	if err != nil {
		return "", err
	}
	if p.Customer == "" {
		return "", core.Errorf(core.CodeCheckoutRequired, "the organization has never had a checkout, so there is no card to keep")
	}
	err = attempt(ctx, func() (err error) {
		url, err = s.provider.Portal(ctx, p.Customer, s.public+"/billing/return?from=cards")
		return err
	})
	if err != nil {
		return "", s.refused(err)
	}
	return url, nil
}

// refreshTime is how long somebody waits for a refresh.
const refreshTime = 3 * time.Second

// Refresh fetches what the provider knows of an organization, within 3 seconds;
// after them it is fetched by a worker.
func (s *Service) Refresh(ctx context.Context, org core.OrganizationID) (State, error) {
	if s.provider == nil {
		return State{}, errNoPayment()
	}
	_, p, err := s.both(ctx, org)
	if err != nil {
		return State{}, err
	}
	if p.Customer != "" {
		within, cancel := context.WithTimeout(ctx, refreshTime)
		defer cancel()
		if err := s.syncCustomer(within, org, p.Customer); err != nil {
			s.log.Warn("a customer was not fetched in time for who waits", "organization", string(org), "error", err)
		}
	}
	return s.Subscription(ctx, org)
}

// MayLeave refuses (core.CodeConflict) to have an organization deleted that owes: the
// debt would be nobody's, and its owners could go on in another.
func (s *Service) MayLeave(ctx context.Context, org core.OrganizationID) error {
	if s.provider == nil {
		return nil // nobody could pay
	}
	_, p, err := s.both(ctx, org)
	if err == nil && p.Standing != StandingGood {
		err = core.Errorf(core.CodeConflict, "an invoice of the organization is unpaid: pay it, then delete the organization")
	}
	return err
}

// Leave has the subscription of an organization that was deleted ended, with a last
// invoice. It only leaves a mark: a worker does it as soon as the provider answers.
func (s *Service) Leave(ctx context.Context, org core.OrganizationID) error {
	if s.provider == nil {
		return nil
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		p, err := tx.Payer(ctx, org)
		if err != nil || p.Customer == "" {
			return err
		}
		return tx.Mark(ctx, org, p.Customer, causeRequest, s.clock())
	})
}

// price adds what the choice of a plan would cost.
func (s *Service) price(ctx context.Context, t *Tenant, p *Payer, plan *Plan, o *Offer) error {
	now := s.clock()
	if !p.Subscribed() {
		if plan.Paid() {
			o.EffectiveAt = now
			o.DueNow, o.Next = firstPart(plan.PriceCents, now, anchor(now, t.PeriodEnd)), plan.PriceCents
		}
		return nil
	}
	steps, err := s.steps(ctx, t, p, &Patch{Plan: &plan.Name})
	if err != nil {
		return err
	}
	var last Change // what comes before it takes a choice back and costs nothing
	if len(steps) > 0 {
		last = steps[len(steps)-1]
	}
	var shown Preview
	err = attempt(ctx, func() (err error) {
		shown, err = s.provider.Preview(ctx, p.Customer, p.Subscription, last)
		return err
	})
	if is(err, ErrorNotFound) {
		return nil // nothing is to be invoiced any more
	}
	if err != nil {
		return s.refused(err)
	}
	o.Preview = shown
	return nil
}

// anchor is when the first whole month of a subscription begins that begins now: when
// the organization's period ends. A provider takes nothing further than a month ahead,
// which that end is on the first day of a period that begins on the last day of a
// short month: then it is the last midnight before.
func anchor(now, end time.Time) time.Time {
	if last := months(now, 1); end.After(last) {
		return last.Truncate(24 * time.Hour)
	}
	return end
}

// months moves a moment by months; a day that a month lacks is that month's last.
func months(t time.Time, n int) time.Time {
	t = t.UTC()
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return first.AddDate(0, 0, min(t.Day(), first.AddDate(0, 1, -1).Day())-1)
}

// firstPart is what a month's price costs until the period ends, by the second, of
// the month that ends then.
func firstPart(cents int64, now, end time.Time) int64 {
	whole := end.Unix() - months(end, -1).Unix()
	left := min(max(end.Unix()-now.Unix(), 0), whole)
	n := new(big.Int).Mul(big.NewInt(cents), big.NewInt(2*left))
	n.Add(n, big.NewInt(whole)) // rounded half up
	return n.Quo(n, big.NewInt(2*whole)).Int64()
}
