package billing_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestLifeOfASubscription goes from the free plan through Checkout, up, down, back,
// a failed payment through every standing, and a cancellation to the free plan.
func TestLifeOfASubscription(t *testing.T) {
	for name, faults := range map[string]stripefake.Faults{"behaved": {}, "misbehaved": {Seed: 7, After: .05, Limited: .02, Duplicate: .2, Reorder: .2, Lose: .2}} {
		t.Run(name, func(t *testing.T) {
			if name == "misbehaved" {
				long(t)
			}
			lifeOfASubscription(t, faults)
		})
	}
}

func lifeOfASubscription(t *testing.T, faults stripefake.Faults) {
	r := start(t, stripefake.Options{Exhausted: "past_due", Faults: faults})
	r.Hold()
	o := r.signUp("acme")
	if _, err := r.db.Exec("UPDATE tokens SET expires_at = 0"); err != nil { // it lives for months
		t.Fatal(err)
	}
	first := o.subscription()
	if status, answer := o.patch(harness.Object{"plan": "pro"}); status != 409 || answer["code"] != "checkout_required" {
		t.Fatalf("a paid plan without a subscription: %d %v", status, answer)
	}
	offer := o.Must("POST", "/v1/subscription/preview", harness.Object{"plan": "pro"})
	if offer["due_now_cents"].(float64) <= 0 || offer["due_now_cents"].(float64) > 4900 || offer["next_cents"] != 4900.0 {
		t.Errorf("offer before the checkout: %v", offer)
	}
	o.subscribe("pro")
	now := o.subscription()
	if now["period_end"] != first["period_end"] || now["status"] != "active" || now["standing"] != "good" {
		t.Errorf("after the checkout: %v, before %v", now, first)
	}
	invoices := o.Must("GET", "/v1/invoices", nil)["items"].([]any)
	if len(invoices) != 1 || invoices[0].(harness.Object)["status"] != "paid" || invoices[0].(harness.Object)["total_cents"] != offer["due_now_cents"] {
		t.Errorf("the first invoice: %v", invoices)
	}
	o.Refuse(t, 409, "conflict", "POST", "/v1/billing/checkout", harness.Object{"plan": "scale"})

	// Up: charged at once, in the same period.
	offer = o.Must("POST", "/v1/subscription/preview", harness.Object{"plan": "scale"})
	up := o.choose(harness.Object{"plan": "scale"})
	if o.plan() != "scale" || up["period_end"] != first["period_end"] {
		t.Errorf("upgraded: %v", up)
	}
	invoices = o.Must("GET", "/v1/invoices", nil)["items"].([]any)
	if len(invoices) != 2 || invoices[0].(harness.Object)["total_cents"] != offer["due_now_cents"] || offer["due_now_cents"].(float64) <= 4900 {
		t.Errorf("the upgrade charged %v, offered %v", invoices[0], offer)
	}
	// Down: at the period's end, and back, and down again.
	down := o.choose(harness.Object{"plan": "pro"})
	if o.plan() != "scale" || down["next_plan"] != "pro" {
		t.Errorf("downgraded: %v", down)
	}
	if back := o.choose(harness.Object{"plan": "scale"}); back["next_plan"] != nil {
		t.Errorf("taken back: %v", back)
	}
	o.choose(harness.Object{"plan": "pro"})
	if n := len(o.Must("GET", "/v1/invoices", nil)["items"].([]any)); n != 2 {
		t.Errorf("%d invoices after a downgrade and back, want 2", n)
	}
	r.toPeriodEnd(o)
	if o.plan() != "pro" || o.subscription()["next_plan"] != nil {
		t.Errorf("in the next period: %v", o.subscription())
	}
	r.tick(2 * time.Hour)
	last := o.Must("GET", "/v1/invoices", nil)["items"].([]any)[0].(harness.Object)
	if last["total_cents"] != 4900.0 || last["status"] != "paid" {
		t.Errorf("the second month's invoice is %v", last)
	}

	// Cancel, take it back, and a refused card.
	if gone := o.choose(harness.Object{"cancel_at_period_end": true}); gone["cancel_at_period_end"] != true || gone["next_plan"] != "free" {
		t.Errorf("cancelled: %v", gone)
	}
	if back := o.choose(harness.Object{"plan": "pro"}); back["cancel_at_period_end"] != false || back["next_plan"] != nil {
		t.Errorf("taken back: %v", back)
	}
	r.SetCard(o.customer(), stripefake.CardDeclines)
	if status, answer := o.patch(harness.Object{"plan": "scale"}); status != 409 || answer["code"] != "payment_refused" {
		t.Errorf("an upgrade with a bad card: %d %v", status, answer)
	}
	if o.plan() != "pro" {
		t.Errorf("an upgrade that was not paid holds: %v", o.subscription())
	}

	// The next month is not paid.
	r.toPeriodEnd(o)
	r.tick(2 * time.Hour)
	stands := func(want string, suspended bool) {
		t.Helper()
		if got := o.subscription(); got["standing"] != want {
			t.Errorf("standing %v, want %s", got["standing"], want)
		}
		org := o.Must("GET", "/v1/organization", nil)
		if org["suspended"] != suspended {
			t.Errorf("suspended is %v with the standing %s", org["suspended"], want)
		}
	}
	stands("grace", false)
	r.tick(7 * 24 * time.Hour)
	stands("capped", false)
	r.tick(7 * 24 * time.Hour)
	stands("suspended", true)
	r.SetCard(o.customer(), stripefake.CardGood)
	r.payAll(o)
	stands("good", false)
	if got := o.plan(); got != "pro" {
		t.Errorf("the plan is %s", got)
	}

	// The end.
	o.choose(harness.Object{"cancel_at_period_end": true})
	r.toPeriodEnd(o)
	r.tick(time.Hour)
	if end := o.subscription(); o.plan() != "free" || end["status"] != "canceled" {
		t.Errorf("at the end: %v", end)
	}
	if r.logs.has("ERROR") {
		t.Errorf("errors were logged: %v", r.logs.errors)
	}
}

