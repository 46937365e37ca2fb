package stripefake

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

type invoice struct {
	id, number, customer, sub, status, reason string
	description, footer, currency             string
	created, periodStart, periodEnd           int64
	fixed                                     []*line
	metered                                   []meteredPart // counted anew until it is finalized
	finalizeAt, finalizedAt                   int64
	paidAt, voidedAt, uncollectibleAt         int64
	autoAdvance                               bool
	attempts                                  int
	nextAttempt                               int64
	starting, ending                          int64 // the customer's balance before and after
	final                                     int64 // total, once it is finalized
	metadata                                  map[string]string
}

// meteredPart is a metered item's usage from one time to another.
type meteredPart struct {
	sub      *subscription
	item     *item
	price    *price
	from, to int64
}

type line struct {
	id, item, invoiceItem, sub, price, description, currency string
	quantity, amount, start, end                             int64
	proration                                                bool
	metadata                                                 map[string]string
}

func (i *invoice) ident() string { return i.id }
func (i *invoice) made() int64   { return i.created }

func total(lines []*line) (sum int64) {
	for _, l := range lines {
		sum += l.amount
	}
	return sum
}

// lines are those of a draft as they stand, or the final ones.
func (i *invoice) lines(f *Fake) []*line {
	out := slices.Clone(i.fixed)
	for _, m := range i.metered {
		out = append(out, f.usageLines(i, m)...)
	}
	return out
}

// due is what is to be paid of a finalized invoice.
func (i *invoice) due() int64 { return max(0, i.final+i.starting) }

func (i *invoice) view(f *Fake) obj {
	lines := i.lines(f)
	sum := total(lines)
	who := f.customers[i.customer]
	if who == nil {
		who = &customer{}
	}
	starting, ending := i.starting, any(i.ending)
	if i.finalizedAt == 0 {
		starting, ending = who.balance, nil
	}
	due := max(0, sum+starting)
	paid := int64(0)
	if i.status == "paid" {
		paid = due
	}
	data := []any{}
	for _, l := range lines[:min(10, len(lines))] {
		data = append(data, l.of(i).view(f))
	}
	var hosted, pdf, intent, effective any
	if i.finalizedAt != 0 {
		hosted, pdf, effective = f.base+"/i/"+i.id, f.base+"/i/"+i.id+"/pdf", i.finalizedAt
		if due > 0 {
			intent = "pi_" + serial(i.id)
		}
	}
	var details any
	if s := f.subs[i.sub]; s != nil {
		details = obj{"metadata": clone(s.metadata)}
	}
	return obj{
		"id": i.id, "object": "invoice", "account_country": "US", "account_name": "Fake", "account_tax_ids": nil, "amount_due": due, "amount_paid": paid, "amount_remaining": due - paid,
		"amount_shipping": 0, "application": nil, "application_fee_amount": nil, "attempt_count": i.attempts, "attempted": i.attempts > 0, "auto_advance": i.autoAdvance,
		"automatic_tax": obj{"enabled": false, "status": nil}, "billing_reason": i.reason, "charge": nil, "collection_method": "charge_automatically", "created": i.created,
		"currency": i.currency, "custom_fields": nil, "customer": i.customer, "customer_address": nil, "customer_email": null(who.fields["email"]), "customer_name": null(who.fields["name"]),
		"customer_phone": nil, "customer_shipping": nil, "customer_tax_exempt": "none", "customer_tax_ids": []any{}, "default_payment_method": nil, "default_source": nil, "default_tax_rates": []any{},
		"description": null(i.description), "discount": nil, "discounts": []any{}, "due_date": nil, "effective_at": effective, "ending_balance": ending, "footer": null(i.footer), "from_invoice": nil,
		"hosted_invoice_url": hosted, "invoice_pdf": pdf, "last_finalization_error": nil, "latest_revision": nil,
		"lines":    obj{"object": "list", "url": "/v1/invoices/" + i.id + "/lines", "has_more": len(lines) > 10, "data": data},
		"livemode": false, "metadata": clone(i.metadata), "next_payment_attempt": null(i.next()), "number": null(i.number), "on_behalf_of": nil, "paid": i.status == "paid", "paid_out_of_band": false,
		"payment_intent": intent, "payment_settings": obj{"default_mandate": nil, "payment_method_options": nil, "payment_method_types": nil}, "period_end": i.periodEnd, "period_start": i.periodStart,
		"post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0, "quote": nil, "receipt_number": nil, "shipping_cost": nil, "shipping_details": nil,
		"starting_balance": starting, "statement_descriptor": nil, "status": i.status,
		"status_transitions": obj{"finalized_at": null(i.finalizedAt), "marked_uncollectible_at": null(i.uncollectibleAt), "paid_at": null(i.paidAt), "voided_at": null(i.voidedAt)},
		"subscription":       null(i.sub), "subscription_details": details, "subtotal": sum, "subtotal_excluding_tax": sum, "tax": nil, "test_clock": nil, "total": sum,
		"total_discount_amounts": []any{}, "total_excluding_tax": sum, "total_tax_amounts": []any{}, "transfer_data": nil, "webhooks_delivered_at": null(i.created),
	}
}

