package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// changeSeen is when a change that was under way is looked at if the process that
// made it dies.
const changeSeen = 30 * time.Second

// updatePaid changes plan and cancellation at the provider. What it answers is
// what was fetched afterwards. Forced is for operators, who give any plan.
func (s *Service) updatePaid(ctx context.Context, org core.OrganizationID, match core.IfMatch, in Patch, forced bool) (State, error) {
	t, p, err := s.both(ctx, org)
	if err != nil {
		return State{}, err
	}
	if p.Customer != "" {
		// Steps are worked out from how things stand there: an earlier try may have
		// come through without our knowing.
		if err := s.syncCustomer(ctx, org, p.Customer); err != nil {
			return State{}, s.refused(err)
		}
		if t, p, err = s.both(ctx, org); err != nil {
			return State{}, err
		}
	}
	if !p.Subscribed() {
		return s.updateUnsubscribed(ctx, org, match, in, forced)
	}
	if err := errors.Join(match.Check(t.Revision+p.Revision), s.check(&in, t.Plan, forced)); err != nil {
		return State{}, err
	}
	steps, err := s.steps(ctx, &t, &p, &in)
	if err != nil {
		return State{}, err
	}
	now := in
	if len(steps) > 0 {
		now.SpendingCap = nil // when the rest is done: all of it is changed, or nothing
	}
	tries := p.Tries
	out, err := s.change(ctx, org, core.Revision(t.Revision+p.Revision), now, forced, func(tx Tx, _ *Tenant, p *Payer) error {
		switch {
		case len(steps) == 0:
			return nil
		case p.Tries != tries:
			return core.Errorf(core.CodePreconditionFailed, "another change is under way")
		}
		// Each try has a number: what the bank refused once is asked for anew. It is no
		// part of the revision, for nothing that is shown has changed.
		var err error
		if p.Tries, err = tx.Try(ctx, org); err != nil {
			return err
		}
		return tx.Mark(ctx, org, p.Customer, causeRequest, s.clock().Add(changeSeen))
	})
	if core.CodeOf(err) == core.CodePreconditionFailed {
		return State{}, core.Errorf(core.CodeConflict, "the subscription changes at this moment: read it again and repeat the change")
	}
	if err != nil || len(steps) == 0 {
		return out, err
	}
	for i := range steps {
		key := fmt.Sprintf("change:%s:%d:%d", out.Payer.Subscription, out.Payer.Tries, i)
		err := attempt(ctx, func() error { return s.provider.Change(ctx, key, out.Payer.Subscription, steps[i]) })
		if is(err, ErrorNotFound) {
			s.ForgetCatalogue()
		}
		if err != nil {
			if i > 0 && !is(err, ErrorTemporary) {
				s.undo(ctx, &out.Payer, key)
			}
			return State{}, s.refused(err)
		}
	}
	if in.SpendingCap != nil {
		_, err := s.change(context.WithoutCancel(ctx), org, core.IfMatch{}, Patch{SpendingCap: in.SpendingCap}, forced, func(Tx, *Tenant, *Payer) error { return nil })
		if err != nil {
			return State{}, err
		}
	}
	if err := s.syncCustomer(ctx, org, out.Payer.Customer); err != nil {
		e := core.Wrap(core.CodeUnavailable, err, "the change is made and will show in a moment: read the subscription again")
		e.RetryAfter = time.Second
		return State{}, e
	}
	return s.Subscription(ctx, org)
}

// undo gives a subscription back the price that its next period was to have: it was
// taken back for a dearer one, which was refused. Where that fails the customer is
// told that the choice is undone.
func (s *Service) undo(ctx context.Context, was *Payer, key string) {
	back := Change{BaseItem: was.BaseItem, Base: was.BasePrice}
	err := attempt(ctx, func() error { return s.provider.Change(ctx, key+":undo", was.Subscription, back) })
	if err != nil {
		s.log.Warn("the choice of a cheaper plan was taken back for an upgrade that was refused", "organization", string(was.Organization), "error", err)
	}
}

// updateUnsubscribed changes what needs no payment.
func (s *Service) updateUnsubscribed(ctx context.Context, org core.OrganizationID, match core.IfMatch, in Patch, forced bool) (State, error) {
	return s.change(ctx, org, match, in, forced, func(_ Tx, t *Tenant, _ *Payer) error {
		if in.Plan != nil {
			if p, _ := s.plans.Get(*in.Plan); p.Paid() && *in.Plan != t.Plan && !forced {
				return core.Errorf(core.CodeCheckoutRequired, "the plan %q has to be subscribed to: POST /v1/billing/checkout", *in.Plan)
			}
			s.place(t, *in.Plan, forced)
		}
		if in.CancelAtEnd != nil {
			s.cancel(t, *in.CancelAtEnd)
		}
		return nil
	})
}

// place puts an organization without a subscription on a plan: an operator's word
// holds at once.
func (s *Service) place(t *Tenant, plan string, forced bool) {
	if forced {
		t.Plan, t.NextPlan = plan, ""
		return
	}
	s.choose(t, plan)
}

// steps are the changes of a subscription that a patch asks for, in their order.
// A dearer plan is charged at once, pro-rated. A cheaper one becomes the price of
// the next invoice; until then the organization keeps what it has paid for, so
// before a dearer one is charged, a cheaper one that waits is taken back.
func (s *Service) steps(ctx context.Context, t *Tenant, p *Payer, in *Patch) ([]Change, error) {
	def := s.plans.Default()
	end, stay := true, false
	if in.Plan == nil || *in.Plan == def && t.Plan != def {
		want := in.Plan != nil || *in.CancelAtEnd
		switch {
		case want && !p.CancelAtEnd:
			return []Change{{CancelAtEnd: &end}}, nil
		case !want && p.CancelAtEnd:
			return []Change{{CancelAtEnd: &stay}}, nil
		}
		return nil, nil
	}
	target := *in.Plan
	cat, want, err := s.priced(ctx, target)
	if err != nil {
		return nil, err
	}
	to := Change{BaseItem: p.BaseItem, Base: want.Base}
	if p.CancelAtEnd {
		to.CancelAtEnd = &stay
	}
	if target == p.Plan {
		to.BaseItem, to.Base = "", ""
	}
	var steps []Change
	if target != t.Plan && !s.cheaper(target, t.Plan) {
		if p.Plan != t.Plan {
			present, ok := cat.Plans[t.Plan]
			if !ok {
				return nil, core.Errorf(core.CodeConflict, "the plan %q is no longer sold; ask the operator", t.Plan)
			}
			steps = append(steps, Change{BaseItem: p.BaseItem, Base: present.Base})
			to.BaseItem, to.Base = p.BaseItem, want.Base
		}
		to.ChargeNow = to.Base != ""
	}
	if to.Base != "" || to.CancelAtEnd != nil {
		steps = append(steps, to)
	}
	return steps, nil
}

// SetPlan puts an organization on a plan for an operator: any plan of the file, at
// once where nothing is paid for it, else as its owners could.
func (s *Service) SetPlan(ctx context.Context, org core.OrganizationID, plan string) (State, error) {
	in := Patch{Plan: &plan}
	if s.provider != nil {
		return s.updatePaid(ctx, org, core.IfMatch{}, in, true)
	}
	return s.updateUnsubscribed(ctx, org, core.IfMatch{}, in, true)
}
