package billing_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestPlanTakenOut: an organization whose plan the operator took out of the file sees
// its bill, with the old plan's name and the default one's limits.
func TestPlanTakenOut(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	if _, err := r.db.Exec("UPDATE organizations SET plan = 'old' WHERE id = $1", o.id); err != nil {
		t.Fatal(err)
	}
	plan := o.subscription()["plan"].(harness.Object)
	if plan["name"] != "old" || plan["title"] != "old" || plan["included_requests"] != 50.0 || plan["self_serve"] != false {
		t.Errorf("the plan is %v", plan)
	}
	if used := o.Must("GET", "/v1/subscription/usage", nil); used["plan_title"] != "old" || used["included_requests"] != 50.0 || used["hard_cap"] != true {
		t.Errorf("usage %v", used)
	}
	if now := o.choose(harness.Object{"spending_cap_cents": 100}); now["spending_cap_cents"] != 100.0 {
		t.Errorf("the cap is %v", now["spending_cap_cents"])
	}
}

// TestGivenPlanIsBought: who was given a plan with a price can buy it, and is told
// before what it costs.
func TestGivenPlanIsBought(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme")
	if _, err := r.app.Billing.SetPlan(t.Context(), core.OrganizationID(o.id), "pro"); err != nil {
		t.Fatal(err)
	}
	if was := o.subscription(); was["status"] != "none" || o.plan() != "pro" {
		t.Fatalf("given: %v", was)
	}
	offer := o.Must("POST", "/v1/subscription/preview", harness.Object{"plan": "pro"})
	if due := offer["due_now_cents"].(float64); due <= 0 || due > 4900 || offer["next_cents"] != 4900.0 {
		t.Errorf("the offer is %v", offer)
	}
	if now := o.subscribe("pro").subscription(); now["status"] != "active" {
		t.Errorf("bought: %v", now)
	}
}

// TestWebhookBeforeHourlyLook: a customer that a webhook tells of is fetched before all
// that only the hourly look asks for, and those are spread over the hour.
func TestWebhookBeforeHourlyLook(t *testing.T) {
	r := start(t, stripefake.Options{})
	var all []*org
	for i := range 20 {
		all = append(all, r.signUp(fmt.Sprintf("org%d", i)).subscribe("pro"))
	}
	r.freeze()
	r.Advance(3 * time.Hour)
	if _, err := r.app.Billing.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.number("SELECT count(*) FROM billing_syncs WHERE next_at <> 0"); n != 20 {
		t.Errorf("%d customers are marked, want all 20", n)
	}
	if n := r.due(); n > 10 {
		t.Errorf("%d of 20 customers are due at once", n)
	}
	r.Advance(time.Hour) // now all are
	last := all[7]
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+r.subscriptionOf(last), url.Values{"cancel_at_period_end": {"true"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.app.Billing.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last.subscription()["cancel_at_period_end"] != true {
		t.Error("the webhook's customer was not fetched first")
	}
	r.sync()
	if n := r.number("SELECT count(*) FROM billing_syncs WHERE next_at <> 0"); n != 0 {
		t.Errorf("%d customers wait after all were fetched", n)
	}
}

// browser signs the organization's owner in.
func (o *org) browser(name string) *harness.API {
	o.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.T.Fatal(err)
	}
	b := &harness.API{T: o.T, URL: o.URL, HTTP: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
	b.Must("POST", "/v1/login", harness.Object{"email": name + "@example.com", "password": "correct horse battery " + name})
	return b
}

// TestDebtorStays: an organization that owes is not deleted, from the first payment that
// failed until all is paid.
func TestDebtorStays(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	if err := r.SetCard(o.customer(), stripefake.CardDeclines); err != nil {
		t.Fatal(err)
	}
	r.toPeriodEnd(o)
	r.tick(2 * time.Hour)
	b := o.browser("acme")
	leave := func(what string, want int) {
		t.Helper()
		got, err := b.Do("POST", "/v1/organization/delete", harness.Object{"name": "acme", "current_password": "correct horse battery acme"}, "Origin", "http://portal.test", "Tollgate-Organization", o.id)
		if err != nil || got.Status != want {
			t.Errorf("%s: %d %s, %v, want %d", what, got.Status, got.Body, err, want)
		}
	}
	if s := o.subscription(); s["standing"] != "grace" {
		t.Fatalf("the standing is %v", s["standing"])
	}
	leave("in the days of full service", http.StatusConflict)
	if err := r.SetCard(o.customer(), stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	r.payAll(o)
	leave("when it is paid", http.StatusNoContent)
}
