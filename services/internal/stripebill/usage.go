package stripebill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/tollgate/tollgate/services/billing"
)

// PostUsage sets an hour's total. Of events of the same hour the newest counts, so
// their times rise: the moment itself while the hour runs, its last second after.
func (c *Client) PostUsage(ctx context.Context, u billing.HourTotal) error {
	moment, now := u.Hour.Add(time.Hour-time.Second), c.clock()
	if now.Before(moment) {
		moment = now
	}
	// Stripe keeps a refusal for its key as it keeps an answer, and takes other
	// parameters under a key for a mistake: what is tried again later has another key.
	// The same total twice does no harm.
	key := fmt.Sprintf("%s:%d:%d", u.Key, moment.Unix(), now.Unix()/3600)
	if c.records {
		// A record of the same time takes the older one's place.
		_, err := c.api.UsageRecords.New(&stripe.UsageRecordParams{
			Params: params(ctx, key), SubscriptionItem: stripe.String(u.Item), Quantity: stripe.Int64(u.Total),
			Timestamp: stripe.Int64(u.Hour.Unix()), Action: stripe.String("set"),
		})
		return failed("post usage record", err)
	}
	_, err := c.api.BillingMeterEvents.New(&stripe.BillingMeterEventParams{
		Params: params(ctx, key), EventName: stripe.String(u.Event), Identifier: stripe.String(u.Key), Timestamp: stripe.Int64(moment.Unix()),
		Payload: map[string]string{"stripe_customer_id": u.Customer, "value": strconv.FormatInt(u.Total, 10)},
	})
	var e *stripe.Error
	if errors.As(err, &e) && e.Code == duplicateEvent {
		return nil // the total is there: an answer was lost
	}
	return failed("post usage", err)
}

// duplicateEvent is how Stripe refuses an identifier that it has seen within a day.
const duplicateEvent = "duplicate_meter_event"

// UsageTotals asks Stripe for one sum.
func (c *Client) UsageTotals(ctx context.Context, customer, meter string, from, to time.Time) (sum int64, err error) {
	err = c.summaries(ctx, customer, meter, from, to, "", func(_, n int64) { sum += n })
	return sum, err
}

// UsageHours asks Stripe for a sum of each hour.
func (c *Client) UsageHours(ctx context.Context, customer, meter string, from, to time.Time) (map[int64]int64, error) {
	out := map[int64]int64{}
	err := c.summaries(ctx, customer, meter, from, to, "hour", func(hour, n int64) { out[hour] += n })
	return out, err
}

// summaries calls each for every summary of a meter, by the hour that it begins with.
// Where usage records are taken there are no meters: Stripe sums records by
// subscription and not by hour, which says nothing of which hour is wrong.
func (c *Client) summaries(ctx context.Context, customer, meter string, from, to time.Time, window string, each func(hour, n int64)) error {
	if c.records {
		return &billing.ProviderError{Kind: billing.ErrorInvalid, Call: "sum usage", Code: "usage records are not summed"}
	}
	in := &stripe.BillingMeterEventSummaryListParams{
		ListParams: list(ctx), ID: stripe.String(meter), Customer: stripe.String(customer),
		StartTime: stripe.Int64(from.Unix()), EndTime: stripe.Int64(to.Unix()),
	}
	if window != "" {
		in.ValueGroupingWindow = stripe.String(window)
	}
	i := c.api.BillingMeterEventSummaries.List(in)
	for n := 0; n < most && i.Next(); n++ {
		s := i.BillingMeterEventSummary()
		// A whole number, exact in a float up to 2^53.
		each(s.StartTime/3600, int64(math.Round(s.AggregatedValue)))
	}
	return failed("sum usage", i.Err())
}
