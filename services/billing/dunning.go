package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/billing/notice"
	"github.com/tollgate/tollgate/services/core"
)

// What members were told of a debt, in the order in which it gets worse.
const (
	toldNothing = iota
	toldFailed
	toldReminder
	toldCapped
	toldSuspended
)

const (
	// reminder is how long before the end of full service it is reminded of.
	reminder = 48 * time.Hour
	// unattempted is how long an invoice may wait for its first charge before it
	// counts as unpaid.
	unattempted = 24 * time.Hour
	// standingBatch is how many standings one turn looks at.
	standingBatch = 100
)

// dueSince is since when an invoice is unpaid and from when on that counts: an
// invoice has time for its first charge. The zero time means never, as for the
// first invoice of a subscription, which comes about only when it is paid.
func dueSince(i *Invoice) (since, counts time.Time) {
	if !i.Unpaid() || i.Reason == "subscription_create" {
		return time.Time{}, time.Time{}
	}
	since = maxTime(i.FinalizedAt, i.DueAt)
	if i.Attempts == 0 {
		return since, since.Add(unattempted)
	}
	return since, since
}

// standing works out how an organization stands at a moment with its oldest
// unpaid invoice due since then, what its members are to know by now, and when
// that changes by itself; zero: never.
func (d Dunning) standing(since, now time.Time) (st Standing, told int, next time.Time) {
	if since.IsZero() {
		return StandingGood, toldNothing, time.Time{}
	}
	capped, suspended := since.Add(d.Grace), since.Add(d.SuspendAfter)
	remind := capped.Add(-reminder)
	switch {
	case !now.Before(suspended):
		return StandingSuspended, toldSuspended, time.Time{}
	case !now.Before(capped):
		return StandingCapped, toldCapped, suspended
	case now.Before(remind):
		return StandingGrace, toldFailed, remind
	case d.Grace > 2*reminder:
		return StandingGrace, toldReminder, capped
	}
	return StandingGrace, toldFailed, capped
}

// judge sets an organization's standing by its unpaid invoices and tells of it.
// It says whether edges must know. The caller stores tenant and payer.
func (s *Service) judge(ctx context.Context, tx Tx, t *Tenant, p *Payer) (changed bool, err error) {
	now := s.clock()
	open, err := tx.Unpaid(ctx, t.ID)
	if err != nil {
		return false, err
	}
	var oldest *Invoice
	var later time.Time // when the next one begins to count
	p.PastDueSince = time.Time{}
	for i := range open {
		since, counts := dueSince(&open[i])
		switch {
		case since.IsZero():
		case now.Before(counts):
			if later.IsZero() || counts.Before(later) {
				later = counts
			}
		case oldest == nil || since.Before(p.PastDueSince):
			oldest, p.PastDueSince = &open[i], since
		}
	}
	before := p.Standing
	var due int
	p.Standing, due, p.StandingAt = s.plans.Dunning().standing(p.PastDueSince, now)
	if oldest == nil {
		p.StandingAt = later
	}
	if (before == StandingSuspended) != (p.Standing == StandingSuspended) {
		reason := "An invoice is unpaid."
		if t.Suspended, err = tx.Suspend(ctx, t.ID, reason, p.Standing == StandingSuspended); err != nil {
			return false, err
		}
	}
	if due == p.Told {
		return before != p.Standing, nil
	}
	was := p.Told
	if due > was {
		err = s.tellDebt(ctx, tx, t, oldest, p.PastDueSince, due)
	} else if due == toldNothing {
		paid, err := s.settled(ctx, tx, t)
		if err != nil {
			return false, err
		}
		paid.Limited = was >= toldCapped
		if err := s.tell(ctx, tx, t, notice.PaidAgain(&paid)); err != nil {
			return false, err
		}
	}
	p.Told = due
	return before != p.Standing, err
}

// settled is the invoice that was paid last.
func (s *Service) settled(ctx context.Context, tx Tx, t *Tenant) (notice.Settled, error) {
	out := notice.Settled{About: s.about(t)}
	list, err := tx.Invoices(ctx, t.ID, "", 20)
	var newest time.Time
	for i := range list {
		if one := &list[i]; one.PaidAt.After(newest) {
			newest, out.Invoice, out.Cents, out.Currency = one.PaidAt, one.Number, one.AmountPaid, one.Currency
		}
	}
	return out, err
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tellDebt tells of an unpaid invoice, once for each step down.
func (s *Service) tellDebt(ctx context.Context, tx Tx, t *Tenant, i *Invoice, since time.Time, step int) error {
	d := s.plans.Dunning()
	all, err := tx.Allowances(ctx, []uint64{t.Num})
	if err != nil {
		return err
	}
	p, a := s.plans.Served(t.Plan), all[t.Num]
	debt := notice.Debt{
		About: s.about(t), Invoice: i.Number, Cents: i.AmountDue - i.AmountPaid, Currency: i.Currency, Plan: s.title(t.Plan), NextTry: i.NextAttempt,
		CappedAt: since.Add(d.Grace), SuspendedAt: since.Add(d.SuspendAfter), Included: a.included(&p),
	}
	debt.Unbounded = debt.Included == 0 && !p.Metered()
	form := notice.PaymentFailed(&debt)
	switch step {
	case toldReminder:
		form = notice.GraceReminder(&debt)
	case toldCapped:
		form = notice.Capped(&debt)
	case toldSuspended:
		form = notice.Suspended(&debt)
	}
	return s.tell(ctx, tx, t, form)
}

// Dunning moves organizations whose standing has changed by time alone, and says
// how many it looked at. The worker calls it every few seconds.
func (s *Service) Dunning(ctx context.Context) (int, error) {
	due, err := s.store.DueStandings(ctx, s.clock(), standingBatch)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, org := range due { // one that can't be moved keeps nobody else waiting
		if err := s.dun(ctx, org); err != nil {
			errs = append(errs, fmt.Errorf("standing of organization %s: %w", org, err))
		}
	}
	return len(due), errors.Join(errs...)
}

func (s *Service) dun(ctx context.Context, org core.OrganizationID) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		t, p, err := s.read(ctx, tx, org)
		if err != nil {
			return err
		}
		before := p.Standing
		if _, err := s.judge(ctx, tx, &t, &p); err != nil {
			return err
		}
		return s.save(ctx, tx, &t, &p, core.Change{
			Action: "subscription.standing", Detail: map[string]any{"from": before, "to": p.Standing},
		}, before != p.Standing)
	})
}
