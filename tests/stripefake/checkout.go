package stripefake

import (
	"fmt"
	"net/url"
	"strings"
)

const checkoutParams = "mode=subscription! customer success_url! cancel_url client_reference_id expires_at# locale metadata[*] line_items[][price]! line_items[][quantity]# subscription_data[billing_cycle_anchor]# subscription_data[proration_behavior]=none|create_prorations subscription_data[metadata][*] subscription_data[description] allow_promotion_codes? automatic_tax[enabled]? billing_address_collection=auto|required customer_update[address]=auto|never customer_update[name]=auto|never tax_id_collection[enabled]? payment_method_collection=always|if_required payment_method_types[] currency"

// session is a Checkout session.
type session struct {
	id, customer, success, cancel, reference, status, payment string
	sub, invoice                                              string
	created, expires                                          int64
	items                                                     []params
	data                                                      params // subscription_data
	metadata                                                  map[string]string
}

func (s *session) ident() string { return s.id }
func (s *session) made() int64   { return s.created }
func (s *session) view(f *Fake) obj {
	var link any
	if s.status == "open" {
		link = f.base + "/c/" + s.id
	}
	who := f.customers[s.customer]
	if who == nil {
		who = &customer{}
	}
	amount := f.first(s)
	return obj{
		"id": s.id, "object": "checkout.session", "after_expiration": nil, "allow_promotion_codes": nil, "amount_subtotal": amount, "amount_total": amount, "automatic_tax": obj{"enabled": false, "status": nil},
		"billing_address_collection": nil, "cancel_url": null(s.cancel), "client_reference_id": null(s.reference), "client_secret": nil, "consent": nil, "consent_collection": nil, "created": s.created,
		"currency": "usd", "currency_conversion": nil, "custom_fields": []any{}, "customer": null(s.customer), "customer_creation": nil,
		"customer_details": obj{"address": nil, "email": null(who.fields["email"]), "name": null(who.fields["name"]), "phone": nil, "tax_exempt": "none", "tax_ids": nil}, "customer_email": nil,
		"expires_at": s.expires, "invoice": null(s.invoice), "invoice_creation": nil, "livemode": false, "locale": nil, "metadata": clone(s.metadata), "mode": "subscription", "payment_intent": nil,
		"payment_link": nil, "payment_method_collection": "always", "payment_method_types": []any{"card"}, "payment_status": s.payment, "phone_number_collection": obj{"enabled": false}, "recovered_from": nil,
		"setup_intent": nil, "shipping_address_collection": nil, "shipping_cost": nil, "shipping_details": nil, "shipping_options": []any{}, "status": s.status, "submit_type": nil,
		"subscription": null(s.sub), "success_url": s.success, "total_details": obj{"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "ui_mode": "hosted", "url": link,
	}
}

func (s *session) lineItems(f *Fake) obj {
	data := []any{}
	for k, in := range s.items {
		p := f.prices[in.str("price")]
		if p == nil {
			continue
		}
		var amount int64
		if p.unit != nil {
			amount = round(p.unit) * max(1, in.num("quantity"))
		}
		data = append(data, obj{"id": fmt.Sprintf("li_%s%d", serial(s.id), k), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "currency": p.currency, "description": f.title(p), "price": p.view(f), "quantity": null(in.num("quantity"))})
	}
	return obj{"object": "list", "url": "/v1/checkout/sessions/" + s.id + "/line_items", "has_more": false, "data": data}
}

// order reads what the session would subscribe to.
func (f *Fake) order(s *session) (order, *apiError) {
	who, err := f.customerOf(s.customer, "customer")
	if err != nil {
		return order{}, err
	}
	o := order{customer: who, proration: s.data.str("proration_behavior"), description: s.data.str("description"), metadata: s.data.merge("metadata", nil)}
	for k, in := range s.items {
		it, err := f.newItem(in, "metadata")
		if err != nil {
			err.param = strings.Replace(err.param, "items[0]", fmt.Sprintf("line_items[%d]", k), 1)
			return o, err
		}
		if p := f.prices[it.price]; !p.metered && !in.has("quantity") {
			return o, refuse(fmt.Sprintf("line_items[%d][quantity]", k), "parameter_missing", "Quantity is required. Add `quantity` to `line_items[%d]`", k)
		}
		o.items = append(o.items, it)
	}
	if o.anchor, err = f.anchorOf(s.data, "billing_cycle_anchor"); err != nil {
		return o, err
	}
	return o, nil
}

// first is what is paid at once.
func (f *Fake) first(s *session) int64 {
	before := f.serial
	defer func() { f.serial = before }() // looking makes nothing
	o, err := f.order(s)
	if err != nil || len(o.items) == 0 {
		return 0
	}
	sub := &subscription{anchor: o.anchor, periodStart: f.at, periodEnd: o.anchor, items: o.items}
	if o.anchor == 0 {
		return total(f.baseLines(sub, f.at, f.at))
	}
	if o.proration == "none" {
		return 0
	}
	return total(f.firstPart(sub))
}

func (f *Fake) createSession(c *call) (obj, error) {
	s := &session{
		id: f.id("cs_test"), customer: c.str("customer"), success: c.str("success_url"), cancel: c.str("cancel_url"), reference: c.str("client_reference_id"), status: "open", payment: "unpaid",
		created: c.now, expires: c.now + 24*hour, items: c.list("line_items"), data: c.sub("subscription_data"), metadata: c.merge("metadata", nil),
	}
	if !c.has("customer") {
		return nil, refuse("customer", "parameter_missing", "This fake needs a customer.")
	}
	for _, name := range []string{"success_url", "cancel_url"} {
		if u, err := url.Parse(c.str(name)); c.has(name) && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return nil, refuse(name, "url_invalid", "Not a valid URL")
		}
	}
	if at := c.num("expires_at"); at != 0 {
		if at < c.now+30*minute || at > c.now+24*hour {
			return nil, refuse("expires_at", "", "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session creation.")
		}
		s.expires = at
	}
	if _, err := f.order(s); err != nil {
		return nil, err
	}
	f.sessions[s.id] = s
	return s.view(f), nil
}

