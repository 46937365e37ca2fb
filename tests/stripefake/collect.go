package stripefake

import (
	"fmt"
	"time"
)

// open makes an invoice known as a draft.
func (f *Fake) open(i *invoice) {
	i.id = f.id("in")
	i.created, i.status, i.currency, i.autoAdvance = f.at, "draft", "usd", true
	i.finalizeAt = f.at + int64(f.opt.Grace/time.Second)
	f.invoices[i.id] = i
	for _, it := range f.items {
		if it.invoice == taken {
			it.invoice = i.id
		}
	}
	f.emit("invoice.created", i.view(f), nil)
}

// taken marks pending items that go on an invoice which has no id yet.
const taken = "-"

// take puts a customer's pending items on an invoice that is being made.
func (f *Fake) take(i *invoice, which func(*invoiceItem) bool) {
	mine := newest(f.items, func(it *invoiceItem) bool {
		return it.invoice == "" && it.customer == i.customer && which(it)
	})
	for k := len(mine) - 1; k >= 0; k-- {
		mine[k].invoice = taken
		i.fixed = append(i.fixed, mine[k].line())
	}
}

// finalize fixes a draft's lines and number and applies the customer's balance.
func (f *Fake) finalize(i *invoice) {
	view := i.view(f)
	i.fixed, i.metered = i.lines(f), nil
	i.status, i.finalizedAt, i.final = "open", f.at, total(i.fixed)
	who := f.customers[i.customer]
	if who == nil {
		who = &customer{id: i.customer}
	}
	who.invoiceNext++
	i.number = fmt.Sprintf("%s-%04d", who.prefix(), who.invoiceNext)
	i.starting = who.balance
	i.ending = min(0, i.final+who.balance)
	if i.ending != who.balance {
		f.move(who, "applied_to_invoice", i.id, i.ending-who.balance)
	}
	f.emit("invoice.finalized", i.view(f), nil)
	f.changed("invoice.updated", view, i.view(f))
}

// collect tries to take the money of an open invoice. It answers whether it is paid.
func (f *Fake) collect(i *invoice) bool {
	who, s := f.customers[i.customer], f.subs[i.sub]
	view := i.view(f)
	if i.due() > 0 {
		i.attempts++
	}
	if i.due() == 0 || who != nil && who.card == CardGood {
		f.paid(i, view)
		return true
	}
	i.nextAttempt = 0
	if i.autoAdvance && i.attempts <= len(f.opt.Retries) {
		i.nextAttempt = f.at + int64(f.opt.Retries[i.attempts-1]/time.Second)
	}
	f.changed("invoice.updated", view, i.view(f))
	f.emit("invoice.payment_failed", i.view(f), nil)
	switch {
	case s == nil || !s.live():
	case i.nextAttempt != 0 || f.opt.Exhausted == "past_due" || i.attempts <= len(f.opt.Retries):
		f.setStatus(s, "past_due")
	case f.opt.Exhausted == "unpaid":
		f.setStatus(s, "unpaid")
	default:
		f.end(s, "payment_failed")
	}
	return false
}

// paid marks an invoice paid; view is how it looked before.
func (f *Fake) paid(i *invoice, view obj) {
	i.status, i.paidAt, i.nextAttempt, i.autoAdvance = "paid", f.at, 0, false
	f.changed("invoice.updated", view, i.view(f))
	f.emit("invoice.paid", i.view(f), nil)
	f.emit("invoice.payment_succeeded", i.view(f), nil)
	s := f.subs[i.sub]
	if s == nil || s.endedAt != 0 {
		return
	}
	for _, other := range f.invoices {
		if other.sub == s.id && other.status == "open" && other.attempts > 0 {
			return
		}
	}
	f.setStatus(s, "active")
}

// cycle makes the invoice of a period that ended: view is how the subscription
// looked before it moved on to the next.
func (f *Fake) cycle(s *subscription, view obj, from, to int64) *invoice {
	i := &invoice{reason: "subscription_cycle", customer: s.customer, sub: s.id, periodStart: from, periodEnd: to}
	if s.endedAt == 0 {
		i.fixed = f.baseLines(s, s.periodStart, s.periodEnd)
	}
	i.metered = f.meteredParts(s, from, to)
	f.take(i, func(it *invoiceItem) bool { return it.sub == "" || it.sub == s.id })
	if s.endedAt == 0 {
		f.changed("customer.subscription.updated", view, s.view(f))
	}
	f.open(i)
	i.autoAdvance = s.status != "unpaid"
	s.latest = i.id
	return i
}

// settle does all that is due up to a time, in its order.
func (f *Fake) settle(to int64) {
	if to <= f.settled {
		return // whatever is made falls due later
	}
	for {
		at, do := f.due(to)
		if do == nil {
			break
		}
		f.at = max(f.at, at)
		do()
	}
	if to/(24*hour) > f.settled/(24*hour) {
		f.forget()
	}
	f.at, f.settled = max(f.at, to), to
}

// due is what comes first up to a time, and nil if there is nothing.
func (f *Fake) due(to int64) (int64, func()) {
	first, id := to+1, ""
	var do func()
	offer := func(at int64, what string, run func()) {
		if at != 0 && (at < first || at == first && do != nil && what < id) {
			first, id, do = at, what, run
		}
	}
	for _, s := range f.subs {
		switch {
		case s.live():
			offer(s.periodEnd, s.id, func() { f.roll(s) })
		case s.status == "incomplete":
			offer(s.created+23*hour, s.id, func() {
				view := s.view(f)
				s.status, s.endedAt = "incomplete_expired", f.at
				f.changed("customer.subscription.updated", view, s.view(f))
			})
		}
	}
	for _, i := range f.invoices {
		switch {
		case i.status == "draft" && i.autoAdvance:
			offer(i.finalizeAt, i.id, func() { f.finalize(i); f.collect(i) })
		case i.status == "open":
			offer(i.nextAttempt, i.id, func() { f.collect(i) })
		}
	}
	for _, s := range f.sessions {
		if s.status == "open" {
			offer(s.expires, s.id, func() { f.expire(s) })
		}
	}
	return first, do
}

// roll ends a subscription's period.
func (f *Fake) roll(s *subscription) {
	view, from, to := s.view(f), s.periodStart, s.periodEnd
	if s.cancelAtEnd {
		s.status, s.endedAt = "canceled", f.at
		f.cycle(s, view, from, to)
		f.emit("customer.subscription.deleted", s.view(f), nil)
		return
	}
	s.periodStart, s.periodEnd = to, after(s.anchor, to)
	f.cycle(s, view, from, to)
}

// ClosePeriod ends a subscription's period at the clock's time, which becomes its new
// anchor, as a reset in the dashboard does without prorations. It answers the draft.
func (f *Fake) ClosePeriod(subscriptionID string) (invoiceID string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	s := f.subs[subscriptionID]
	if s == nil || !s.live() {
		return "", fmt.Errorf("stripefake: no live subscription %q", subscriptionID)
	}
	return f.reset(s, f.at, false).id, nil
}

// Finalize finalizes every draft now and collects it.
func (f *Fake) Finalize() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	drafts := newest(f.invoices, func(i *invoice) bool { return i.status == "draft" && i.autoAdvance })
	for k := len(drafts) - 1; k >= 0; k-- {
		f.finalize(drafts[k])
		f.collect(drafts[k])
	}
}
