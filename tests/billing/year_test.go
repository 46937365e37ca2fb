package billing_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// year is a random life of some organizations.
type year struct {
	*rig
	random *rand.Rand
	orgs   []*citizen
	did    map[string]int
}

// citizen is one organization of a year, with the plan that it had on each day.
type citizen struct {
	*org
	plans    []int
	declines bool
}

// TestYear lives a seeded random year with 50 organizations: subscriptions, plans up
// and down, cancellations, caps, cards that fail, usage that comes in late, and a
// Stripe that fails after it did what was asked and whose webhooks are lost, doubled
// and overtake each other. After it no invariant of billing has a wrong row. In short
// runs three organizations live two months.
func TestYear(t *testing.T) {
	orgs, days := 3, 62
	if os.Getenv("TOLLGATE_LONG") != "" {
		orgs, days = 50, 366
	}
	y := &year{rig: start(t, stripefake.Options{Log: -1}), random: rand.New(rand.NewPCG(2026, 11)), did: map[string]int{}}
	began := time.Now()
	for i := range orgs {
		y.orgs = append(y.orgs, &citizen{org: y.signUp(fmt.Sprintf("citizen%d", i))})
	}
	y.SetFaults(stripefake.Faults{Seed: 2026, After: 0.05, Duplicate: 0.1, Reorder: 0.1, Lose: 0.2})
	for day := range days {
		for _, c := range y.orgs {
			y.day(c, day)
		}
		steps := []int{24}
		if y.random.IntN(4) == 0 {
			steps = []int{9, 3, 12}
		}
		for _, hours := range steps {
			y.Advance(time.Duration(hours) * time.Hour)
			y.work()
		}
	}
	y.SetFaults(stripefake.Faults{})
	for _, c := range y.orgs {
		y.card(c, false)
	}
	// What is retried, charged, counted late and looked at by the hour comes to rest.
	for range 16 {
		y.Advance(3 * time.Hour)
		y.work()
	}
	y.judge(began)
}

// day is what an organization does on one day.
func (y *year) day(c *citizen, day int) {
	plan := int(y.number("SELECT CASE plan WHEN 'pro' THEN 2 WHEN 'scale' THEN 3 ELSE 1 END FROM organizations WHERE id = $1", c.id))
	c.plans = append(c.plans, plan)
	for range y.random.IntN(4) {
		c.serve(y.Now().Add(-time.Duration(y.random.IntN(5))*time.Hour), plan, 1+y.random.IntN(30))
	}
	if y.random.IntN(40) == 0 { // an edge comes back after days
		back := y.random.IntN(min(len(c.plans), 40))
		c.serve(y.Now().AddDate(0, 0, -back), c.plans[day-back], 1+y.random.IntN(200))
		y.did["late usage"]++
	}
	switch n := y.random.IntN(200); {
	case n < 12 && plan == 1:
		y.checkout(c, []string{"pro", "scale"}[y.random.IntN(2)])
	case n < 4:
		y.change(c, "plan", harness.Object{"plan": []string{"pro", "scale"}[y.random.IntN(2)]})
	case n < 6:
		y.change(c, "cancellation", harness.Object{"cancel_at_period_end": true})
	case n < 8:
		y.change(c, "cancellation taken back", harness.Object{"cancel_at_period_end": false})
	case n < 10:
		y.change(c, "spending cap", harness.Object{"spending_cap_cents": y.random.IntN(500)})
	case n < 13:
		y.card(c, true)
	case n < 40 && c.declines:
		y.card(c, false)
	}
}

// change asks for a change. What a failing Stripe or the rules refuse is refused.
func (y *year) change(c *citizen, what string, change harness.Object) {
	y.t.Helper()
	status, answer := c.patch(change)
	switch {
	case status == 200:
		y.did[what]++
	case status == 500:
		y.t.Errorf("%s: %v", what, answer)
	}
}

