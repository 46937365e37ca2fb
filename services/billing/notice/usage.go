package notice

import (
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/mailform"
)

// Bill is a finalized invoice.
type Bill struct {
	About

	ID, Number           string
	Cents                int64 // total
	Currency             string
	PeriodFrom, PeriodTo time.Time
	Paid                 bool
	DueAt                time.Time // zero where the card is charged by itself
}

// InvoiceReady says that a period's invoice is there.
func InvoiceReady(b *Bill) mailform.Form {
	facts := []mailform.Fact{
		{Name: "Invoice", Value: b.Number},
		{Name: "Period", Value: day(b.PeriodFrom) + " to " + day(b.PeriodTo)},
		{Name: "Total", Value: Money(b.Cents, b.Currency)},
	}
	state := "It is charged to your card by itself."
	switch {
	case b.Paid:
		state = "It is paid."
	case !b.DueAt.IsZero():
		state = "Please pay it by " + day(b.DueAt) + "."
	}
	return mailform.Form{
		Subject: "The invoice " + b.Number + " of " + b.Organization,
		Text:    []string{"There is a new invoice of " + b.Organization + ". " + state},
		Facts:   facts, Action: b.link(invoicesPath+"/"+b.ID, "Open the invoice"),
		After: []string{"In the portal, each of its lines opens up to the hours and the keys that it was counted from."}, Why: b.why(),
	}
}

// Share is how much of a bound is used up. Exactly one of Included and CapCents
// is the bound.
type Share struct {
	About

	Percent int64 // 80 or 100
	Plan    string
	Used    int64 // requests billed in the period
	// Included is the plan's number of requests, 0 when the mail is about the cap.
	Included int64
	// SpentCents of CapCents are the price of what went beyond the included requests.
	SpentCents, CapCents int64
	Currency             string
	// OverageRequests for OverageCents is the price of what goes beyond; 0 where
	// requests are refused then.
	OverageRequests, OverageCents int64
	PeriodEnd                     time.Time
}

// IncludedUsed says that 80 or 100 % of the included requests are used.
func IncludedUsed(s *Share) mailform.Form {
	used := fmt.Sprintf("%d %% of the requests that the plan %s includes", s.Percent, s.Plan)
	after := "Beyond them, each " + Count(s.OverageRequests) + " requests cost " + Money(s.OverageCents, s.Currency) + ". A spending cap stops them at an amount of your choice."
	if s.OverageRequests == 0 {
		after = "Beyond them, your gateways refuse requests with 429 until the period ends. A larger plan lifts this at once."
	}
	f := s.form(fmt.Sprintf("%s has used %d %% of its included requests", s.Organization, s.Percent),
		mailform.Fact{Name: "Used", Value: Count(s.Used) + " of " + Count(s.Included) + " requests"})
	f.Text = []string{s.Organization + " has used " + used + ".", after}
	return f
}

// CapUsed says that 80 or 100 % of the spending cap are used.
func CapUsed(s *Share) mailform.Form {
	f := s.form(fmt.Sprintf("%s has used %d %% of its spending cap", s.Organization, s.Percent),
		mailform.Fact{Name: "Spent beyond the plan", Value: Money(s.SpentCents, s.Currency) + " of " + Money(s.CapCents, s.Currency)},
		mailform.Fact{Name: "Used", Value: Count(s.Used) + " requests"})
	what := "When it is used up, your gateways refuse requests with 429 until the period ends. Raise the cap to go on."
	if s.Percent >= 100 {
		what = "Your gateways refuse requests with 429 until the period ends, or until you raise the cap."
	}
	f.Text = []string{fmt.Sprintf("%s has used %d %% of the cap that you set on what goes beyond the plan %s.", s.Organization, s.Percent, s.Plan), what}
	return f
}

func (s *Share) form(subject string, facts ...mailform.Fact) mailform.Form {
	return mailform.Form{
		Subject: subject, Facts: append(facts, mailform.Fact{Name: "The period ends", Value: moment(s.PeriodEnd)}),
		Action: s.link(overviewPath, "Open plan and usage"), Why: s.why(),
	}
}
