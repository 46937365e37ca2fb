package billing_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestCapAtAnEarlierPrice: a price that is lowered while a period runs holds for the
// next one. So does what edges work out of it: the invoice of the period stays within
// the cap at the price that it is billed by.
func TestCapAtAnEarlierPrice(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.choose(harness.Object{"spending_cap_cents": 100}) // 200 requests beyond the hundred
	limit := func() int64 {
		t.Helper()
		d, err := r.app.Tenants.Document(t.Context(), core.OrganizationID(o.id))
		if err != nil {
			t.Fatal(err)
		}
		return d.RequestsPerPeriod
	}
	if n := limit(); n != 300 {
		t.Fatalf("edges stop at %d, want 300", n)
	}
	o.later(end.Add(-72 * time.Hour))
	r.reprice("25")
	r.work()
	n := limit()
	if n != 300 {
		t.Errorf("after a lower price edges stop at %d, want 300", n)
	}
	o.serve(end.Add(-70*time.Hour), 2, int(n))
	o.later(end.Add(-60 * time.Hour))
	o.later(end.Add(9 * time.Hour))
	r.deliverAll()
	if got := o.usage(end); got != 100 {
		t.Errorf("the invoice has %v cents of requests, the cap was 100", got)
	}
	if n := limit(); n != 500 {
		t.Errorf("in the next period edges stop at %d, want 500", n)
	}
}

// TestDraftDeleted: a draft that is deleted at Stripe does not keep its period from
// being settled.
func TestDraftDeleted(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	used := end.Add(-48 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150)
	i, err := r.Fake.Do("POST", "/v1/invoices", url.Values{"customer": {o.customer()}, "auto_advance": {"false"}})
	if err != nil {
		t.Fatal(err)
	}
	r.deliverAll()
	drafts := func() int64 { return r.number("SELECT COUNT(*) FROM billing_invoices WHERE status = 'draft'") }
	if n := drafts(); n != 1 {
		t.Fatalf("%d drafts", n)
	}
	if _, err := r.Fake.Do("DELETE", "/v1/invoices/"+i["id"].(string), nil); err != nil {
		t.Fatal(err)
	}
	r.deliverAll()
	if n := drafts(); n != 0 {
		t.Errorf("%d drafts are left when Stripe has told of it", n)
	}
	o.later(end.Add(3 * time.Hour))
	o.serve(used, 2, 41) // late
	o.later(end.Add(9 * time.Hour))
	o.later(end.Add(18 * time.Hour))
	if n := r.number("SELECT COALESCE(SUM(cents), 0) FROM billing_adjustments"); n != 21 {
		t.Errorf("late requests cost %d cents, want 21", n)
	}
}

