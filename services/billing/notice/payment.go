package notice

import (
	"time"

	"github.com/tollgate/tollgate/services/mailform"
)

// Debt is an invoice that is not paid, and what follows from that.
type Debt struct {
	About

	Invoice  string // its number
	Cents    int64  // still due
	Currency string
	Plan     string // title
	// NextTry is when the card is charged again; zero for never.
	NextTry time.Time
	// CappedAt is when gateways stop at the included requests, SuspendedAt when
	// they stop altogether.
	CappedAt, SuspendedAt time.Time
	Included              int64 // requests of a period that are served from CappedAt on
	Unbounded             bool  // all of them are, whatever Included says
}

func (d *Debt) facts(more ...mailform.Fact) []mailform.Fact {
	facts := []mailform.Fact{{Name: "Invoice", Value: d.Invoice}, {Name: "Due", Value: Money(d.Cents, d.Currency)}}
	if !d.NextTry.IsZero() {
		facts = append(facts, mailform.Fact{Name: "Next try", Value: moment(d.NextTry)})
	}
	return append(facts, more...)
}

func (d *Debt) form(subject string, facts []mailform.Fact, text ...string) mailform.Form {
	return mailform.Form{
		Subject: subject, Text: text, Facts: facts, Action: d.link(overviewPath, "Fix the payment"),
		After: []string{"As soon as it is paid, everything works as before, at once and by itself."}, Why: d.why(),
	}
}

// PaymentFailed says that an invoice could not be charged and that nothing is
// limited yet.
func PaymentFailed(d *Debt) mailform.Form {
	until, limits := d.SuspendedAt, []mailform.Fact{{Name: "Suspended from", Value: moment(d.SuspendedAt)}}
	if !d.Unbounded {
		until, limits = d.CappedAt, append([]mailform.Fact{{Name: "Limited from", Value: moment(d.CappedAt)}}, limits...)
	}
	return d.form("The payment of "+d.Organization+" failed",
		d.facts(limits...),
		"We could not charge the invoice "+d.Invoice+" of "+d.Organization+".",
		"Your gateways serve everything as before until "+moment(until)+". Enter another card, or pay the invoice, before then.")
}

// stillUnpaid reminds of an invoice where nothing is limited before all is.
func (d *Debt) stillUnpaid() mailform.Form {
	return d.form("An invoice of "+d.Organization+" is still not paid",
		d.facts(mailform.Fact{Name: "Suspended from", Value: moment(d.SuspendedAt)}),
		"The invoice "+d.Invoice+" of "+d.Organization+" is still not paid.",
		"Your gateways serve everything until "+moment(d.SuspendedAt)+". From then on they refuse everything.")
}

// GraceReminder says that the days of full service end soon.
func GraceReminder(d *Debt) mailform.Form {
	if d.Unbounded {
		return d.stillUnpaid()
	}
	return d.form("Requests of "+d.Organization+" are limited soon",
		d.facts(mailform.Fact{Name: "Limited from", Value: moment(d.CappedAt)}),
		"The invoice "+d.Invoice+" of "+d.Organization+" is still not paid.",
		"From "+moment(d.CappedAt)+" your gateways serve no more than the "+Count(d.Included)+" requests a period that the plan "+d.Plan+" includes.")
}

// Capped says that requests beyond the included ones are refused.
func Capped(d *Debt) mailform.Form {
	if d.Unbounded {
		return d.stillUnpaid()
	}
	return d.form("Requests of "+d.Organization+" are limited now",
		d.facts(mailform.Fact{Name: "Suspended from", Value: moment(d.SuspendedAt)}),
		"The invoice "+d.Invoice+" of "+d.Organization+" is not paid, and the days of full service are over.",
		"Your gateways serve the "+Count(d.Included)+" requests a period that the plan "+d.Plan+" includes, and refuse those beyond with 429 until the invoice is paid. From "+moment(d.SuspendedAt)+" they refuse everything.")
}

// Suspended says that gateways answer 403.
func Suspended(d *Debt) mailform.Form {
	return d.form(d.Organization+" is suspended", d.facts(),
		"The invoice "+d.Invoice+" of "+d.Organization+" is not paid. Your gateways answer every request with 403 from now on.",
		"Nothing is deleted: your gateways, keys and settings are as you left them.")
}

// Settled is a debt that was paid.
type Settled struct {
	About

	Invoice  string
	Cents    int64
	Currency string
	// Limited says that gateways were capped or suspended until now.
	Limited bool
}

// PaidAgain says that a debt is paid and that all is as before.
func PaidAgain(s *Settled) mailform.Form {
	text := "Thank you: the invoice " + s.Invoice + " of " + s.Organization + " is paid."
	rest := "Your gateways were never limited."
	if s.Limited {
		rest = "Your gateways serve everything again."
	}
	return mailform.Form{
		Subject: "The payment of " + s.Organization + " arrived", Text: []string{text, rest},
		Facts:  []mailform.Fact{{Name: "Invoice", Value: s.Invoice}, {Name: "Paid", Value: Money(s.Cents, s.Currency)}},
		Action: s.link(invoicesPath, "Open the invoices"), Why: s.why(),
	}
}
