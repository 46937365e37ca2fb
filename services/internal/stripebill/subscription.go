package stripebill

import (
	"context"
	"maps"
	"slices"

	"github.com/stripe/stripe-go/v76"

	"github.com/tollgate/tollgate/services/billing"
)

// Change changes a subscription.
func (c *Client) Change(ctx context.Context, key, id string, change billing.Change) error {
	if change.CancelNow {
		_, err := c.api.Subscriptions.Cancel(id, &stripe.SubscriptionCancelParams{
			Params: params(ctx, key), InvoiceNow: stripe.Bool(true), Prorate: stripe.Bool(true),
		})
		return failed("cancel subscription", err)
	}
	p := &stripe.SubscriptionParams{Params: params(ctx, key), Items: items(&change), CancelAtPeriodEnd: change.CancelAtEnd}
	if len(p.Items) > 0 {
		p.ProrationBehavior = stripe.String(proration(&change))
		if change.ChargeNow {
			p.PaymentBehavior = stripe.String("error_if_incomplete")
		}
	}
	_, err := c.api.Subscriptions.Update(id, p)
	return failed("change subscription", err)
}

// proration charges the difference at once, or lets the time left be.
func proration(c *billing.Change) string {
	if c.ChargeNow {
		return "always_invoice"
	}
	return "none"
}

func items(c *billing.Change) (out []*stripe.SubscriptionItemsParams) {
	if c.Base != "" {
		out = append(out, &stripe.SubscriptionItemsParams{ID: stripe.String(c.BaseItem), Price: stripe.String(c.Base)})
	}
	for _, id := range slices.Sorted(maps.Keys(c.Swap)) {
		out = append(out, &stripe.SubscriptionItemsParams{ID: stripe.String(id), Price: stripe.String(c.Swap[id])})
	}
	for _, price := range c.Add {
		out = append(out, &stripe.SubscriptionItemsParams{Price: stripe.String(price)})
	}
	return out
}

// Preview says what a change would cost, by Stripe's own invoice of what would be.
func (c *Client) Preview(ctx context.Context, customer, id string, change billing.Change) (billing.Preview, error) {
	ask := func(behavior string) (*stripe.Invoice, error) {
		i, err := c.api.Invoices.Upcoming(&stripe.InvoiceUpcomingParams{
			Params: params(ctx, ""), Customer: stripe.String(customer), Subscription: stripe.String(id),
			SubscriptionItems: items(&change), SubscriptionProrationBehavior: stripe.String(behavior), SubscriptionCancelAtPeriodEnd: change.CancelAtEnd,
		})
		return i, failed("preview invoice", err)
	}
	var out billing.Preview
	next, err := ask("none")
	if err != nil {
		return out, err
	}
	out.Currency, out.Next = string(next.Currency), next.AmountDue
	shown := next
	if change.ChargeNow {
		if shown, err = ask("always_invoice"); err != nil {
			return out, err
		}
		out.DueNow = shown.AmountDue
	}
	if shown.Lines != nil {
		for _, l := range shown.Lines.Data {
			out.Lines = append(out.Lines, line(l))
		}
	}
	return out, nil
}