// TestEndSeenEarly: our clock has passed the end of a cancelled subscription, Stripe's
// has not. The plan that has ended here does not come back for that moment.
func TestEndSeenEarly(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.choose(harness.Object{"cancel_at_period_end": true})
	o.later(end.Add(-5 * time.Minute))
	r.frozen.Store(int64(6 * time.Minute)) // a minute after the end
	if _, err := r.app.Tenants.RollPeriods(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := func(when string) {
		t.Helper()
		if s := o.subscription(); o.plan() != "free" || s["next_plan"] != nil {
			t.Errorf("%s the plan is %s, the next one %v", when, o.plan(), s["next_plan"])
		}
	}
	ended("after the end")
	mails := r.number("SELECT COUNT(*) FROM mails")
	o.Must("POST", "/v1/billing/refresh", harness.Object{})
	ended("before Stripe's end")
	if n := r.number("SELECT COUNT(*) FROM mails"); n != mails {
		t.Errorf("%d mails tell of it", n-mails)
	}
	r.frozen.Store(int64(time.Second))
	r.AdvanceTo(end.Add(2 * time.Minute))
	r.deliverAll()
	ended("after Stripe's end")
}

// TestRefusedUpgrade: what the bank refuses changes nothing, the cap that came with it
// included, and can be asked for again with the same entity tag.
func TestRefusedUpgrade(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	if err := r.SetCard(o.customer(), stripefake.CardDeclines); err != nil {
		t.Fatal(err)
	}
	now, err := o.Do("GET", "/v1/subscription", nil)
	if err != nil {
		t.Fatal(err)
	}
	change := harness.Object{"plan": "scale", "spending_cap_cents": 777}
	for range 2 {
		got, err := o.Do("PATCH", "/v1/subscription", change, "If-Match", now.Header.Get("ETag"))
		if err != nil || got.Status != 409 || !strings.Contains(string(got.Body), "payment_refused") {
			t.Errorf("%d %s, %v, want payment_refused", got.Status, got.Body, err)
		}
	}
	if s := o.subscription(); s["spending_cap_cents"] != nil || o.plan() != "pro" {
		t.Errorf("the cap is %v, the plan %s", s["spending_cap_cents"], o.plan())
	}
	if err := r.SetCard(o.customer(), stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	got, err := o.Do("PATCH", "/v1/subscription", change, "If-Match", now.Header.Get("ETag"))
	if err != nil || got.Status != 200 {
		t.Errorf("with a good card %d %s, %v", got.Status, got.Body, err)
	}
	if s := o.subscription(); s["spending_cap_cents"] != 777.0 || o.plan() != "scale" {
		t.Errorf("then the cap is %v, the plan %s", s["spending_cap_cents"], o.plan())
	}
}

// TestCreditTakenBack: less than nothing is shown as that.
func TestCreditTakenBack(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme")
	if err := r.app.Billing.Credit(t.Context(), core.OrganizationID(o.id), -500, "taken back"); err != nil {
		t.Fatal(err)
	}
	if got := o.subscription()["credit_cents"]; got != -500.0 {
		t.Errorf("the credit is %v, want -500", got)
	}
}

// TestCreditOfALongReason: Stripe takes 350 characters of a reason that we take 500 of.
func TestCreditOfALongReason(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	give := func(n int) error {
		return r.app.Billing.Credit(t.Context(), core.OrganizationID(o.id), 500, strings.Repeat("ж", n))
	}
	if err := give(501); err == nil {
		t.Error("501 characters are taken")
	}
	if err := give(500); err != nil {
		t.Fatal(err)
	}
	if _, err := r.app.Billing.GiveCredits(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.number("SELECT COUNT(*) FROM billing_credits WHERE posted <> ''"); n != 1 {
		t.Errorf("%d credits are given", n)
	}
}

// TestGiftIsNotBilled: what an operator gave between two subscriptions stays given.
func TestGiftIsNotBilled(t *testing.T) {
	for _, usage := range []string{"meters", "records"} {
		t.Run(usage, func(t *testing.T) {
			r := start(t, stripefake.Options{}, "TOLLGATE_STRIPE_USAGE="+usage)
			o, _, end := r.ended() // on free since then
			_, next := o.period()
			if _, err := r.app.Billing.SetPlan(t.Context(), core.OrganizationID(o.id), "pro"); err != nil {
				t.Fatal(err)
			}
			o.later(end.Add(5 * 24 * time.Hour))
			o.serve(end.Add(4*24*time.Hour), 2, 900) // the gift
			o.later(end.Add(10 * 24 * time.Hour))
			o.subscribe("pro")
			o.serve(r.Now().Add(2*time.Hour), 2, 110)
			o.later(next.Add(9 * time.Hour))
			o.later(next.Add(18 * time.Hour))
			r.deliverAll()
			if got := o.usage(next); got != 5 {
				t.Errorf("ten requests beyond cost %v cents, want 5", got)
			}
			if n := r.number("SELECT COALESCE(SUM(cents), 0) FROM billing_adjustments WHERE period_start >= $1", end.UnixMilli()); n != 0 {
				t.Errorf("%d cents are added for the gift", n)
			}
		})
	}
}
