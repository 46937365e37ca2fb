package notice

import (
	"time"

	"github.com/tollgate/tollgate/services/mailform"
)

// Change is a change of an organization's plan.
type Change struct {
	About

	From, To string // titles
	Cents    int64  // price of To, a month
	Currency string
	Included int64 // requests that To includes; 0 for no limit
	// At is when it takes effect; Now says that it has.
	At  time.Time
	Now bool
}

// PlanChanged says that a plan changed, or will at the period's end.
func PlanChanged(c *Change) mailform.Form {
	facts := []mailform.Fact{{Name: "Plan", Value: c.To}, {Name: "Price", Value: Money(c.Cents, c.Currency) + " a month"}}
	if c.Included > 0 {
		facts = append(facts, mailform.Fact{Name: "Included", Value: Count(c.Included) + " requests a month"})
	}
	f := mailform.Form{Facts: facts, Action: c.link(overviewPath, "Open plan and usage"), Why: c.why()}
	if c.Now {
		f.Subject = c.Organization + " has the plan " + c.To + " now"
		f.Text = []string{
			"The plan of " + c.Organization + " changed from " + c.From + " to " + c.To + ". Its limits hold at every edge within seconds.",
			"What was used in this period stays used, and the period ends when it would have.",
		}
		return f
	}
	f.Subject = c.Organization + " changes to the plan " + c.To + " on " + day(c.At)
	f.Text = []string{
		c.Organization + " keeps the plan " + c.From + " with all its limits until " + moment(c.At) + ", then changes to " + c.To + ".",
		"Until then you can take the change back.",
	}
	return f
}

// ChangeUndone says that a planned change, or a cancellation, was taken back.
func ChangeUndone(c *Change) mailform.Form {
	return mailform.Form{
		Subject: c.Organization + " keeps the plan " + c.From,
		Text:    []string{"The change that was planned for " + moment(c.At) + " was taken back. " + c.Organization + " keeps the plan " + c.From + "."},
		Action:  c.link(overviewPath, "Open plan and usage"), Why: c.why(),
	}
}

// Canceled says that a subscription ends, or has.
func Canceled(c *Change) mailform.Form {
	f := mailform.Form{Action: c.link(plansPath, "See the plans"), Why: c.why()}
	if c.Now {
		f.Subject = "The subscription of " + c.Organization + " has ended"
		f.Text = []string{
			"The plan " + c.From + " of " + c.Organization + " has ended. It has the plan " + c.To + " now, with its limits.",
			"Your gateways, keys and settings stay. What lies beyond the new plan's limits keeps working, but nothing can be added to it.",
			"The last invoice comes with what was used until the end.",
		}
		return f
	}
	f.Subject = "The subscription of " + c.Organization + " ends on " + day(c.At)
	f.Text = []string{
		c.Organization + " keeps the plan " + c.From + " with all its limits until " + moment(c.At) + ", then changes to " + c.To + ".",
		"Until then you can take the cancellation back. Nothing is deleted.",
	}
	return f
}
