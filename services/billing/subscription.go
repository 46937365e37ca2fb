package billing

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// maxCap bounds a spending cap, in cents: far beyond any invoice, far below what
// overflows.
const maxCap = 1_000_000_000_000

// State is what an organization has and what becomes of it.
type State struct {
	Tenant
	Payer Payer
	// Payment says whether there is a payment provider.
	Payment bool
	// CancelAtEnd: the next period begins without a paid plan.
	CancelAtEnd bool
	// CreditCents lower the next invoices, those included that the provider does not
	// know of yet.
	CreditCents int64
	// StandingUntil is when the standing gets worse; zero: it does not.
	StandingUntil time.Time
}

// Revision rises with each change of what a State shows, usage apart.
func (s *State) Revision() uint64 { return s.Tenant.Revision + s.Payer.Revision }

// state puts an organization and what it pays together.
func (s *Service) state(ctx context.Context, r Rows, t *Tenant, p *Payer) (State, error) {
	out := State{Tenant: *t, Payer: *p, Payment: s.Payment()}
	out.CancelAtEnd = t.NextPlan == s.plans.Default() && t.Plan != t.NextPlan
	switch d := s.plans.Dunning(); p.Standing {
	case StandingGrace:
		out.StandingUntil = p.PastDueSince.Add(d.Grace)
	case StandingCapped:
		out.StandingUntil = p.PastDueSince.Add(d.SuspendAfter)
	}
	waiting, err := r.WaitingCredit(ctx, t.ID)
	out.CreditCents = Add(p.CreditCents, waiting)
	return out, err
}

// read is an organization with what it pays.
func (s *Service) read(ctx context.Context, r Rows, org core.OrganizationID) (Tenant, Payer, error) {
	t, err := r.Tenant(ctx, org)
	if err != nil {
		return t, Payer{}, err
	}
	a, err := r.Payer(ctx, org)
	return t, a, err
}

// Subscription shows what an organization has.
func (s *Service) Subscription(ctx context.Context, org core.OrganizationID) (State, error) {
	return view(ctx, s, func(r Rows) (State, error) {
		t, a, err := s.read(ctx, r, org)
		if err != nil {
			return State{}, err
		}
		return s.state(ctx, r, &t, &a)
	})
}

// Patch changes what is not nil.
type Patch struct {
	Plan        *string
	CancelAtEnd *bool
	// SpendingCap is a cap in cents, or points at nil for none.
	SpendingCap **int64
}

// check names every bad field. Present is the plan that the organization has;
// forced: an operator chooses.
func (s *Service) check(in *Patch, present string, forced bool) error {
	var errs contract.FieldErrors
	if in.Plan != nil {
		s.checkChoice("/plan", *in.Plan, present, forced, &errs)
	}
	if in.Plan != nil && in.CancelAtEnd != nil && *in.CancelAtEnd {
		errs.Add("/cancel_at_period_end", "contradicts the choice of a plan")
	}
	if in.SpendingCap != nil && *in.SpendingCap != nil && (**in.SpendingCap < 0 || **in.SpendingCap > maxCap) {
		errs.Add("/spending_cap_cents", fmt.Sprintf("must be from 0 to %d, or null for no cap", int64(maxCap)))
	}
	return core.Invalid(errs.Err())
}

// checkChoice names what is wrong with the choice of a plan.
func (s *Service) checkChoice(pointer, name, present string, forced bool, errs *contract.FieldErrors) {
	p, ok := s.plans.Get(name)
	switch {
	case !ok:
		errs.Add(pointer, "is not the name of a plan")
	case !p.SelfServe && name != present && !forced:
		errs.Add(pointer, "is a plan that only the operator gives")
	}
}

// Update changes plan, cancellation and spending cap. A dearer plan holds at once,
// a cheaper one from the next period on; choosing the present plan takes a
// choice for the next period back.
func (s *Service) Update(ctx context.Context, org core.OrganizationID, match core.IfMatch, in Patch) (State, error) {
	if s.provider != nil && (in.Plan != nil || in.CancelAtEnd != nil) {
		return s.updatePaid(ctx, org, match, in, false)
	}
	return s.change(ctx, org, match, in, false, func(_ Tx, t *Tenant, _ *Payer) error {
		if in.Plan != nil {
			s.choose(t, *in.Plan)
		}
		if in.CancelAtEnd != nil {
			s.cancel(t, *in.CancelAtEnd)
		}
		return nil
	})
}