// toPeriodEnd advances to just after the end of the organization's period.
func (r *rig) toPeriodEnd(o *org) {
	r.t.Helper()
	r.step()
	end, err := time.Parse(time.RFC3339, o.subscription()["period_end"].(string))
	if err != nil {
		r.t.Fatal(err)
	}
	r.AdvanceTo(end.Add(time.Second))
	r.step()
}

// tick advances and does what is due.
func (r *rig) tick(d time.Duration) {
	r.t.Helper()
	r.Advance(d)
	r.step()
}

// step delivers webhooks and does what is due.
func (r *rig) step() {
	r.t.Helper()
	if _, err := r.Deliver(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.app.Tenants.RollPeriods(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := r.app.BillingStep(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// payAll pays every open invoice of an organization on the provider's page.
func (r *rig) payAll(o *org) {
	r.t.Helper()
	for _, i := range o.Must("GET", "/v1/invoices", nil)["items"].([]any) {
		i := i.(harness.Object)
		if i["status"] == "open" {
			if _, err := r.Do("POST", "/v1/invoices/"+i["id"].(string)+"/pay", nil); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.step()
}

// Refuse sends a request that has to be refused with a status and a code.
func (o *org) Refuse(t *testing.T, status int, code, method, path string, body any) {
	t.Helper()
	a, err := o.Do(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != status || !strings.Contains(string(a.Body), `"`+code+`"`) {
		t.Errorf("%s %s: %d %s, want %d %s", method, path, a.Status, a.Body, status, code)
	}
}

// TestTwoTabs pays two checkouts: one subscription is left, and the other is given
// back.
func TestTwoTabs(t *testing.T) {
	r := start(t, stripefake.Options{})
	r.Hold()
	o := r.signUp("acme")
	first := o.checkout("pro")
	r.Advance(11 * time.Minute) // a second click within ten leads to the same page
	second := o.checkout("scale")
	if first == second {
		t.Fatal("two checkouts are one page")
	}
	for _, session := range []string{first, second} {
		if _, err := r.Pay(session, stripefake.CardGood); err != nil {
			t.Fatal(err)
		}
		r.Advance(time.Second)
	}
	r.step()
	if o.plan() != "pro" {
		t.Errorf("the plan is %s, want that of the older subscription", o.plan())
	}
	live := 0
	answer, err := r.Do("GET", "/v1/subscriptions", url.Values{"status": {"all"}, "customer": {o.customer()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range answer["data"].([]any) {
		if s.(map[string]any)["status"] != "canceled" {
			live++
		}
	}
	if live != 1 || !r.logs.has("two subscriptions") {
		t.Errorf("%d subscriptions live", live)
	}
	if credit := o.subscription()["credit_cents"].(float64); credit <= 0 {
		t.Errorf("%v cents were given back", credit)
	}
}

// TestLeaving deletes an organization while the provider is away: it is gone at
// once, and its subscription ends when the provider is back.
func TestLeaving(t *testing.T) {
	r := start(t, stripefake.Options{})
	r.Hold()
	o := r.signUp("acme").subscribe("pro")
	customer := o.customer()
	r.SetFaults(stripefake.Faults{Down: stripefake.FaultBefore})
	if _, err := r.db.Exec("UPDATE organizations SET deleted_at = $1, suspended = true WHERE id = $2", r.Now().UnixMilli(), o.id); err != nil {
		t.Fatal(err)
	}
	if err := r.app.Billing.Leave(t.Context(), core.OrganizationID(o.id)); err != nil {
		t.Fatal(err)
	}
	_ = r.app.BillingStep(t.Context()) // the provider is away
	r.SetFaults(stripefake.Faults{})
	r.Advance(time.Hour)
	r.step()
	answer, err := r.Do("GET", "/v1/subscriptions", url.Values{"status": {"all"}, "customer": {customer}})
	if err != nil {
		t.Fatal(err)
	}
	if s := answer["data"].([]any); len(s) != 1 || s[0].(map[string]any)["status"] != "canceled" {
		t.Errorf("subscriptions %v", s)
	}
}

// TestCredits gives credits before there is a customer, and where answers get lost.
func TestCredits(t *testing.T) {
	r := start(t, stripefake.Options{})
	r.Hold()
	o := r.signUp("acme")
	give := func(cents int64) {
		t.Helper()
		if err := r.app.Billing.Credit(t.Context(), core.OrganizationID(o.id), cents, "sorry"); err != nil {
			t.Fatal(err)
		}
	}
	give(300)
	if got := o.subscription()["credit_cents"]; got != 300.0 {
		t.Errorf("a credit that waits is %v", got)
	}
	o.subscribe("pro")
	r.SetFaults(stripefake.Faults{Seed: 3, After: .5})
	give(200)
	give(-50)
	for range 8 {
		_ = r.app.BillingStep(t.Context()) // some calls fail
		r.Advance(10 * time.Minute)
	}
	r.SetFaults(stripefake.Faults{})
	r.step()
	answer, err := r.Do("GET", "/v1/customers/"+o.customer()+"/balance_transactions", nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]int{}
	for _, b := range answer["data"].([]any) {
		if key, ok := b.(map[string]any)["metadata"].(map[string]any)["tollgate_key"].(string); ok {
			keys[key]++
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d credits were given, want 3: %v", len(keys), keys)
	}
	for key, n := range keys {
		if n != 1 {
			t.Errorf("%s was given %d times", key, n)
		}
	}
	if n := r.number("SELECT count(*) FROM billing_credits WHERE next_at <> 0"); n != 0 {
		t.Errorf("%d credits wait", n)
	}
}
