package stripebill

import (
	"context"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/tollgate/tollgate/services/billing"
)

// Customer makes a customer. Its metadata is for people who look at it in Stripe:
// nothing here reads it.
func (c *Client) Customer(ctx context.Context, key string, in billing.CustomerInput) (string, error) {
	p := &stripe.CustomerParams{Params: params(ctx, key), Name: stripe.String(in.Name)}
	if in.Email != "" {
		p.Email = stripe.String(in.Email)
	}
	p.AddMetadata(metaOrganization, string(in.Organization))
	made, err := c.api.Customers.New(p)
	if err != nil {
		return "", failed("make customer", err)
	}
	return made.ID, nil
}

// Checkout makes a checkout page.
func (c *Client) Checkout(ctx context.Context, key string, in billing.CheckoutInput) (string, error) {
	p := &stripe.CheckoutSessionParams{
		Params: params(ctx, key), Mode: stripe.String("subscription"), Customer: stripe.String(in.Customer),
		ClientReferenceID: stripe.String(string(in.Organization)), SuccessURL: stripe.String(in.SuccessURL), CancelURL: stripe.String(in.CancelURL),
		ExpiresAt: stripe.Int64(in.Expires.Unix()),
		LineItems: []*stripe.CheckoutSessionLineItemParams{{Price: stripe.String(in.Base), Quantity: stripe.Int64(1)}},
		SubscriptionData: &stripe.CheckoutSessionSubscriptionDataParams{
			BillingCycleAnchor: stripe.Int64(in.Anchor.Unix()), ProrationBehavior: stripe.String("create_prorations"),
			Metadata: map[string]string{metaOrganization: string(in.Organization)},
		},
	}
	for _, price := range in.Usage {
		p.LineItems = append(p.LineItems, &stripe.CheckoutSessionLineItemParams{Price: stripe.String(price)})
	}
	made, err := c.api.CheckoutSessions.New(p)
	if err != nil {
		return "", failed("make checkout", err)
	}
	return made.URL, nil
}

// Portal makes a page of the billing portal.
func (c *Client) Portal(ctx context.Context, customer, returnURL string) (string, error) {
	made, err := c.api.BillingPortalSessions.New(&stripe.BillingPortalSessionParams{
		Params: params(ctx, ""), Customer: stripe.String(customer), ReturnURL: stripe.String(returnURL),
	})
	if err != nil {
		return "", failed("make portal page", err)
	}
	return made.URL, nil
}

// maxDescription is how many characters Stripe takes of a description.
const maxDescription = 350

// Credit takes cents off the customer's next invoices. Of why, Stripe gets as much as it
// takes.
func (c *Client) Credit(ctx context.Context, key, customer string, cents int64, currency, why string) (string, error) {
	if all := []rune(why); len(all) > maxDescription {
		why = string(all[:maxDescription-1]) + "…"
	}
	p := &stripe.CustomerBalanceTransactionParams{
		Params: params(ctx, key), Customer: stripe.String(customer), Amount: stripe.Int64(-cents), Currency: stripe.String(currency), Description: stripe.String(why),
	}
	p.AddMetadata(metaKey, key)
	made, err := c.api.CustomerBalanceTransactions.New(p)
	if err != nil {
		return "", failed("give credit", err)
	}
	return made.ID, nil
}

// Credits are the keys of credits given since a time.
func (c *Client) Credits(ctx context.Context, customer string, since time.Time) ([]string, error) {
	var keys []string
	i := c.api.CustomerBalanceTransactions.List(&stripe.CustomerBalanceTransactionListParams{ListParams: list(ctx), Customer: stripe.String(customer)})
	for n := 0; n < most && i.Next(); n++ {
		t := i.CustomerBalanceTransaction()
		if at(t.Created).Before(since) {
			break // the newest come first
		}
		if key := t.Metadata[metaKey]; key != "" {
			keys = append(keys, key)
		}
	}
	return keys, failed("list credits", i.Err())
}

// Account fetches a customer with all its subscriptions.
func (c *Client) Account(ctx context.Context, customer string) (billing.Account, error) {
	out := billing.Account{Customer: customer}
	who, err := c.api.Customers.Get(customer, &stripe.CustomerParams{Params: params(ctx, "")})
	if err = failed("get customer", err); kind(err, billing.ErrorNotFound) {
		out.Deleted = true
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if out.Deleted = who.Deleted; out.Deleted {
		return out, nil
	}
	out.CreditCents = -who.Balance
	i := c.api.Subscriptions.List(&stripe.SubscriptionListParams{ListParams: list(ctx), Customer: stripe.String(customer), Status: stripe.String("all")})
	for n := 0; n < most && i.Next(); n++ {
		out.Subscriptions = append(out.Subscriptions, subscription(i.Subscription()))
	}
	slices.SortStableFunc(out.Subscriptions, func(a, b billing.Subscription) int { return a.Created.Compare(b.Created) })
	return out, failed("list subscriptions", i.Err())
}

func subscription(s *stripe.Subscription) billing.Subscription {
	out := billing.Subscription{
		ID: s.ID, Status: string(s.Status), Created: at(s.Created), PeriodStart: at(s.CurrentPeriodStart), PeriodEnd: at(s.CurrentPeriodEnd),
		Anchor: at(s.BillingCycleAnchor), CancelAtEnd: s.CancelAtPeriodEnd, EndedAt: at(s.EndedAt),
	}
	if s.Items == nil {
		return out
	}
	for _, i := range s.Items.Data {
		one := billing.SubscriptionItem{ID: i.ID}
		if p := i.Price; p != nil {
			one.Price, one.Plan, one.Kind = p.ID, p.Metadata[metaPlan], p.Metadata[metaKind]
		}
		out.Items = append(out.Items, one)
	}
	return out
}
