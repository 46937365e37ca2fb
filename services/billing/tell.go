package billing

import (
	"context"

	"github.com/tollgate/tollgate/services/billing/notice"
	"github.com/tollgate/tollgate/services/mailform"
)

// about begins a mail.
func (s *Service) about(t *Tenant) notice.About {
	return notice.About{Organization: t.Name, Portal: s.public}
}

// tell queues a mail to everybody who cares for an organization's payments, in
// the transaction that it tells of.
func (s *Service) tell(ctx context.Context, tx Tx, t *Tenant, form mailform.Form) error {
	if s.letters == nil || !t.DeletedAt.IsZero() {
		return nil
	}
	to, err := tx.Payers(ctx, t.ID)
	if err != nil {
		return err
	}
	letters := make([]Letter, len(to))
	for i, address := range to {
		if letters[i], err = s.letters.Letter(address, form); err != nil {
			return err
		}
	}
	return tx.AddMails(ctx, letters)
}

// title is what people call a plan.
func (s *Service) title(plan string) string {
	if p, ok := s.plans.Get(plan); ok {
		return p.Title
	}
	return plan
}

// tellPlan tells of a change of plan, now or at the period's end.
func (s *Service) tellPlan(ctx context.Context, tx Tx, before, after *Tenant) error {
	c := notice.Change{About: s.about(after), From: s.title(before.Plan), At: s.clock()}
	to := after.Plan
	switch {
	case after.Plan != before.Plan:
		c.Now = true
	case after.NextPlan != "" && after.NextPlan != before.NextPlan:
		to, c.At = after.NextPlan, after.PeriodEnd
	case after.NextPlan == "" && before.NextPlan != "":
		c.At, to = before.PeriodEnd, before.NextPlan
	default:
		return nil
	}
	p, _ := s.plans.Get(to)
	c.To, c.Cents, c.Currency, c.Included = s.title(to), p.PriceCents, p.Currency, p.IncludedRequests
	form := notice.PlanChanged(&c)
	switch {
	case after.Plan == before.Plan && after.NextPlan == "":
		form = notice.ChangeUndone(&c)
	case to == s.plans.Default():
		form = notice.Canceled(&c)
	}
	return s.tell(ctx, tx, after, form)
}

// tellInvoice tells of an invoice that was just made final.
func (s *Service) tellInvoice(ctx context.Context, tx Tx, t *Tenant, i *Invoice) error {
	return s.tell(ctx, tx, t, notice.InvoiceReady(&notice.Bill{
		About: s.about(t), ID: i.ID, Number: i.Number, Cents: i.Total, Currency: i.Currency, PeriodFrom: i.PeriodStart, PeriodTo: i.PeriodEnd,
		Paid: i.Status == InvoicePaid, DueAt: i.DueAt,
	}))
}
