package stripefake

import (
	"math/big"
	"slices"
	"strconv"
)

// change is what an update of a subscription (or its preview) asks for.
type change struct {
	items       []params
	proration   string // behavior; "" is create_prorations
	at          int64  // proration_date
	cancelAtEnd *bool
	cancelNow   bool
	anchorNow   bool
}

// readChange takes a change from parameters whose names begin with prefix
// ("subscription_" in previews).
func (f *Fake) readChange(p params, prefix string) (change, *apiError) {
	items := "items"
	if prefix != "" {
		items = prefix + "items"
	}
	c := change{items: p.list(items), proration: p.str(prefix + "proration_behavior"), at: f.at}
	if p.has(prefix + "proration_date") {
		if c.at = p.num(prefix + "proration_date"); c.at > f.at+5*minute {
			return c, refuse(prefix+"proration_date", "", "Invalid timestamp: can be no more than five minutes in the future")
		}
	}
	if name := prefix + "cancel_at_period_end"; p.has(name) {
		v := p.truth(name)
		c.cancelAtEnd = &v
	}
	c.cancelNow = p.truth(prefix + "cancel_now")
	switch anchor := p.str(prefix + "billing_cycle_anchor"); anchor {
	case "", "unchanged":
	case "now":
		c.anchorNow = true
	default:
		return c, refuse(prefix+"billing_cycle_anchor", "", "Invalid billing_cycle_anchor: must be one of now, or unchanged")
	}
	return c, nil
}

// apply changes the items of a subscription and returns the prorations that come of
// it. The subscription may be a copy.
func (f *Fake) apply(s *subscription, c change) ([]*invoiceItem, *apiError) {
	prorate := c.proration != "none"
	if c.at < s.periodStart || c.at > s.periodEnd {
		return nil, refuse("proration_date", "", "Cannot specify proration_date outside of the current billing period.")
	}
	var out []*invoiceItem
	for i, in := range c.items {
		made, err := f.applyItem(s, in, i, c.at)
		if err != nil {
			return nil, err
		}
		if prorate {
			out = append(out, made...)
		}
	}
	if len(s.items) == 0 {
		return nil, refuse("items", "", "A subscription must have at least one active plan. In order to cancel a subscription, please use the subscription cancel API endpoint.")
	}
	return out, f.consistent(s)
}

func (f *Fake) applyItem(s *subscription, in params, index int, at int64) ([]*invoiceItem, *apiError) {
	if !in.has("id") {
		it, err := f.newItem(in, "metadata")
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, it)
		return f.proration(s, it, at, 1), nil
	}
	name := "items[" + strconv.Itoa(index) + "][id]"
	i := slices.IndexFunc(s.items, func(it *item) bool { return it.id == in.str("id") })
	if i < 0 {
		return nil, missing("subscription_item", in.str("id"), name)
	}
	it := s.items[i]
	old := f.prices[it.price]
	if in.truth("deleted") {
		if old != nil && old.metered && old.meter == "" && f.recorded(it.id, s.periodStart, s.periodEnd) > 0 && !in.truth("clear_usage") {
			return nil, refuse(name, "", "Subscription item %s cannot be deleted because it has usage. Please set `clear_usage=true`.", it.id)
		}
		out := f.proration(s, it, at, -1)
		s.items = slices.Delete(s.items, i, i+1)
		return out, nil
	}
	next := *it
	if in.has("price") && in.str("price") != it.price {
		made, err := f.newItem(params{"price": in["price"]}, "metadata")
		if err != nil {
			return nil, err
		}
		if p := f.prices[made.price]; old != nil && p.metered != old.metered {
			return nil, refuse(name, "", "A licensed item cannot become a metered one (delete it and add another).")
		}
		next.price = made.price
	}
	if in.has("quantity") {
		if p := f.prices[next.price]; p != nil && p.metered {
			return nil, refuse(name, "", "Quantity should not be specified where usage_type is `metered`.")
		}
		next.quantity = in.num("quantity")
	}
	next.metadata = in.merge("metadata", next.metadata)
	var out []*invoiceItem
	if next.price != it.price || next.quantity != it.quantity {
		out = append(f.proration(s, it, at, -1), f.proration(s, &next, at, 1)...)
	}
	s.items[i] = &next
	return out, nil
}

// proration is the rest of the period at an item's price, by the second: sign -1
// gives it back, 1 charges it. Nothing for metered items.
func (f *Fake) proration(s *subscription, it *item, at int64, sign int64) []*invoiceItem {
	p := f.prices[it.price]
	if p == nil || p.metered || at >= s.periodEnd {
		return nil
	}
	amount := f.part(s, it, at)
	what := "Remaining time on " + f.title(p)
	if sign < 0 {
		what = "Unused time on " + f.title(p)
	}
	return []*invoiceItem{{
		id: f.id("ii"), created: f.at, customer: s.customer, sub: s.id, item: it.id, price: p.id, proration: true, amount: sign * amount, currency: p.currency, quantity: it.quantity,
		description: what + " after " + date(at), start: at, end: s.periodEnd,
	}}
}

