package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Pace of what the payment provider is asked while somebody waits, of one organization
// in each process. The provider bounds the calls of the whole installation: who asks
// all the time must not keep usage and payments of others waiting.
const (
	payEvery = time.Second
	payBurst = 30
	payKeys  = 10_000 // organizations that are remembered
)

// mayPay counts what the payment provider is asked for an organization.
func (s *Server) mayPay(org core.OrganizationID) error {
	if !s.Billing.Payment() {
		return nil
	}
	wait := s.payPace.Take(string(org))
	if wait <= 0 {
		return nil
	}
	e := core.Errorf(core.CodeThrottled, "the payment provider is asked too often: wait a second")
	e.RetryAfter = max(wait, time.Second)
	return e
}

// GetSubscription shows the organization's plan and payment.
func (s *Server) GetSubscription(ctx context.Context, _ gen.GetSubscriptionRequestObject) (gen.GetSubscriptionResponseObject, error) {
	sub, err := s.Billing.Subscription(ctx, callOf(ctx).org)
	if err != nil {
		return nil, err
	}
	a, err := s.subscriptionAnswer(ctx, &sub)
	return gen.GetSubscription200JSONResponse{SubscriptionAnswerJSONResponse: a}, err
}

// UpdateSubscription changes plan, cancellation and spending cap.
func (s *Server) UpdateSubscription(ctx context.Context, r gen.UpdateSubscriptionRequestObject) (gen.UpdateSubscriptionResponseObject, error) {
	c := callOf(ctx)
	in := billing.Patch{Plan: r.Body.Plan, CancelAtEnd: r.Body.CancelAtPeriodEnd}
	if in.Plan != nil || in.CancelAtEnd != nil { // a spending cap is ours alone
		if err := s.mayPay(c.org); err != nil {
			return nil, err
		}
	}
	if given, err := names(c.body, "spending_cap_cents"); err != nil {
		return nil, err
	} else if given {
		in.SpendingCap = &r.Body.SpendingCapCents // nil: it is null
	}
	sub, err := s.Billing.Update(ctx, c.org, core.ParseIfMatch(value(r.Params.IfMatch)), in)
	if err != nil {
		return nil, err
	}
	a, err := s.subscriptionAnswer(ctx, &sub)
	return gen.UpdateSubscription200JSONResponse{SubscriptionAnswerJSONResponse: a}, err
}

// names says whether a body has a field, which may be null.
func names(body []byte, field string) (bool, error) {
	var fields map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&fields); err != nil {
		return false, core.Wrap(core.CodeBadRequest, err, "the body is not JSON")
	}
	_, given := fields[field]
	return given, nil
}

// PreviewSubscription tells what the choice of a plan would cost.
func (s *Server) PreviewSubscription(ctx context.Context, r gen.PreviewSubscriptionRequestObject) (gen.PreviewSubscriptionResponseObject, error) {
	org := callOf(ctx).org
	if err := s.mayPay(org); err != nil {
		return nil, err
	}
	o, err := s.Billing.Preview(ctx, org, r.Body.Plan)
	if err != nil {
		return nil, err
	}
	return gen.PreviewSubscription200JSONResponse{
		Plan: o.Plan, Currency: o.Currency, DueNowCents: o.DueNow, NextCents: o.Next, EffectiveAt: o.EffectiveAt,
		Lines: each(o.Lines, toInvoiceLine),
	}, nil
}

// CreateCheckout makes a page on which the organization subscribes.
func (s *Server) CreateCheckout(ctx context.Context, r gen.CreateCheckoutRequestObject) (gen.CreateCheckoutResponseObject, error) {
	org := callOf(ctx).org
	if err := s.mayPay(org); err != nil {
		return nil, err
	}
	url, err := s.Billing.Checkout(ctx, org, r.Body.Plan)
	if err != nil {
		return nil, err
	}
	return gen.CreateCheckout200JSONResponse{PaymentPageAnswerJSONResponse: gen.PaymentPageAnswerJSONResponse{URL: url}}, nil
}

// CreateBillingPortal makes a page for cards and addresses.
func (s *Server) CreateBillingPortal(ctx context.Context, _ gen.CreateBillingPortalRequestObject) (gen.CreateBillingPortalResponseObject, error) {
	org := callOf(ctx).org
	if err := s.mayPay(org); err != nil {
		return nil, err
	}
	url, err := s.Billing.Portal(ctx, org)
	if err != nil {
		return nil, err
	}
	return gen.CreateBillingPortal200JSONResponse{PaymentPageAnswerJSONResponse: gen.PaymentPageAnswerJSONResponse{URL: url}}, nil
}

// RefreshSubscription asks the payment provider.
func (s *Server) RefreshSubscription(ctx context.Context, _ gen.RefreshSubscriptionRequestObject) (gen.RefreshSubscriptionResponseObject, error) {
	org := callOf(ctx).org
	if err := s.mayPay(org); err != nil {
		return nil, err
	}
	sub, err := s.Billing.Refresh(ctx, org)
	if err != nil {
		return nil, err
	}
	a, err := s.subscriptionAnswer(ctx, &sub)
	return gen.RefreshSubscription200JSONResponse{SubscriptionAnswerJSONResponse: a}, err
}

