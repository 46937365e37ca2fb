package billing

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// desk is a transaction that keeps the mails that are written in it.
type desk struct {
	Tx
	allowances map[uint64]Allowance
	mails      []string
}

func (d *desk) Payers(context.Context, core.OrganizationID) ([]string, error) {
	return []string{"ada@example.com"}, nil
}

func (d *desk) Allowances(context.Context, []uint64) (map[uint64]Allowance, error) {
	return d.allowances, nil
}
func (d *desk) AddMails(context.Context, []Letter) error { return nil }

func (d *desk) Letter(_ string, form mailform.Form) (Letter, error) {
	text, _ := form.Write()
	d.mails = append(d.mails, form.Subject+"\n"+text)
	return Letter{}, nil
}

// TestDebtSaysWhatIsServed: a mail on a debt says how many requests edges go on serving,
// also on a plan that is not in the file any more.
func TestDebtSaysWhatIsServed(t *testing.T) {
	t.Parallel()
	half := Price{Included: 100, Requests: 100, Cents: 50}
	for name, c := range map[string]struct {
		plan, def string
		allowance Allowance
		want      string
	}{
		"as the plan says":              {"pro", "free", Allowance{}, "serve the 200 requests a period that the plan Pro includes"},
		"as the period began":           {"pro", "free", Allowance{Rates: Rates{{Plan: 2, Price: half}}}, "serve the 100 requests a period that the plan Pro includes"},
		"withdrawn":                     {"old", "free", Allowance{}, "serve the 50 requests a period that the plan old includes"},
		"withdrawn, the rest unbounded": {"old", "open", Allowance{}, "serve everything until 29 November 2026"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{allowances: map[uint64]Allowance{7: c.allowance}}
			s := &Service{letters: d, plans: NewPlans([]Plan{
				{Name: "free", Num: 1, Title: "Free", IncludedRequests: 50},
				{Name: "open", Num: 3, Title: "Open"},
				{Name: "pro", Num: 2, Title: "Pro", PriceCents: 4900, IncludedRequests: 200, OverageRequests: 100, OveragePriceCents: 50},
			}, c.def, Dunning{Grace: 7 * 24 * time.Hour, SuspendAfter: 14 * 24 * time.Hour})}
			debt := &Invoice{Number: "TG-0007", AmountDue: 4900, Currency: "usd"}
			if err := s.tellDebt(t.Context(), d, &Tenant{ID: "org_a", Num: 7, Name: "Ada", Plan: c.plan}, debt, day(2026, 11, 15), toldCapped); err != nil {
				t.Fatal(err)
			}
			if len(d.mails) != 1 || !strings.Contains(strings.Join(strings.Fields(d.mails[0]), " "), c.want) {
				t.Errorf("the mail is %s, want %q in it", d.mails, c.want)
			}
		})
	}
}