// part is the price of what is left of a period: a share of the whole cycle's
// seconds, also where the period is the first, shorter one.
func (f *Fake) part(s *subscription, it *item, at int64) int64 {
	p := f.prices[it.price]
	whole := s.periodEnd - before(s.anchor, s.periodEnd)
	return round(share(new(big.Rat).Mul(p.unit, big.NewRat(it.quantity, 1)), s.periodEnd-at, whole))
}

func (f *Fake) title(p *price) string {
	if in := f.products[p.product]; in != nil {
		return in.fields["name"]
	}
	return p.product
}

func (f *Fake) updateSubscription(c *call) (obj, error) {
	s := f.subs[c.ids[0]]
	if s == nil {
		return nil, notFound("subscription", c.ids[0])
	}
	if s.endedAt != 0 {
		return nil, refuse("", "", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	want, err := f.readChange(c.params, "")
	if err != nil {
		return nil, err
	}
	view, next := s.view(f), s.copy()
	made, err := f.apply(next, want)
	if err != nil {
		return nil, err
	}
	who := f.customers[s.customer]
	now := want.proration == "always_invoice" && len(made) > 0
	if now && c.str("payment_behavior") == "error_if_incomplete" && who.card != CardGood && sum(made) > 0 {
		return nil, declined()
	}
	s.items = next.items
	for _, it := range made {
		f.items[it.id] = it
		f.emit("invoiceitem.created", it.view(f), nil)
	}
	if want.cancelAtEnd != nil && *want.cancelAtEnd != s.cancelAtEnd {
		s.cancelAtEnd, s.canceledAt, s.reason = *want.cancelAtEnd, 0, ""
		if s.cancelAtEnd {
			s.canceledAt, s.reason = f.at, "cancellation_requested"
		}
	}
	if at := c.num("cancel_at"); at != 0 && at != s.periodEnd {
		return nil, refuse("cancel_at", "", "This fake knows the end of the period only.")
	} else if at != 0 {
		s.cancelAtEnd, s.canceledAt, s.reason = true, f.at, "cancellation_requested"
	}
	if c.has("description") {
		s.description = c.str("description")
	}
	if c.has("cancellation_details[comment]") {
		s.comment = c.str("cancellation_details[comment]")
	}
	if c.has("cancellation_details[feedback]") {
		s.feedback = c.str("cancellation_details[feedback]")
	}
	s.metadata = c.merge("metadata", s.metadata)
	f.changed("customer.subscription.updated", view, s.view(f))
	switch {
	case want.anchorNow:
		f.reset(s, f.at, want.proration != "none")
	case now:
		f.invoiceNow(s)
	}
	return s.view(f), nil
}

// invoiceNow makes an invoice of a subscription's pending items and collects it.
func (f *Fake) invoiceNow(s *subscription) *invoice {
	in := &invoice{reason: "subscription_update", customer: s.customer, sub: s.id, periodStart: s.periodStart, periodEnd: f.at}
	f.take(in, func(i *invoiceItem) bool { return i.sub == s.id })
	f.open(in)
	s.latest = in.id
	f.finalize(in)
	f.collect(in)
	return in
}

func (f *Fake) cancelSubscription(c *call) (obj, error) {
	s := f.subs[c.ids[0]]
	if s == nil || s.endedAt != 0 {
		return nil, notFound("subscription", c.ids[0])
	}
	s.comment, s.feedback = c.str("cancellation_details[comment]"), c.str("cancellation_details[feedback]")
	if c.truth("prorate") {
		for _, it := range s.items {
			for _, credit := range f.proration(s, it, f.at, -1) {
				f.items[credit.id] = credit
			}
		}
	}
	from := s.periodStart
	f.end(s, "cancellation_requested")
	if c.truth("invoice_now") {
		last := &invoice{reason: "manual", customer: s.customer, sub: s.id, periodStart: from, periodEnd: f.at, metered: f.meteredParts(s, from, f.at+1)}
		f.take(last, func(i *invoiceItem) bool { return i.sub == s.id })
		f.open(last)
		s.latest = last.id
		f.finalize(last)
		f.collect(last)
	}
	return s.view(f), nil
}

// reset ends the current period at a time, which becomes the anchor of the next:
// what "billing_cycle_anchor=now" and the dashboard's reset do. The invoice of the
// old period is a draft for Options.Grace as any other of a cycle.
func (f *Fake) reset(s *subscription, at int64, prorate bool) *invoice {
	if prorate {
		for _, it := range s.items {
			for _, credit := range f.proration(s, it, at, -1) {
				f.items[credit.id] = credit
			}
		}
	}
	view := s.view(f)
	from := s.periodStart
	s.anchor = at
	s.periodStart, s.periodEnd = at, boundary(at, 1)
	return f.cycle(s, view, from, at)
}
