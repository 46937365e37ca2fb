package billing_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestCreditOfADeadWorker gives a credit, as the worker dies before it can note so, and
// nobody comes until Stripe has forgotten the key: it is given once.
func TestCreditOfADeadWorker(t *testing.T) {
	r := start(t, stripefake.Options{})
	r.Hold()
	o := r.signUp("acme").subscribe("pro")
	if err := r.app.Billing.Credit(t.Context(), core.OrganizationID(o.id), 300, "sorry"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.work()
		if _, err := r.db.Exec("UPDATE billing_credits SET posted = '', sent_at = 0, attempts = 0, next_at = created_at"); err != nil {
			t.Fatal(err)
		}
		r.Advance(25 * time.Hour)
	}
	r.work()
	if n := r.count("/v1/customers/"+o.customer()+"/balance_transactions", nil); n != 1 {
		t.Errorf("the credit was given %d times", n)
	}
	if n := r.number("SELECT count(*) FROM billing_credits WHERE next_at <> 0"); n != 0 {
		t.Errorf("%d credits wait", n)
	}
}

// TestInvoicedLineOfADeadWorker does the same with a late line that is on an invoice
// already, which nobody has fetched.
func TestInvoicedLineOfADeadWorker(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	used := r.Now().Add(30 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150)
	o.later(end.Add(3 * time.Hour))
	r.later(time.Hour)
	o.serve(used, 2, 41)
	r.later(2 * time.Hour)
	if n := r.count("/v1/invoiceitems", url.Values{"customer": {o.customer()}}); n != 1 {
		t.Fatalf("%d late lines", n)
	}
	o.later(end.AddDate(0, 1, 0).Add(3 * time.Hour))
	r.later(time.Hour)
	for _, step := range []string{
		"UPDATE billing_adjustments SET item = '', sent_at = 0, attempts = 0, next_at = created_at",
		"UPDATE billing_invoice_lines SET key = ''",
		"UPDATE billing_syncs SET synced_at = 4102444800000, next_at = 0",
	} {
		if _, err := r.db.Exec(step); err != nil {
			t.Fatal(err)
		}
	}
	r.work()
	if n := r.count("/v1/invoiceitems", url.Values{"customer": {o.customer()}}); n != 1 {
		t.Errorf("the line was added %d times", n)
	}
	if n := r.number("SELECT count(*) FROM billing_adjustments WHERE next_at <> 0"); n != 0 {
		t.Errorf("%d lines wait", n)
	}
}

// TestCustomerDeletedAtStripe deletes the customer in the dashboard: the organization is
// on the plan without a price, and can subscribe again at once, as a new customer.
func TestCustomerDeletedAtStripe(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	was := o.customer()
	if _, err := r.Fake.Do("DELETE", "/v1/customers/"+was, nil); err != nil {
		t.Fatal(err)
	}
	o.subscribe("pro") // before any webhook has come
	if now := o.customer(); now == was || now == "" {
		t.Errorf("the customer is %q, was %q", now, was)
	}
	if _, err := r.Fake.Do("DELETE", "/v1/customers/"+o.customer(), nil); err != nil {
		t.Fatal(err)
	}
	r.deliverAll()
	if got := o.plan(); got != "free" || o.customer() != "" {
		t.Errorf("the plan is %s, the customer %q", got, o.customer())
	}
	o.serve(r.Now(), 1, 10)
	r.later(2 * time.Hour)
	o.subscribe("scale")
	if r.logs.has("can't be fetched") || r.logs.has("refuses") {
		t.Error("an operator was called")
	}
}

