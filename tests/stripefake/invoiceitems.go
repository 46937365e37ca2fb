package stripefake

import (
	"math/big"
	"slices"
)

// invoiceItem waits for the next invoice of its customer, or is on one.
type invoiceItem struct {
	id, customer, sub, item, price, invoice, currency, description string
	created, amount, quantity, start, end                          int64
	proration                                                      bool
	metadata                                                       map[string]string
}

func (i *invoiceItem) ident() string { return i.id }
func (i *invoiceItem) made() int64   { return i.created }

func (i *invoiceItem) line() *line {
	return &line{id: "il_" + serial(i.id), item: i.item, invoiceItem: i.id, sub: i.sub, price: i.price, description: i.description, currency: i.currency, quantity: max(1, i.quantity), amount: i.amount, start: i.start, end: i.end, proration: i.proration, metadata: i.metadata}
}

func sum(items []*invoiceItem) (n int64) {
	for _, i := range items {
		n += i.amount
	}
	return n
}

func (i *invoiceItem) view(f *Fake) obj {
	out := obj{
		"id": i.id, "object": "invoiceitem", "amount": i.amount, "currency": i.currency, "customer": i.customer, "date": i.created, "description": null(i.description), "discountable": !i.proration,
		"discounts": []any{}, "invoice": null(i.invoice), "livemode": false, "metadata": clone(i.metadata), "period": obj{"start": i.start, "end": i.end}, "price": nil, "proration": i.proration,
		"quantity": max(1, i.quantity), "subscription": null(i.sub), "tax_rates": []any{}, "test_clock": nil, "unit_amount": i.amount, "unit_amount_decimal": big.NewRat(i.amount, 1).FloatString(0),
	}
	if i.item != "" {
		out["subscription_item"] = i.item
	}
	if p := f.prices[i.price]; p != nil {
		out["price"] = p.view(f)
	}
	return out
}

func (f *Fake) createInvoiceItem(c *call) (obj, error) {
	who, err := f.customerOf(c.str("customer"), "customer")
	if err != nil {
		return nil, err
	}
	it := &invoiceItem{created: c.now, customer: who.id, sub: c.str("subscription"), currency: c.str("currency"), description: c.str("description"), quantity: 1, metadata: c.merge("metadata", nil), start: c.now, end: c.now}
	if c.has("quantity") {
		it.quantity = c.num("quantity")
	}
	switch unit, err := decimal(c.params, "unit_amount"); {
	case err != nil:
		return nil, err
	case c.has("price"):
		return nil, refuse("price", "", "This fake knows items with an amount only.")
	case c.has("amount") == (unit != nil):
		return nil, refuse("amount", "parameter_missing", "One of `amount` or `unit_amount` is needed.")
	case c.has("amount") && c.has("quantity"):
		return nil, refuse("quantity", "", "You may only specify one of these parameters: amount, quantity.")
	case unit != nil:
		it.amount = round(new(big.Rat).Mul(unit, big.NewRat(it.quantity, 1)))
	default:
		it.amount = c.num("amount")
	}
	if it.currency == "" {
		return nil, refuse("currency", "parameter_missing", "Missing required param: currency.")
	}
	if it.amount > 99_999_999 || it.amount < -99_999_999 {
		return nil, refuse("amount", "amount_too_large", "Amount must be no more than $999,999.99")
	}
	if p := c.sub("period"); len(p) > 0 {
		if it.start, it.end = p.num("start"), p.num("end"); it.start > it.end {
			return nil, refuse("period[end]", "", "The end of the period must not be before its start.")
		}
	}
	if s := f.subs[it.sub]; it.sub != "" && (s == nil || s.customer != who.id) {
		return nil, missing("subscription", it.sub, "subscription")
	} else if s != nil && s.endedAt != 0 {
		return nil, refuse("subscription", "", "Cannot add an invoice item to the canceled subscription %s.", it.sub)
	}
	it.id = f.id("ii")
	if id := c.str("invoice"); id != "" {
		in := f.invoices[id]
		if in == nil || in.customer != who.id {
			return nil, missing("invoice", id, "invoice")
		}
		if in.status != "draft" {
			return nil, refuse("invoice", "invoice_not_editable", "Invoice %s is no longer editable", id)
		}
		it.invoice = id
		in.fixed = append(in.fixed, it.line())
	}
	f.items[it.id] = it
	f.emit("invoiceitem.created", it.view(f), nil)
	return it.view(f), nil
}

func (f *Fake) listInvoiceItems(c *call) (obj, error) {
	return listing(f, c, "/v1/invoiceitems", newest(f.items, func(i *invoiceItem) bool {
		return (!c.has("customer") || i.customer == c.str("customer")) && (!c.has("invoice") || i.invoice == c.str("invoice")) &&
			(!c.has("pending") || (i.invoice == "") == c.truth("pending")) && c.within("created", i.created)
	}))
}

func (f *Fake) getInvoiceItem(c *call) (obj, error) {
	i := f.items[c.ids[0]]
	if i == nil {
		return nil, notFound("invoiceitem", c.ids[0])
	}
	return i.view(f), nil
}

func (f *Fake) deleteInvoiceItem(c *call) (obj, error) {
	i := f.items[c.ids[0]]
	if i == nil {
		return nil, notFound("invoiceitem", c.ids[0])
	}
	if in := f.invoices[i.invoice]; in != nil {
		if in.status != "draft" {
			return nil, refuse("", "invoice_not_editable", "The invoice item %s is on an invoice that is no longer editable.", i.id)
		}
		in.fixed = slices.DeleteFunc(in.fixed, func(l *line) bool { return l.invoiceItem == i.id })
	}
	delete(f.items, i.id)
	return obj{"id": i.id, "object": "invoiceitem", "deleted": true}, nil
}