// next is when the invoice is collected next: a draft at its finalization.
func (i *invoice) next() int64 {
	if i.status == "draft" && i.autoAdvance {
		return i.finalizeAt
	}
	return i.nextAttempt
}

// lineOf is a line with the invoice that it is on.
type lineOf struct {
	*line
	invoice string
}

func (l *line) of(i *invoice) lineOf { return lineOf{l, i.id} }

func (l lineOf) ident() string { return l.id }
func (l lineOf) made() int64   { return l.start }
func (l lineOf) view(f *Fake) obj {
	kind, details := "invoiceitem", any(obj{"credited_items": nil})
	if l.invoiceItem == "" {
		kind = "subscription"
	}
	out := obj{
		"id": l.id, "object": "line_item", "amount": l.amount, "amount_excluding_tax": l.amount, "currency": l.currency, "description": null(l.description), "discount_amounts": []any{},
		"discountable": !l.proration, "discounts": []any{}, "invoice": null(l.invoice), "livemode": false, "metadata": clone(l.metadata), "period": obj{"start": l.start, "end": l.end}, "price": nil,
		"proration": l.proration, "proration_details": details, "quantity": l.quantity, "subscription": null(l.sub), "tax_amounts": []any{}, "tax_rates": []any{}, "type": kind, "unit_amount_excluding_tax": nil,
	}
	if l.invoiceItem != "" {
		out["invoice_item"] = l.invoiceItem
	}
	if l.item != "" {
		out["subscription_item"] = l.item
	}
	if p := f.prices[l.price]; p != nil {
		out["price"] = p.view(f)
	}
	return out
}

// baseLines are a subscription's licensed items for a whole period.
func (f *Fake) baseLines(s *subscription, from, to int64) (out []*line) {
	for _, it := range s.items {
		if p := f.prices[it.price]; p != nil && !p.metered {
			amount := round(new(big.Rat).Mul(p.unit, big.NewRat(it.quantity, 1)))
			out = append(out, &line{id: "il_" + serial(it.id) + fmt.Sprint(from), item: it.id, sub: s.id, price: p.id, currency: p.currency, description: fmt.Sprintf("%d × %s (at $%s / month)", it.quantity, f.title(p), dollars(amount)), quantity: it.quantity, amount: amount, start: from, end: to, metadata: s.metadata})
		}
	}
	return out
}

// firstPart are the same for the part of a period that leads to the anchor.
func (f *Fake) firstPart(s *subscription) []*line {
	out := f.baseLines(s, s.periodStart, s.periodEnd)
	for _, l := range out {
		for _, it := range s.items {
			if it.id == l.item {
				l.amount, l.proration = f.part(s, it, s.periodStart), true
				l.description = fmt.Sprintf("Time on %s from %s until %s", f.title(f.prices[l.price]), date(l.start), date(l.end))
			}
		}
	}
	return out
}

// emptyLines are the metered items on a subscription's first invoice.
func (f *Fake) emptyLines(s *subscription) (out []*line) {
	for _, it := range s.items {
		if p := f.prices[it.price]; p != nil && p.metered {
			out = append(out, &line{id: "il_" + serial(it.id) + fmt.Sprint(s.periodStart), item: it.id, sub: s.id, price: p.id, currency: p.currency, description: "0 × " + f.title(p), start: s.periodStart, end: s.periodEnd})
		}
	}
	return out
}

func (f *Fake) meteredParts(s *subscription, from, to int64) (out []meteredPart) {
	for _, it := range s.items {
		if p := f.prices[it.price]; p != nil && p.metered {
			out = append(out, meteredPart{s, it, p, from, to})
		}
	}
	return out
}

// usageLines are a metered item's lines: one a tier that is reached, each rounded to
// a cent by itself; at least one.
func (f *Fake) usageLines(i *invoice, m meteredPart) (out []*line) {
	left := f.usedBy(m.sub, m.item, m.from, m.to)
	add := func(tier int, n int64, unit, flat *big.Rat) {
		amount := new(big.Rat)
		if unit != nil {
			amount.Mul(unit, new(big.Rat).SetInt64(n))
		}
		if flat != nil && n > 0 {
			amount.Add(amount, flat)
		}
		what := fmt.Sprintf("%d × %s", n, f.title(m.price))
		if m.price.tiers != nil {
			what += fmt.Sprintf(" (Tier %d)", tier)
		}
		out = append(out, &line{id: fmt.Sprintf("il_%s%st%d", serial(i.id), serial(m.item.id), tier), item: m.item.id, sub: m.sub.id, price: m.price.id, currency: m.price.currency, description: what, quantity: n, amount: round(amount), start: m.from, end: min(m.to, i.periodEnd), metadata: m.sub.metadata})
	}
	if m.price.tiers == nil {
		add(1, left, m.price.unit, nil)
		return out
	}
	start := int64(0)
	for k, t := range m.price.tiers {
		n := left
		if t.upTo != 0 {
			n = min(n, t.upTo-start)
		}
		if n > 0 || k == 0 {
			add(k+1, n, t.unit, t.flat)
		}
		left, start = left-n, t.upTo
	}
	return out
}

func dollars(cents int64) string {
	return strings.TrimSuffix(new(big.Rat).SetFrac64(cents, 100).FloatString(2), "")
}

func date(at int64) string { return time.Unix(at, 0).UTC().Format("02 Jan 2006") }
