package stripefake

const upcomingParams = "customer subscription subscription_items[][id] subscription_items[][price] subscription_items[][quantity]# subscription_items[][deleted]? subscription_items[][clear_usage]? subscription_proration_behavior=none|create_prorations|always_invoice subscription_proration_date# subscription_billing_cycle_anchor subscription_cancel_at_period_end? subscription_cancel_now?"

// preview is the next invoice of a subscription, after a change that is not made.
func (f *Fake) preview(c *call) (*invoice, error) {
	s := f.subs[c.str("subscription")]
	if s == nil && c.has("subscription") {
		return nil, missing("subscription", c.str("subscription"), "subscription")
	}
	if s == nil {
		for _, one := range newest(f.subs, func(s *subscription) bool { return s.live() && s.customer == c.str("customer") }) {
			s = one
		}
	}
	if s == nil || !s.live() || c.has("customer") && s.customer != c.str("customer") {
		e := refuse("", "invoice_upcoming_none", "No upcoming invoices for customer: %s", c.str("customer"))
		e.status = 404
		return nil, e
	}
	want, err := f.readChange(c.params, "subscription_")
	if err != nil {
		return nil, err
	}
	next := s.copy()
	made, err := f.apply(next, want)
	if err != nil {
		return nil, err
	}
	ends := next.cancelAtEnd
	if want.cancelAtEnd != nil {
		ends = *want.cancelAtEnd
	}
	if ends && len(next.items) == 0 {
		return nil, refuse("", "invoice_upcoming_none", "No upcoming invoices for subscription: %s", s.id)
	}
	out := &invoice{reason: "upcoming", status: "draft", customer: s.customer, sub: s.id, currency: s.currency, created: s.periodEnd, periodStart: s.periodStart, periodEnd: s.periodEnd}
	now := want.proration == "always_invoice" && len(made) > 0
	switch {
	case now:
		out.reason, out.created, out.periodEnd = "subscription_update", f.at, f.at
	case want.cancelNow:
		out.created, out.periodEnd = f.at, f.at
		out.metered = f.meteredParts(next, s.periodStart, f.at+1)
	case want.anchorNow:
		out.created, out.periodEnd = f.at, f.at
		out.fixed, out.metered = f.baseLines(next, f.at, boundary(f.at, 1)), f.meteredParts(next, s.periodStart, f.at)
	default:
		if !ends {
			out.fixed = f.baseLines(next, s.periodEnd, after(s.anchor, s.periodEnd))
		}
		out.metered = f.meteredParts(next, s.periodStart, s.periodEnd)
	}
	pending := newest(f.items, func(i *invoiceItem) bool {
		return i.invoice == "" && i.customer == s.customer && (i.sub == s.id || i.sub == "" && !now)
	})
	for k := len(pending) - 1; k >= 0; k-- {
		out.fixed = append(out.fixed, pending[k].line())
	}
	for _, i := range made {
		out.fixed = append(out.fixed, i.line())
	}
	return out, nil
}

func (f *Fake) upcoming(c *call) (obj, error) {
	i, err := f.preview(c)
	if err != nil {
		return nil, err
	}
	i.id = "in_upcoming"
	view := i.view(f)
	delete(view, "id")
	view["next_payment_attempt"] = i.created + hour
	view["subscription_proration_date"] = f.at
	return view, nil
}

func (f *Fake) upcomingLines(c *call) (obj, error) {
	i, err := f.preview(c)
	if err != nil {
		return nil, err
	}
	i.id = "in_upcoming"
	var all []lineOf
	for _, l := range i.lines(f) {
		all = append(all, l.of(i))
	}
	return listing(f, c, "/v1/invoices/upcoming/lines", all)
}
