package stripebill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"github.com/tollgate/tollgate/services/billing"
)

// Names in the metadata of prices and items.
const (
	metaPlan         = "tollgate_plan"
	metaKind         = "tollgate_kind"
	metaKey          = "tollgate_key"
	metaOrganization = "tollgate_organization"
)

// Catalogue makes sure of a product, a base price and, where requests are billed,
// a meter and a usage price for every paid plan. A price is found by its lookup
// key, which holds a digest of the amounts: other amounts are another price.
func (c *Client) Catalogue(ctx context.Context, plans []billing.Plan) (billing.Catalogue, error) {
	out := billing.Catalogue{Livemode: c.live, Plans: map[string]billing.CataloguePlan{}}
	var paid []billing.Plan
	metered := false
	for _, p := range plans {
		if p.Paid() {
			paid = append(paid, p)
			metered = metered || p.Metered()
		}
	}
	meters := map[string]*stripe.BillingMeter{}
	if metered && !c.records {
		var err error
		if meters, err = c.meters(ctx); err != nil {
			return out, err
		}
	}
	for i := range paid {
		p := &paid[i]
		one, err := c.plan(ctx, p, meters)
		if err != nil {
			return out, fmt.Errorf("plan %s: %w", p.Name, err)
		}
		out.Plans[p.Name] = one
	}
	return out, nil
}

func (c *Client) plan(ctx context.Context, p *billing.Plan, meters map[string]*stripe.BillingMeter) (out billing.CataloguePlan, err error) {
	product, err := c.product(ctx, p)
	if err != nil {
		return out, err
	}
	if p.Metered() && !c.records {
		out.Event = eventName(p.Name)
		m := meters[out.Event]
		if m == nil {
			if m, err = c.meter(ctx, p, out.Event); err != nil {
				return out, err
			}
		}
		out.Meter = m.ID
	}
	base := lookupKey(p, billing.ItemBase, strconv.FormatInt(p.PriceCents, 10))
	usage := lookupKey(p, billing.ItemUsage, fmt.Sprint(p.IncludedRequests, p.OverageRequests, p.OveragePriceCents, out.Meter))
	have, err := c.prices(ctx, base, usage)
	if err != nil {
		return out, err
	}
	if out.Base = have[base]; out.Base == "" {
		if out.Base, err = c.basePrice(ctx, p, product, base); err != nil {
			return out, err
		}
	}
	if out.Usage = have[usage]; out.Usage == "" && p.Metered() {
		out.Usage, err = c.usagePrice(ctx, p, product, usage, out.Meter)
	}
	return out, err
}

// eventName is what totals of a plan are posted under.
func eventName(plan string) string { return "tollgate_requests_" + plan }

// lookupKey names a price by all that it charges.
func lookupKey(p *billing.Plan, kind, amounts string) string {
	digest := sha256.Sum256([]byte(p.Currency + " " + amounts))
	return "tollgate_" + p.Name + "_" + kind + "_" + hex.EncodeToString(digest[:8])
}

// meters are the active ones by event name.
func (c *Client) meters(ctx context.Context) (map[string]*stripe.BillingMeter, error) {
	in := &stripe.BillingMeterListParams{ListParams: list(ctx), Status: stripe.String("active")}
	out := map[string]*stripe.BillingMeter{}
	i := c.api.BillingMeters.List(in)
	for n := 0; n < most && i.Next(); n++ {
		out[i.BillingMeter().EventName] = i.BillingMeter()
	}
	return out, failed("list meters", i.Err())
}

// meter makes a plan's meter. There can be one active meter of a name, so a
// repetition fails instead of making another.
func (c *Client) meter(ctx context.Context, p *billing.Plan, event string) (*stripe.BillingMeter, error) {
	m, err := c.api.BillingMeters.New(&stripe.BillingMeterParams{
		Params: stripe.Params{Context: ctx}, DisplayName: stripe.String("Tollgate requests: " + p.Title), EventName: stripe.String(event), EventTimeWindow: stripe.String("hour"),
		DefaultAggregation: &stripe.BillingMeterDefaultAggregationParams{Formula: stripe.String("sum")},
		CustomerMapping:    &stripe.BillingMeterCustomerMappingParams{Type: stripe.String("by_id"), EventPayloadKey: stripe.String("stripe_customer_id")},
		ValueSettings:      &stripe.BillingMeterValueSettingsParams{EventPayloadKey: stripe.String("value")},
	})
	return m, failed("make meter", err)
}

