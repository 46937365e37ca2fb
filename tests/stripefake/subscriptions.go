package stripefake

import "slices"

const subscriptionParams = "items[][price] items[][quantity]# items[][metadata][*] billing_cycle_anchor cancel_at_period_end? cancellation_details[comment] cancellation_details[feedback] collection_method=charge_automatically default_payment_method description metadata[*] off_session? payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete payment_settings[save_default_payment_method]=on_subscription|off proration_behavior=none|create_prorations|always_invoice"

type subscription struct {
	id, customer, status, currency string
	created, anchor                int64
	periodStart, periodEnd         int64
	items                          []*item
	cancelAtEnd                    bool
	canceledAt, endedAt            int64
	reason, comment, feedback      string // of the cancellation
	latest                         string // invoice
	description                    string
	metadata                       map[string]string
}

type item struct {
	id, price string
	created   int64
	quantity  int64 // of licensed ones
	metadata  map[string]string
}

func (s *subscription) ident() string { return s.id }
func (s *subscription) made() int64   { return s.created }

func (s *subscription) live() bool {
	return s.status == "active" || s.status == "past_due" || s.status == "unpaid"
}

func (s *subscription) copy() *subscription {
	out := *s
	out.items = nil
	for _, it := range s.items {
		same := *it
		out.items = append(out.items, &same)
	}
	return &out
}

func (s *subscription) view(f *Fake) obj {
	data := []any{}
	for _, it := range s.items {
		data = append(data, it.view(f, s))
	}
	cancelAt := int64(0)
	if s.cancelAtEnd {
		cancelAt = s.periodEnd
	}
	return obj{
		"id": s.id, "object": "subscription", "application": nil, "application_fee_percent": nil, "automatic_tax": obj{"enabled": false}, "billing_cycle_anchor": s.anchor,
		"billing_thresholds": nil, "cancel_at": null(cancelAt), "cancel_at_period_end": s.cancelAtEnd, "canceled_at": null(s.canceledAt),
		"cancellation_details": obj{"comment": null(s.comment), "feedback": null(s.feedback), "reason": null(s.reason)},
		"collection_method":    "charge_automatically", "created": s.created, "currency": s.currency, "current_period_end": s.periodEnd, "current_period_start": s.periodStart,
		"customer": s.customer, "days_until_due": nil, "default_payment_method": nil, "default_source": nil, "default_tax_rates": []any{}, "description": null(s.description),
		"discount": nil, "ended_at": null(s.endedAt),
		"items":          obj{"object": "list", "url": "/v1/subscription_items?subscription=" + s.id, "has_more": false, "data": data},
		"latest_invoice": null(s.latest), "livemode": false, "metadata": clone(s.metadata), "next_pending_invoice_item_invoice": nil, "on_behalf_of": nil,
		"pause_collection": nil, "payment_settings": obj{"payment_method_options": nil, "payment_method_types": nil, "save_default_payment_method": "off"},
		"pending_invoice_item_interval": nil, "pending_setup_intent": nil, "pending_update": nil, "schedule": nil, "start_date": s.created, "status": s.status,
		"test_clock": nil, "transfer_data": nil, "trial_end": nil, "trial_settings": obj{"end_behavior": obj{"missing_payment_method": "create_invoice"}}, "trial_start": nil,
	}
}

func (it *item) view(f *Fake, s *subscription) obj {
	out := obj{"id": it.id, "object": "subscription_item", "billing_thresholds": nil, "created": it.created, "metadata": clone(it.metadata), "price": obj{"id": it.price, "object": "price", "deleted": true}, "subscription": s.id, "tax_rates": []any{}}
	if p := f.prices[it.price]; p != nil {
		out["price"] = p.view(f)
		if !p.metered {
			out["quantity"] = it.quantity
		}
	}
	return out
}

// itemOf finds a subscription's item.
func (f *Fake) itemOf(id string) (*subscription, *item) {
	for _, s := range f.subs {
		for _, it := range s.items {
			if it.id == id {
				return s, it
			}
		}
	}
	return nil, nil
}

func (f *Fake) getItem(c *call) (obj, error) {
	s, it := f.itemOf(c.ids[0])
	if it == nil {
		return nil, notFound("subscription_item", c.ids[0])
	}
	return it.view(f, s), nil
}

func (f *Fake) listItems(c *call) (obj, error) {
	s := f.subs[c.str("subscription")]
	if s == nil {
		return nil, missing("subscription", c.str("subscription"), "subscription")
	}
	view := s.view(f)["items"].(obj)
	return view, nil
}

// newItem reads an item that is added.
func (f *Fake) newItem(in params, metadata string) (*item, *apiError) {
	p := f.prices[in.str("price")]
	switch {
	case p == nil:
		return nil, missing("price", in.str("price"), "items[0][price]")
	case !p.active:
		return nil, refuse("items[0][price]", "", "The price specified is inactive. This field only accepts active prices.")
	case !p.recurring:
		return nil, refuse("items[0][price]", "", "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.")
	case p.metered && in.has("quantity"):
		return nil, refuse("items[0][quantity]", "", "Quantity should not be specified where usage_type is `metered`. Remove quantity from `items[0]`")
	}
	it := &item{id: f.id("si"), price: p.id, created: f.at, metadata: in.merge(metadata, nil)}
	if !p.metered {
		if it.quantity = 1; in.has("quantity") {
			it.quantity = in.num("quantity")
		}
	}
	return it, nil
}

// order is what a new subscription is made of.
type order struct {
	customer    *customer
	items       []*item
	anchor      int64 // zero: now
	proration   string
	behaviour   string // payment_behavior
	description string
	metadata    map[string]string
}