func (f *Fake) listSessions(c *call) (obj, error) {
	return listing(f, c, "/v1/checkout/sessions", newest(f.sessions, func(s *session) bool {
		return (!c.has("customer") || s.customer == c.str("customer")) && (!c.has("subscription") || s.sub == c.str("subscription")) && (!c.has("status") || s.status == c.str("status"))
	}))
}

func (f *Fake) getSession(c *call) (obj, error) {
	s := f.sessions[c.ids[0]]
	if s == nil {
		return nil, notFound("checkout.session", c.ids[0])
	}
	return s.view(f), nil
}

func (f *Fake) listSessionItems(c *call) (obj, error) {
	s := f.sessions[c.ids[0]]
	if s == nil {
		return nil, notFound("checkout.session", c.ids[0])
	}
	return s.lineItems(f), nil
}

func (f *Fake) expireSession(c *call) (obj, error) {
	s := f.sessions[c.ids[0]]
	if s == nil {
		return nil, notFound("checkout.session", c.ids[0])
	}
	if s.status != "open" {
		return nil, refuse("", "", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of %s.", s.status)
	}
	f.expire(s)
	return s.view(f), nil
}

func (f *Fake) expire(s *session) {
	s.status = "expired"
	f.emit("checkout.session.expired", s.view(f), nil)
}

// Pay completes a Checkout session with a card (Card...), as the page's buttons do.
// Where the card is declined nothing is made and the session stays open. It answers
// where the browser is sent.
func (f *Fake) Pay(sessionID, card string) (location string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	s := f.sessions[sessionID]
	if s == nil || s.status != "open" {
		return "", fmt.Errorf("stripefake: no open Checkout session %q", sessionID)
	}
	o, failed := f.order(s)
	if failed != nil {
		return "", failed
	}
	if card != CardGood {
		return "", declined()
	}
	f.setCard(o.customer, card)
	sub, failed := f.subscribe(o)
	if failed != nil {
		return "", failed
	}
	s.status, s.payment, s.sub, s.invoice = "complete", "paid", sub.id, sub.latest
	f.emit("checkout.session.completed", s.view(f), nil)
	return strings.ReplaceAll(s.success, "{CHECKOUT_SESSION_ID}", s.id), nil
}
