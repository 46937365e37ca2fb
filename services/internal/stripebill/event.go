package stripebill

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/tollgate/tollgate/services/billing"
)

// tolerance is how far a signature's time may be from now, either way.
const tolerance = 5 * time.Minute

// maxSignatures bounds the signatures of one webhook that are looked at.
const maxSignatures = 16

// EventTypes are the events that tell something, which the webhook endpoint at
// Stripe has to be subscribed to.
var EventTypes = []string{
	"checkout.session.async_payment_failed", "checkout.session.async_payment_succeeded", "checkout.session.completed",
	"customer.deleted", "customer.updated",
	"customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused", "customer.subscription.resumed", "customer.subscription.updated",
	"invoice.created", "invoice.deleted", "invoice.finalized", "invoice.marked_uncollectible", "invoice.paid", "invoice.payment_action_required", "invoice.payment_failed",
	"invoice.updated", "invoice.voided",
}

// Event verifies a webhook by any v1 signature of any of the secrets over the raw
// body (https://docs.stripe.com/webhooks/signature) and reads it.
func (c *Client) Event(body []byte, signature string, now time.Time) (billing.Event, error) {
	refuse := func(why string) error {
		return &billing.ProviderError{Kind: billing.ErrorSignature, Call: "webhook", Err: errors.New(why)}
	}
	var stamp time.Time
	var given [][]byte
	for part := range strings.SplitSeq(signature, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || !stamp.IsZero() {
				return billing.Event{}, refuse("the signature's time can't be read")
			}
			stamp = time.Unix(n, 0)
		case "v1":
			mac, err := hex.DecodeString(value)
			if err == nil && len(given) < maxSignatures {
				given = append(given, mac)
			}
		}
	}
	if stamp.IsZero() || len(given) == 0 {
		return billing.Event{}, refuse("there is no signature")
	}
	if d := now.Sub(stamp); d > tolerance || d < -tolerance {
		return billing.Event{}, refuse("the signature's time is more than 5 minutes away")
	}
	good := false
	for _, secret := range c.secrets {
		want := webhook.ComputeSignature(stamp, body, secret)
		for _, mac := range given {
			good = hmac.Equal(mac, want) || good
		}
	}
	if !good {
		return billing.Event{}, refuse("no signature is of this body by a secret of ours")
	}
	var e stripe.Event
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || len(e.ID) > 255 || e.Data == nil {
		return billing.Event{}, refuse("it is signed, but no event")
	}
	return event(&e), nil
}

// event keeps the identity of an event and whom it is about.
func event(e *stripe.Event) billing.Event {
	out := billing.Event{ID: e.ID, Type: string(e.Type), Created: at(e.Created), Livemode: e.Livemode, Account: e.Account}
	if e.Data == nil {
		return out
	}
	var about struct {
		ID       string
		Object   string
		Customer json.RawMessage
	}
	if err := json.Unmarshal(e.Data.Raw, &about); err != nil {
		return out // it names nobody
	}
	out.Object = about.ID
	if about.Object == "customer" {
		out.Customer = about.ID
		return out
	}
	var expanded struct{ ID string }
	if json.Unmarshal(about.Customer, &out.Customer) != nil && json.Unmarshal(about.Customer, &expanded) == nil {
		out.Customer = expanded.ID
	}
	return out
}

// Events lists events since a time, the oldest first.
func (c *Client) Events(ctx context.Context, since time.Time) ([]billing.Event, error) {
	var out []billing.Event
	i := c.api.Events.List(&stripe.EventListParams{
		ListParams: list(ctx), Types: stripe.StringSlice(EventTypes), CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	})
	for n := 0; n < most && i.Next(); n++ {
		out = append(out, event(i.Event()))
	}
	slices.Reverse(out)
	return out, failed("list events", i.Err())
}