// product makes sure of a plan's product, whose id is the plan's.
func (c *Client) product(ctx context.Context, p *billing.Plan) (string, error) {
	id := "tollgate_" + p.Name
	_, err := c.api.Products.Get(id, &stripe.ProductParams{Params: params(ctx, "")})
	if err = failed("get product", err); err == nil || !kind(err, billing.ErrorNotFound) {
		return id, err
	}
	in := &stripe.ProductParams{Params: stripe.Params{Context: ctx}, ID: stripe.String(id), Name: stripe.String("Tollgate " + p.Title)}
	in.AddMetadata(metaPlan, p.Name)
	_, err = c.api.Products.New(in)
	var e *stripe.Error
	if errors.As(err, &e) && e.Code == stripe.ErrorCodeResourceAlreadyExists {
		err = nil // by another process
	}
	return id, failed("make product", err)
}

func kind(err error, k billing.ErrorKind) bool {
	var e *billing.ProviderError
	return errors.As(err, &e) && e.Kind == k
}

// prices finds active prices by their lookup keys.
func (c *Client) prices(ctx context.Context, keys ...string) (map[string]string, error) {
	in := &stripe.PriceListParams{ListParams: list(ctx), Active: stripe.Bool(true), LookupKeys: stripe.StringSlice(keys)}
	out := map[string]string{}
	i := c.api.Prices.List(in)
	for n := 0; n < most && i.Next(); n++ {
		out[i.Price().LookupKey] = i.Price().ID
	}
	return out, failed("list prices", i.Err())
}

// price begins a monthly price. Its key is not repeated: a second price takes the
// lookup key over, and one that was deleted at Stripe is made anew.
func price(ctx context.Context, p *billing.Plan, product, kind, key string) *stripe.PriceParams {
	in := &stripe.PriceParams{
		Params: stripe.Params{Context: ctx}, Product: stripe.String(product), Currency: stripe.String(p.Currency),
		LookupKey: stripe.String(key), TransferLookupKey: stripe.Bool(true),
		Recurring: &stripe.PriceRecurringParams{Interval: stripe.String("month")},
	}
	in.AddMetadata(metaPlan, p.Name)
	in.AddMetadata(metaKind, kind)
	return in
}

func (c *Client) basePrice(ctx context.Context, p *billing.Plan, product, key string) (string, error) {
	in := price(ctx, p, product, billing.ItemBase, key)
	in.UnitAmount = stripe.Int64(p.PriceCents)
	in.Recurring.UsageType = stripe.String("licensed")
	return c.makePrice(in)
}

func (c *Client) usagePrice(ctx context.Context, p *billing.Plan, product, key, meter string) (string, error) {
	in := price(ctx, p, product, billing.ItemUsage, key)
	in.Recurring.UsageType = stripe.String("metered")
	if meter != "" {
		in.Recurring.Meter = stripe.String(meter)
	} else {
		in.Recurring.AggregateUsage = stripe.String("sum")
	}
	in.BillingScheme, in.TiersMode = stripe.String("tiered"), stripe.String("graduated")
	// Written out, since stripe-go's type for a decimal is a float.
	last := 0
	if p.IncludedRequests > 0 {
		in.AddExtra("tiers[0][up_to]", strconv.FormatInt(p.IncludedRequests, 10))
		in.AddExtra("tiers[0][unit_amount]", "0")
		last = 1
	}
	in.AddExtra(fmt.Sprintf("tiers[%d][up_to]", last), "inf")
	in.AddExtra(fmt.Sprintf("tiers[%d][unit_amount_decimal]", last), unitAmount(p))
	return c.makePrice(in)
}

// unitAmount is the price of one request in cents, which the plans file holds to
// 12 decimal places.
func unitAmount(p *billing.Plan) string {
	text := big.NewRat(p.OveragePriceCents, p.OverageRequests).FloatString(12)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func (c *Client) makePrice(in *stripe.PriceParams) (string, error) {
	p, err := c.api.Prices.New(in)
	if err != nil {
		return "", failed("make price", err)
	}
	return p.ID, nil
}
