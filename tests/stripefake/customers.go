package stripefake

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Cards of a customer.
const (
	CardGood     = "good"     // pays
	CardDeclines = "declines" // is declined at every attempt
	CardNone     = ""
)

const customerParams = "email name phone description metadata[*] preferred_locales[] tax_exempt=none|exempt|reverse address[line1] address[line2] address[city] address[state] address[postal_code] address[country] invoice_settings[default_payment_method] invoice_settings[footer] invoice_prefix"

type customer struct {
	id          string
	created     int64
	fields      map[string]string // email, name, phone, description
	metadata    map[string]string
	balance     int64  // negative: credit, as at Stripe
	card        string // Card...
	cardID      string
	deleted     bool
	invoiceNext int
	currency    string
}

func (c *customer) ident() string { return c.id }
func (c *customer) made() int64   { return c.created }

func (c *customer) view(f *Fake) obj {
	if c.deleted {
		return obj{"id": c.id, "object": "customer", "deleted": true}
	}
	delinquent := false
	for _, i := range f.invoices {
		delinquent = delinquent || i.customer == c.id && i.status == "open" && i.attempts > 0
	}
	return obj{
		"id": c.id, "object": "customer", "address": nil, "balance": c.balance, "created": c.created, "currency": null(c.currency),
		"default_source": nil, "delinquent": delinquent, "description": null(c.fields["description"]), "discount": nil,
		"email": null(c.fields["email"]), "invoice_prefix": c.prefix(),
		"invoice_settings": obj{"custom_fields": nil, "default_payment_method": null(c.cardID), "footer": nil, "rendering_options": nil},
		"livemode":         false, "metadata": clone(c.metadata), "name": null(c.fields["name"]), "next_invoice_sequence": c.invoiceNext + 1,
		"phone": null(c.fields["phone"]), "preferred_locales": []any{}, "shipping": nil, "tax_exempt": "none", "test_clock": nil,
	}
}

func (c *customer) prefix() string {
	return "FAKE" + strings.TrimLeft(serial(c.id)[len("1Fake"):], "0")
}

func clone(m map[string]string) obj {
	out := obj{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (c *customer) set(p params) {
	if c.fields == nil {
		c.fields = map[string]string{}
	}
	for _, name := range []string{"email", "name", "phone", "description"} {
		if p.has(name) {
			c.fields[name] = p.str(name)
		}
	}
	c.metadata = p.merge("metadata", c.metadata)
}

// customerOf is the live customer that a parameter names.
func (f *Fake) customerOf(id, param string) (*customer, *apiError) {
	c := f.customers[id]
	if c == nil || c.deleted {
		return nil, missing("customer", id, param)
	}
	return c, nil
}

func (f *Fake) createCustomer(c *call) (obj, error) {
	out := &customer{id: f.id("cus"), created: c.now}
	out.set(c.params)
	f.customers[out.id] = out
	f.emit("customer.created", out.view(f), nil)
	return out.view(f), nil
}

func (f *Fake) listCustomers(c *call) (obj, error) {
	return listing(f, c, "/v1/customers", newest(f.customers, func(e *customer) bool {
		return !e.deleted && c.within("created", e.created) && (!c.has("email") || e.fields["email"] == c.str("email"))
	}))
}

func (f *Fake) getCustomer(c *call) (obj, error) {
	out := f.customers[c.ids[0]]
	if out == nil {
		return nil, notFound("customer", c.ids[0])
	}
	return out.view(f), nil
}

func (f *Fake) updateCustomer(c *call) (obj, error) {
	out := f.customers[c.ids[0]]
	if out == nil || out.deleted {
		return nil, notFound("customer", c.ids[0])
	}
	before := out.view(f)
	out.set(c.params)
	f.changed("customer.updated", before, out.view(f))
	return out.view(f), nil
}

func (f *Fake) deleteCustomer(c *call) (obj, error) {
	out := f.customers[c.ids[0]]
	if out == nil || out.deleted {
		return nil, notFound("customer", c.ids[0])
	}
	for _, s := range newest(f.subs, func(s *subscription) bool { return s.customer == out.id && s.endedAt == 0 }) {
		f.end(s, "cancellation_requested")
	}
	view := out.view(f)
	out.deleted = true
	f.emit("customer.deleted", view, nil)
	return out.view(f), nil
}

// SetCard gives a customer a card (Card...), as the customer would in the portal.
func (f *Fake) SetCard(customerID, card string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	c, err := f.customerOf(customerID, "customer")
	if err != nil {
		return err
	}
	f.setCard(c, card)
	return nil
}

func (f *Fake) setCard(c *customer, card string) {
	before := c.view(f)
	c.card, c.cardID = card, ""
	if card != CardNone {
		c.cardID = f.id("pm")
		f.emit("payment_method.attached", obj{"id": c.cardID, "object": "payment_method", "type": "card", "customer": c.id, "created": f.at, "livemode": false, "metadata": obj{}}, nil)
	}
	f.changed("customer.updated", before, c.view(f))
}

// balanceTransaction is a change of a customer's balance.
type balanceTransaction struct {
	id, customer, kind, invoice, currency, description string
	created, amount, ending                            int64
	metadata                                           map[string]string
}

func (b *balanceTransaction) ident() string { return b.id }
func (b *balanceTransaction) made() int64   { return b.created }
func (b *balanceTransaction) view(*Fake) obj {
	return obj{
		"id": b.id, "object": "customer_balance_transaction", "amount": b.amount, "created": b.created, "credit_note": nil, "currency": b.currency,
		"customer": b.customer, "description": null(b.description), "ending_balance": b.ending, "invoice": null(b.invoice), "livemode": false,
		"metadata": clone(b.metadata), "type": b.kind,
	}
}

// move changes the balance by an amount.
func (f *Fake) move(c *customer, kind, invoice string, amount int64) *balanceTransaction {
	before := c.view(f)
	c.balance += amount
	b := &balanceTransaction{id: f.id("cbtxn"), customer: c.id, kind: kind, invoice: invoice, currency: "usd", created: f.at, amount: amount, ending: c.balance}
	f.balances = append(f.balances, b)
	f.changed("customer.updated", before, c.view(f))
	return b
}

func (f *Fake) createBalance(c *call) (obj, error) {
	who := f.customers[c.ids[0]]
	if who == nil || who.deleted {
		return nil, notFound("customer", c.ids[0])
	}
	if utf8.RuneCountInString(c.str("description")) > 350 {
		return nil, refuse("description", "", "Invalid string: must be at most 350 characters")
	}
	b := f.move(who, "adjustment", "", c.num("amount"))
	b.currency, b.description, b.metadata = c.str("currency"), c.str("description"), c.merge("metadata", nil)
	return b.view(f), nil
}

func (f *Fake) balancesOf(id string) []*balanceTransaction {
	out := slices.DeleteFunc(slices.Clone(f.balances), func(b *balanceTransaction) bool { return b.customer != id })
	slices.Reverse(out)
	return out
}

func (f *Fake) listBalances(c *call) (obj, error) {
	if f.customers[c.ids[0]] == nil {
		return nil, notFound("customer", c.ids[0])
	}
	return listing(f, c, fmt.Sprintf("/v1/customers/%s/balance_transactions", c.ids[0]), f.balancesOf(c.ids[0]))
}

func (f *Fake) getBalance(c *call) (obj, error) {
	for _, b := range f.balancesOf(c.ids[0]) {
		if b.id == c.ids[1] {
			return b.view(f), nil
		}
	}
	return nil, notFound("customer balance transaction", c.ids[1])
}