// TestCheckoutOnTheLastDayOfAShortMonth: the period is longer than the month that Stripe
// lets a first month begin ahead.
func TestCheckoutOnTheLastDayOfAShortMonth(t *testing.T) {
	r := start(t, stripefake.Options{Start: time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC)})
	o := r.signUp("acme")
	r.AdvanceTo(time.Date(2027, 2, 28, 10, 0, 0, 0, time.UTC))
	r.work()
	from, to := o.period()
	if !from.Equal(time.Date(2027, 2, 28, 0, 0, 0, 0, time.UTC)) || !to.Equal(time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("the period is %s to %s", from, to)
	}
	shown := o.Must("POST", "/v1/subscription/preview", harness.Object{"plan": "pro"})["due_now_cents"].(float64)
	r.freeze()
	o.subscribe("pro")
	if from, to = o.period(); !to.Equal(time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC)) || from.Day() != 28 {
		t.Errorf("subscribed, the period is %s to %s", from, to)
	}
	invoices := o.Must("GET", "/v1/invoices", nil)["items"].([]any)
	if len(invoices) != 1 {
		t.Fatalf("%d invoices", len(invoices))
	}
	if paid := invoices[0].(harness.Object)["total_cents"].(float64); paid-shown > 1 || shown-paid > 1 {
		t.Errorf("%v cents were shown, %v are paid", shown, paid)
	}
	r.AdvanceTo(to.Add(3 * time.Hour))
	r.work()
	r.deliverAll()
	r.work()
	if from, next := o.period(); !from.Equal(to) || !next.Equal(to.AddDate(0, 1, 0)) {
		t.Errorf("the next period is %s to %s", from, next)
	}
}

// TestRefusedUpgradeKeepsTheChoice: the bank refuses an upgrade of somebody who has
// chosen a cheaper plan for the next period; that choice still holds.
func TestRefusedUpgradeKeepsTheChoice(t *testing.T) {
	const huge = `,
 {"name": "huge", "num": 4, "title": "Huge", "included_requests": 9000, "gateways": 9, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 99900}]}`
	file := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(plans, "]}")+huge), 0o644); err != nil {
		t.Fatal(err)
	}
	r := start(t, stripefake.Options{}, "TOLLGATE_PLANS_FILE="+file)
	o := r.signUp("acme").subscribe("scale")
	o.choose(harness.Object{"plan": "pro"})
	if got := o.subscription()["next_plan"]; got != "pro" {
		t.Fatalf("next is %v", got)
	}
	if err := r.SetCard(o.customer(), stripefake.CardDeclines); err != nil {
		t.Fatal(err)
	}
	if status, answer := o.patch(harness.Object{"plan": "huge"}); status != 409 || answer["code"] != "payment_refused" {
		t.Fatalf("the upgrade: %d %v", status, answer)
	}
	r.deliverAll()
	r.later(2 * time.Hour)
	if s := o.subscription(); o.plan() != "scale" || s["next_plan"] != "pro" {
		t.Errorf("the plan is %s, next is %v", o.plan(), s["next_plan"])
	}
}

// TestAskedTooOften: who asks Stripe all the time is told to wait, and nobody else is.
func TestAskedTooOften(t *testing.T) {
	r := start(t, stripefake.Options{})
	o, other := r.signUp("acme").subscribe("pro"), r.signUp("other")
	r.freeze()
	refused := 0
	before := len(r.Log())
	for range 60 {
		reply, err := o.Do("POST", "/v1/billing/refresh", harness.Object{})
		switch {
		case err != nil || reply.Status != 200 && reply.Status != 429:
			t.Fatalf("%v %v", reply, err)
		case reply.Status == 429:
			if refused++; reply.Header.Get("Retry-After") == "" {
				t.Error("nobody says until when")
			}
		}
	}
	if refused < 25 || len(r.Log())-before > 40*4 {
		t.Errorf("%d of 60 were refused, Stripe was asked %d times", refused, len(r.Log())-before)
	}
	if reply, err := other.Do("POST", "/v1/subscription/preview", harness.Object{"plan": "pro"}); err != nil || reply.Status != 200 {
		t.Errorf("another organization: %v %v", reply, err)
	}
	r.Advance(time.Minute)
	o.Must("POST", "/v1/billing/refresh", harness.Object{})
	if status, answer := o.patch(harness.Object{"spending_cap_cents": 500}); status != 200 {
		t.Errorf("a spending cap: %d %v", status, answer)
	}
}