// checkout goes through Checkout, as far as it comes.
func (y *year) checkout(c *citizen, plan string) {
	y.t.Helper()
	reply, err := c.Do("POST", "/v1/billing/checkout", harness.Object{"plan": plan})
	if err != nil || reply.Status == 500 {
		y.t.Errorf("checkout: %v %v", reply, err)
	}
	if err != nil || reply.Status != 200 {
		return
	}
	card := stripefake.CardGood
	if y.random.IntN(10) == 0 {
		card = stripefake.CardDeclines
	}
	var page struct{ URL string }
	if err := json.Unmarshal(reply.Body, &page); err != nil {
		y.t.Fatal(err)
	}
	if _, err := y.Pay(path.Base(page.URL), card); err == nil && card == stripefake.CardGood {
		y.did["subscription"]++
	}
}

// card lets an organization's card fail from now on, or work again.
func (y *year) card(c *citizen, declines bool) {
	y.t.Helper()
	customer := y.customerOf(c)
	if customer == "" || c.declines == declines {
		return
	}
	card := stripefake.CardGood
	if declines {
		card = stripefake.CardDeclines
		y.did["card that fails"]++
	}
	if err := y.SetCard(customer, card); err != nil {
		y.t.Fatal(err)
	}
	c.declines = declines
}

// customerOf is an organization's customer at Stripe; empty: it has none.
func (y *year) customerOf(c *citizen) (customer string) {
	y.t.Helper()
	if err := y.db.QueryRow("SELECT COALESCE(MAX(customer), '') FROM billing_accounts WHERE organization_id = $1", c.id).Scan(&customer); err != nil {
		y.t.Fatal(err)
	}
	return customer
}

// judge holds the books against everything.
func (y *year) judge(began time.Time) {
	y.t.Helper()
	found, err := y.app.Hours.Check(y.t.Context(), true, 0)
	if err != nil {
		y.t.Fatal(err)
	}
	for _, f := range found {
		if f.Rows != 0 {
			y.t.Errorf("%d rows break %s", f.Rows, f.Name)
		}
	}
	for _, c := range y.orgs {
		s, err := y.app.Hours.Statement(y.t.Context(), core.OrganizationID(c.id), nil, true)
		if err != nil || !s.Intact {
			y.t.Errorf("%s: the chain is not whole: %v", c.id, err)
		}
		var live int
		if customer := y.customerOf(c); customer != "" {
			live = y.count("/v1/subscriptions", url.Values{"customer": {customer}, "status": {"active"}}) + y.count("/v1/subscriptions", url.Values{"customer": {customer}, "status": {"past_due"}})
		}
		if live > 1 {
			y.t.Errorf("%s has %d subscriptions", c.id, live)
		}
	}
	for what, query := range map[string]string{
		"hours": "SELECT COUNT(*) FROM billing_hours", "entries of chains": "SELECT COUNT(*) FROM billing_chain", "invoices": "SELECT COUNT(*) FROM billing_invoices",
		"usage lines": "SELECT COUNT(*) FROM billing_invoice_lines WHERE kind = 'usage'", "late lines": "SELECT COUNT(*) FROM billing_adjustments", "corrections": "SELECT COUNT(*) FROM billing_adjustments WHERE cents < 0",
		"settled": "SELECT COUNT(*) FROM billing_invoices WHERE checked_at <> 0", "hours that wait": "SELECT COUNT(*) FROM billing_dirty", "hours that differ at Stripe": "SELECT COUNT(*) FROM billing_differences",
		"customers compared": "SELECT COUNT(*) FROM billing_comparisons",
	} {
		y.did[what] = int(y.number(query))
	}
	if y.did["invoices"] == 0 || y.did["settled"] == 0 || y.did["subscription"] == 0 {
		y.t.Error("nothing was billed")
	}
	if y.did["hours that differ at Stripe"] != 0 || y.did["customers compared"] == 0 {
		y.t.Error("Stripe counts something else than it was told, or nobody has looked")
	}
	y.t.Logf("%d organizations, %d invariants asked, in %s: %v", len(y.orgs), len(found), time.Since(began).Round(time.Second), y.did)
}
