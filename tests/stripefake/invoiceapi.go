package stripefake

func (f *Fake) createInvoice(c *call) (obj, error) {
	who, err := f.customerOf(c.str("customer"), "customer")
	if err != nil {
		return nil, err
	}
	if s := f.subs[c.str("subscription")]; c.has("subscription") && (s == nil || s.customer != who.id) {
		return nil, missing("subscription", c.str("subscription"), "subscription")
	}
	i := &invoice{reason: "manual", customer: who.id, sub: c.str("subscription"), description: c.str("description"), footer: c.str("footer"), periodStart: c.now, periodEnd: c.now, metadata: c.merge("metadata", nil)}
	if c.str("pending_invoice_items_behavior") == "include" || i.sub != "" && !c.has("pending_invoice_items_behavior") {
		f.take(i, func(it *invoiceItem) bool { return it.sub == i.sub })
	}
	f.open(i)
	i.autoAdvance = c.has("auto_advance") && c.truth("auto_advance")
	return i.view(f), nil
}

func (f *Fake) listInvoices(c *call) (obj, error) {
	return listing(f, c, "/v1/invoices", newest(f.invoices, func(i *invoice) bool {
		return (!c.has("customer") || i.customer == c.str("customer")) && (!c.has("subscription") || i.sub == c.str("subscription")) &&
			(!c.has("status") || i.status == c.str("status")) && c.within("created", i.created)
	}))
}

// invoiceOf is the invoice of the path, in one of the states.
func (f *Fake) invoiceOf(c *call, states ...string) (*invoice, error) {
	i := f.invoices[c.ids[0]]
	if i == nil {
		return nil, notFound("invoice", c.ids[0])
	}
	for _, s := range states {
		if i.status == s {
			return i, nil
		}
	}
	if len(states) == 0 {
		return i, nil
	}
	code := "invoice_not_editable"
	if i.status == "paid" {
		return nil, refuse("", "", "Invoice is already paid")
	}
	return nil, refuse("", code, "The invoice %s is %s; this needs %v.", i.id, i.status, states)
}

func (f *Fake) getInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c)
	if err != nil {
		return nil, err
	}
	return i.view(f), nil
}

func (f *Fake) listLines(c *call) (obj, error) {
	i, err := f.invoiceOf(c)
	if err != nil {
		return nil, err
	}
	var all []lineOf
	for _, l := range i.lines(f) {
		all = append(all, l.of(i))
	}
	return listing(f, c, "/v1/invoices/"+i.id+"/lines", all)
}

func (f *Fake) updateInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c)
	if err != nil {
		return nil, err
	}
	before := i.view(f)
	if c.has("description") {
		i.description = c.str("description")
	}
	if c.has("footer") {
		i.footer = c.str("footer")
	}
	if c.has("auto_advance") {
		i.autoAdvance = c.truth("auto_advance")
	}
	i.metadata = c.merge("metadata", i.metadata)
	f.changed("invoice.updated", before, i.view(f))
	return i.view(f), nil
}

func (f *Fake) deleteInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c, "draft")
	if err != nil {
		return nil, err
	}
	if i.reason != "manual" {
		return nil, refuse("", "", "Invoice %s is of a subscription. It can only be voided, once it is finalized.", i.id)
	}
	delete(f.invoices, i.id)
	for _, it := range f.items {
		switch {
		case it.invoice != i.id:
		case f.opt.KeepItems:
			it.invoice = ""
		default:
			delete(f.items, it.id)
		}
	}
	f.emit("invoice.deleted", i.view(f), nil)
	return obj{"id": i.id, "object": "invoice", "deleted": true}, nil
}

func (f *Fake) finalizeInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c, "draft")
	if err != nil {
		return nil, err
	}
	if c.has("auto_advance") {
		i.autoAdvance = c.truth("auto_advance")
	}
	f.finalize(i)
	if i.due() == 0 {
		f.collect(i)
	}
	return i.view(f), nil
}

func (f *Fake) payInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c, "draft", "open", "uncollectible")
	if err != nil {
		return nil, err
	}
	if i.status == "draft" {
		f.finalize(i)
	}
	if c.truth("paid_out_of_band") {
		f.paid(i, i.view(f))
	} else if !f.collect(i) {
		return nil, declined()
	}
	return i.view(f), nil
}

func (f *Fake) voidInvoice(c *call) (obj, error) {
	i, err := f.invoiceOf(c, "open", "uncollectible")
	if err != nil {
		return nil, err
	}
	before := i.view(f)
	i.status, i.voidedAt, i.nextAttempt, i.autoAdvance = "void", f.at, 0, false
	if used := i.starting - i.ending; used != 0 && f.customers[i.customer] != nil {
		f.move(f.customers[i.customer], "unapplied_from_invoice", i.id, used)
	}
	f.changed("invoice.updated", before, i.view(f))
	f.emit("invoice.voided", i.view(f), nil)
	return i.view(f), nil
}

func (f *Fake) markUncollectible(c *call) (obj, error) {
	i, err := f.invoiceOf(c, "open")
	if err != nil {
		return nil, err
	}
	before := i.view(f)
	i.status, i.uncollectibleAt, i.nextAttempt, i.autoAdvance = "uncollectible", f.at, 0, false
	f.changed("invoice.updated", before, i.view(f))
	f.emit("invoice.marked_uncollectible", i.view(f), nil)
	return i.view(f), nil
}
