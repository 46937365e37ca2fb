package stripebill

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/tollgate/tollgate/services/billing"
)

// Invoices fetches a customer's invoices with all their lines, and says whether those
// are all since that time.
func (c *Client) Invoices(ctx context.Context, customer string, since time.Time) (out []billing.Invoice, whole bool, err error) {
	in := &stripe.InvoiceListParams{ListParams: list(ctx), Customer: stripe.String(customer)}
	if !since.IsZero() {
		in.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	}
	i := c.api.Invoices.List(in)
	for n := 0; n < most && i.Next(); n++ {
		one := invoice(i.Invoice())
		if lines := i.Invoice().Lines; lines != nil && lines.HasMore {
			all, err := c.lines(ctx, one.ID)
			if err != nil {
				return nil, false, err
			}
			one.Lines = all
		}
		out = append(out, one)
	}
	return out, len(out) < most, failed("list invoices", i.Err())
}

// lines fetches an invoice's lines, where the invoice does not hold them all.
func (c *Client) lines(ctx context.Context, id string) ([]billing.Line, error) {
	var out []billing.Line
	i := c.api.Invoices.ListLines(&stripe.InvoiceListLinesParams{ListParams: list(ctx), Invoice: stripe.String(id)})
	for n := 0; n < most && i.Next(); n++ {
		out = append(out, line(i.InvoiceLineItem()))
	}
	return out, failed("list lines", i.Err())
}

func invoice(i *stripe.Invoice) billing.Invoice {
	out := billing.Invoice{
		ID: i.ID, Number: i.Number, Status: string(i.Status), Currency: string(i.Currency), Reason: string(i.BillingReason),
		PeriodStart: at(i.PeriodStart), PeriodEnd: at(i.PeriodEnd), Created: at(i.Created), DueAt: at(i.DueDate),
		Subtotal: i.Subtotal, Tax: i.Tax, Total: i.Total, AmountDue: i.AmountDue, AmountPaid: i.AmountPaid,
		HostedURL: i.HostedInvoiceURL, PDFURL: i.InvoicePDF, Attempts: int(i.AttemptCount), NextAttempt: at(i.NextPaymentAttempt),
	}
	if i.Subscription != nil {
		out.Subscription = i.Subscription.ID
	}
	if t := i.StatusTransitions; t != nil {
		out.FinalizedAt, out.PaidAt = at(t.FinalizedAt), at(t.PaidAt)
	}
	if i.Lines != nil {
		for _, l := range i.Lines.Data {
			out.Lines = append(out.Lines, line(l))
		}
	}
	return out
}

// line says what a line is for by the metadata of its price or, where we added it
// as an item, its own: the line of a subscription's item shows the metadata of
// the subscription.
func line(l *stripe.InvoiceLineItem) billing.Line {
	out := billing.Line{ID: l.ID, Kind: billing.LineOther, Description: l.Description, Quantity: l.Quantity, Amount: l.Amount}
	if l.Period != nil {
		out.PeriodStart, out.PeriodEnd = at(l.Period.Start), at(l.Period.End)
	}
	if l.Price != nil {
		out.Plan = l.Price.Metadata[metaPlan]
		switch l.Price.Metadata[metaKind] {
		case billing.ItemBase:
			out.Kind = billing.LineBase
		case billing.ItemUsage:
			out.Kind = billing.LineUsage
		}
	}
	switch {
	case l.Proration:
		out.Kind = billing.LineProration
	case l.Type == stripe.InvoiceLineItemTypeInvoiceItem && l.Metadata[metaKind] != "":
		out.Kind, out.Plan, out.Key = l.Metadata[metaKind], l.Metadata[metaPlan], l.Metadata[metaKey]
	}
	return out
}

// AddItem adds an item to the customer's next invoice.
func (c *Client) AddItem(ctx context.Context, key string, in billing.ItemInput) (string, error) {
	p := &stripe.InvoiceItemParams{
		Params: params(ctx, key), Customer: stripe.String(in.Customer), Currency: stripe.String(in.Currency), Amount: stripe.Int64(in.Cents),
		Description: stripe.String(in.Description),
		Period:      &stripe.InvoiceItemPeriodParams{Start: stripe.Int64(in.PeriodStart.Unix()), End: stripe.Int64(in.PeriodEnd.Unix())},
	}
	if in.Subscription != "" {
		p.Subscription = stripe.String(in.Subscription)
	}
	p.AddMetadata(metaKind, in.Kind)
	p.AddMetadata(metaPlan, in.Plan)
	p.AddMetadata(metaKey, in.Key)
	made, err := c.api.InvoiceItems.New(p)
	if err != nil {
		return "", failed("add item", err)
	}
	return made.ID, nil
}

// Items are the items of AddItem since a time, whether they wait for an invoice or are on
// one, and says whether those are all.
func (c *Client) Items(ctx context.Context, customer string, since time.Time) (out []billing.Item, whole bool, err error) {
	i := c.api.InvoiceItems.List(&stripe.InvoiceItemListParams{
		ListParams: list(ctx), Customer: stripe.String(customer), CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	})
	n := 0
	for ; n < most && i.Next(); n++ {
		if item := i.InvoiceItem(); item.Metadata[metaKey] != "" {
			one := billing.Item{ID: item.ID, Key: item.Metadata[metaKey], Kind: item.Metadata[metaKind], Cents: item.Amount, Invoiced: item.Invoice != nil}
			if item.Subscription != nil {
				one.Subscription = item.Subscription.ID
			}
			out = append(out, one)
		}
	}
	return out, n < most, failed("list items", i.Err())
}

// Bill makes an invoice of the items that wait. Stripe finalizes it within an hour or
// so and takes the money as for any other; a negative sum becomes the customer's credit.
func (c *Client) Bill(ctx context.Context, key, customer, subscription string) error {
	in := &stripe.InvoiceParams{
		Params: params(ctx, key), Customer: stripe.String(customer), AutoAdvance: stripe.Bool(true),
		CollectionMethod: stripe.String("charge_automatically"), PendingInvoiceItemsBehavior: stripe.String("include"),
	}
	if subscription != "" {
		in.Subscription = stripe.String(subscription)
	}
	_, err := c.api.Invoices.New(in)
	return failed("make invoice", err)
}