// StripeWebhook takes an event of Stripe's. The signature is over the raw body.
func (s *Server) StripeWebhook(ctx context.Context, r gen.StripeWebhookRequestObject) (gen.StripeWebhookResponseObject, error) {
	if err := s.Billing.Webhook(ctx, callOf(ctx).body, value(r.Params.StripeSignature)); err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.WebhookAfterCommitBefore200)
	return gen.StripeWebhook204Response{}, nil
}

// ListInvoices lists invoices.
func (s *Server) ListInvoices(ctx context.Context, r gen.ListInvoicesRequestObject) (gen.ListInvoicesResponseObject, error) {
	l, err := s.Billing.Invoices(ctx, callOf(ctx).org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListInvoices200JSONResponse{Items: each(l.Items, toInvoice), NextCursor: optional(l.Next)}, nil
}

// GetInvoice shows an invoice with its lines.
func (s *Server) GetInvoice(ctx context.Context, r gen.GetInvoiceRequestObject) (gen.GetInvoiceResponseObject, error) {
	i, err := s.Billing.Invoice(ctx, callOf(ctx).org, r.Invoice)
	if err != nil {
		return nil, err
	}
	out := toInvoice(&i)
	out.Lines = new(each(i.Lines, toInvoiceLine))
	return gen.GetInvoice200JSONResponse(out), nil
}

// subscriptionAnswer adds what other domains know of a subscription.
func (s *Server) subscriptionAnswer(ctx context.Context, sub *billing.State) (gen.SubscriptionAnswerJSONResponse, error) {
	var none gen.SubscriptionAnswerJSONResponse
	p := s.Plans.Of(sub.Plan)
	shown, err := toPlan(&p)
	if err != nil {
		return none, err
	}
	used, err := s.Usage.Billed(ctx, sub.ID, sub.PeriodStart)
	if err != nil {
		return none, err
	}
	estimate, err := s.estimate(ctx, sub)
	if err != nil {
		return none, err
	}
	suspended, err := s.suspension(ctx, sub)
	if err != nil {
		return none, err
	}
	a := &sub.Payer
	return gen.SubscriptionAnswerJSONResponse{
		Body: gen.Subscription{
			Plan: shown, Since: sub.PlanSince, PeriodStart: sub.PeriodStart, PeriodEnd: sub.PeriodEnd, UsedRequests: used,
			Payment: sub.Payment, Status: gen.SubscriptionStatus(a.Status), Standing: gen.SubscriptionStanding(a.Standing),
			StandingUntil: instant(sub.StandingUntil), NextPlan: optional(sub.NextPlan), CancelAtPeriodEnd: sub.CancelAtEnd,
			SpendingCapCents: a.SpendingCap, CreditCents: sub.CreditCents, Estimate: estimate, Suspension: suspended,
		},
		Headers: gen.SubscriptionAnswerResponseHeaders{ETag: etag(sub.Revision())},
	}, nil
}

// suspension is why an organization is not served, an operator's word first; nil
// where it is.
func (s *Server) suspension(ctx context.Context, sub *billing.State) (*gen.Suspension, error) {
	if !sub.Suspended {
		return nil, nil
	}
	all, err := s.Tenants.Suspensions(ctx, sub.ID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	shown := all[0]
	for _, one := range all {
		if one.By == tenant.SuspendedByOperator {
			shown = one
		}
	}
	return new(toSuspension(&shown)), nil
}

func toInvoice(i *billing.Invoice) gen.Invoice {
	return gen.Invoice{
		ID: i.ID, Number: i.Number, Status: gen.InvoiceStatus(i.Status), Currency: i.Currency, PeriodStart: i.PeriodStart, PeriodEnd: i.PeriodEnd,
		FinalizedAt: instant(i.FinalizedAt), PaidAt: instant(i.PaidAt), DueAt: instant(i.DueAt),
		SubtotalCents: i.Subtotal, TaxCents: i.Tax, TotalCents: i.Total, AmountDueCents: i.AmountDue, AmountPaidCents: i.AmountPaid,
		HostedURL: optional(i.HostedURL), PdfURL: optional(i.PDFURL), Attempts: i.Attempts, NextAttemptAt: instant(i.NextAttempt),
		CreatedAt: i.Created, UpdatedAt: i.UpdatedAt,
	}
}

func toInvoiceLine(l *billing.Line) gen.InvoiceLine {
	return gen.InvoiceLine{
		ID: l.ID, Kind: gen.InvoiceLineKind(l.Kind), Plan: optional(l.Plan), Description: l.Description, Quantity: l.Quantity,
		AmountCents: l.Amount, PeriodStart: l.PeriodStart, PeriodEnd: l.PeriodEnd,
	}
}