// change runs a change of an organization and what it pays, with the spending cap.
func (s *Service) change(ctx context.Context, org core.OrganizationID, match core.IfMatch, in Patch, forced bool, do func(Tx, *Tenant, *Payer) error) (State, error) {
	var out State
	err := s.store.Tx(ctx, func(tx Tx) error {
		t, a, err := s.read(ctx, tx, org)
		if err != nil {
			return err
		}
		if err := match.Check(t.Revision + a.Revision); err != nil {
			return err
		}
		if err := s.check(&in, t.Plan, forced); err != nil {
			return err
		}
		before, capBefore := t, a.SpendingCap
		if err := do(tx, &t, &a); err != nil {
			return err
		}
		if in.SpendingCap != nil {
			a.SpendingCap = *in.SpendingCap
		}
		detail := changes(&before, &t, capBefore, a.SpendingCap)
		if len(detail) > 0 {
			c := core.Change{Action: "subscription.update", Detail: detail}
			if forced {
				c = core.Change{Action: "organization.plan", Detail: map[string]any{"from": before.Plan, "to": t.Plan}}
			}
			if err := s.save(ctx, tx, &t, &a, c, true); err != nil {
				return err
			}
			if err := s.tellPlan(ctx, tx, &before, &t); err != nil {
				return err
			}
		}
		out, err = s.state(ctx, tx, &t, &a)
		return err
	})
	return out, err
}

// save stores a payer and, where edges must know, its organization, with an audit
// line.
func (s *Service) save(ctx context.Context, tx Tx, t *Tenant, p *Payer, c core.Change, edges bool) error {
	if err := tx.PutPayer(ctx, t.ID, p); err != nil || !edges {
		return err
	}
	if err := tx.PutTenant(ctx, t.ID, t); err != nil {
		return err
	}
	c.ResourceType, c.ResourceID, c.ResourceName = "subscription", string(t.ID), t.Name
	c.Publish = []core.Publish{t.publish()}
	return tx.Record(ctx, t.ID, c)
}

// changes are what an audit line tells of a change.
func changes(before, after *Tenant, capBefore, capAfter *int64) map[string]any {
	out := map[string]any{}
	if before.Plan != after.Plan {
		out["plan"] = map[string]any{"from": before.Plan, "to": after.Plan}
	}
	if before.NextPlan != after.NextPlan {
		out["next_plan"] = map[string]any{"from": before.NextPlan, "to": after.NextPlan}
	}
	if (capBefore == nil) != (capAfter == nil) || capBefore != nil && *capBefore != *capAfter {
		out["spending_cap_cents"] = map[string]any{"from": capBefore, "to": capAfter}
	}
	return out
}

// choose puts an organization on a plan at once when it is not cheaper, else from
// the next period on.
func (s *Service) choose(t *Tenant, name string) {
	if name != t.Plan && s.cheaper(name, t.Plan) {
		t.NextPlan = name
		return
	}
	t.Plan, t.NextPlan = name, ""
}

// cheaper says whether plan a costs less a month than b. A plan that is no longer
// in the file costs nothing.
func (s *Service) cheaper(a, b string) bool {
	x, _ := s.plans.Get(a)
	y, _ := s.plans.Get(b)
	return x.PriceCents < y.PriceCents
}

// cancel lets the plan end with the period, or takes that back.
func (s *Service) cancel(t *Tenant, end bool) {
	switch def := s.plans.Default(); {
	case end && t.Plan != def:
		t.NextPlan = def
	case !end && t.NextPlan == def:
		t.NextPlan = ""
	}
}

// Offer is what the choice of a plan would cost.
type Offer struct {
	Preview
	Plan string
	// EffectiveAt is when the plan would hold.
	EffectiveAt time.Time
}

// Preview says what the choice of a plan would cost and when it would hold.
func (s *Service) Preview(ctx context.Context, org core.OrganizationID, plan string) (Offer, error) {
	t, p, err := s.both(ctx, org)
	if err != nil {
		return Offer{}, err
	}
	if err := s.check(&Patch{Plan: &plan}, t.Plan, false); err != nil {
		return Offer{}, err
	}
	to, _ := s.plans.Get(plan)
	o := Offer{Plan: plan, EffectiveAt: s.clock(), Preview: Preview{Currency: to.Currency}}
	if plan != t.Plan && s.cheaper(plan, t.Plan) {
		o.EffectiveAt = t.PeriodEnd
	}
	if s.provider == nil {
		return o, nil
	}
	err = s.price(ctx, &t, &p, &to, &o)
	return o, err
}

// both reads an organization and what it pays.
func (s *Service) both(ctx context.Context, org core.OrganizationID) (t Tenant, p Payer, err error) {
	err = s.store.View(ctx, func(r Rows) (err error) {
		t, p, err = s.read(ctx, r, org)
		return err
	})
	return t, p, err
}