func (f *Fake) createSubscription(c *call) (obj, error) {
	who, err := f.customerOf(c.str("customer"), "customer")
	if err != nil {
		return nil, err
	}
	o := order{customer: who, proration: c.str("proration_behavior"), behaviour: c.str("payment_behavior"), description: c.str("description"), metadata: c.merge("metadata", nil)}
	for _, in := range c.list("items") {
		it, err := f.newItem(in, "metadata")
		if err != nil {
			return nil, err
		}
		o.items = append(o.items, it)
	}
	if o.anchor, err = f.anchorOf(c.params, "billing_cycle_anchor"); err != nil {
		return nil, err
	}
	s, err := f.subscribe(o)
	if err != nil {
		return nil, err
	}
	if c.has("cancel_at_period_end") && c.truth("cancel_at_period_end") {
		s.cancelAtEnd, s.canceledAt, s.reason = true, f.at, "cancellation_requested"
	}
	return s.view(f), nil
}

// anchorOf reads a billing cycle anchor: it has to lie ahead, by a month at most.
func (f *Fake) anchorOf(p params, name string) (int64, *apiError) {
	text := p.str(name)
	if text == "" {
		return 0, nil
	}
	n := p.num(name)
	if n <= f.at {
		return 0, refuse(name, "", "billing_cycle_anchor must be a timestamp in the future.")
	}
	if n > boundary(f.at, 1) {
		return 0, refuse(name, "", "billing_cycle_anchor cannot be later than next natural billing date (%d) for plan", boundary(f.at, 1))
	}
	return n, nil
}

// subscribe makes a subscription and its first invoice, and collects it.
func (f *Fake) subscribe(o order) (*subscription, *apiError) {
	if len(o.items) == 0 {
		return nil, refuse("items", "parameter_missing", "Missing required param: items.")
	}
	s := &subscription{id: f.id("sub"), customer: o.customer.id, status: "active", currency: f.prices[o.items[0].price].currency, created: f.at, anchor: o.anchor, periodStart: f.at, items: o.items, description: o.description, metadata: o.metadata}
	if err := f.consistent(s); err != nil {
		return nil, err
	}
	first := &invoice{reason: "subscription_create", customer: o.customer.id, sub: s.id, periodStart: f.at, periodEnd: f.at}
	if s.anchor == 0 {
		s.anchor, s.periodEnd = f.at, boundary(f.at, 1)
		first.fixed = f.baseLines(s, s.periodStart, s.periodEnd)
	} else {
		s.periodEnd = s.anchor
		if o.proration != "none" {
			first.fixed = f.firstPart(s)
		}
	}
	first.fixed = append(first.fixed, f.emptyLines(s)...)
	if o.behaviour == "error_if_incomplete" && o.customer.card != CardGood && total(first.fixed) > 0 {
		return nil, declined()
	}
	f.subs[s.id] = s
	o.customer.currency = s.currency
	f.take(first, func(i *invoiceItem) bool { return i.sub == "" || i.sub == s.id })
	f.emit("customer.subscription.created", s.view(f), nil)
	f.open(first)
	s.latest = first.id
	f.finalize(first)
	if o.behaviour == "default_incomplete" && first.due() > 0 {
		s.status = "incomplete"
	} else if !f.collect(first) {
		s.status = "incomplete"
	}
	if s.status == "incomplete" {
		first.nextAttempt = 0
	}
	return s, nil
}

// consistent refuses what no subscription can hold.
func (f *Fake) consistent(s *subscription) *apiError {
	seen := map[string]bool{}
	if len(s.items) > 20 {
		return refuse("items", "", "A subscription has at most 20 items.")
	}
	for _, it := range s.items {
		if seen[it.price] {
			return refuse("items", "", "Cannot add multiple subscription items with the same plan: %s", it.price)
		}
		seen[it.price] = true
		if p := f.prices[it.price]; p != nil && p.currency != s.currency {
			return refuse("items", "", "All prices on a subscription must have the same currency.")
		}
	}
	return nil
}

func (f *Fake) getSubscription(c *call) (obj, error) {
	s := f.subs[c.ids[0]]
	if s == nil {
		return nil, notFound("subscription", c.ids[0])
	}
	return s.view(f), nil
}

func (f *Fake) listSubscriptions(c *call) (obj, error) {
	return listing(f, c, "/v1/subscriptions", newest(f.subs, func(s *subscription) bool {
		hasPrice := slices.ContainsFunc(s.items, func(it *item) bool { return it.price == c.str("price") })
		var status bool
		switch want := c.str("status"); want {
		case "":
			status = s.status != "canceled" && s.status != "incomplete_expired"
		case "all":
			status = true
		case "ended":
			status = s.status == "canceled" || s.status == "incomplete_expired"
		default:
			status = s.status == want
		}
		return status && (!c.has("customer") || s.customer == c.str("customer")) && (!c.has("price") || hasPrice) &&
			c.within("created", s.created) && c.within("current_period_start", s.periodStart) && c.within("current_period_end", s.periodEnd)
	}))
}

// setStatus changes a subscription's status and tells.
func (f *Fake) setStatus(s *subscription, status string) {
	if s.status == status {
		return
	}
	before := s.view(f)
	s.status = status
	f.changed("customer.subscription.updated", before, s.view(f))
}

// end cancels a subscription at once, without an invoice.
func (f *Fake) end(s *subscription, reason string) {
	s.status, s.endedAt, s.reason = "canceled", f.at, reason
	if s.canceledAt == 0 {
		s.canceledAt = f.at
	}
	for _, i := range f.invoices {
		if i.sub == s.id && (i.status == "open" || i.status == "draft") && i.reason != "manual" {
			i.autoAdvance, i.nextAttempt = i.autoAdvance && i.status == "draft" && reason != "payment_failed", 0
		}
	}
	f.emit("customer.subscription.deleted", s.view(f), nil)
}
