package apitest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPlansWithoutPayment chooses plans where no payment is set up.
func TestPlansWithoutPayment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		const path = "/v1/subscription"
		first := ada.get(path).want(200)
		if first.str("plan", "name") != "free" || first.at("payment") != false || first.str("status") != "none" || first.str("standing") != "good" ||
			first.at("spending_cap_cents") != nil || first.at("credit_cents") != 0.0 || first.at("cancel_at_period_end") != false {
			t.Errorf("a new organization's subscription is %s", first.body)
		}
		for _, p := range ada.get("/v1/plans").want(200).list("items") {
			if p.(object)["self_serve"] != true {
				t.Errorf("plan %v", p)
			}
		}
		ada.patch(path, object{"plan": "gold", "cancel_at_period_end": true, "spending_cap_cents": -1}).wantFields("/plan", "/cancel_at_period_end", "/spending_cap_cents")
		ada.patch(path, object{"spending_cap_cents": 1_000_000_000_001}).wantFields("/spending_cap_cents")
		ada.patch(path, object{}).want(422)

		// Dearer: at once, in the same period.
		up := ada.with("If-Match", first.header.Get("ETag")).patch(path, object{"plan": "scale"}).want(200)
		if up.str("plan", "name") != "scale" || up.str("period_end") != first.str("period_end") || up.str("since") != first.str("since") {
			t.Errorf("upgraded: %s, before %s", up.body, first.body)
		}
		ada.with("If-Match", first.header.Get("ETag")).patch(path, object{"plan": "pro"}).wantCode(412, "precondition_failed")
		if doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada)); err != nil || doc.Plan != "scale" {
			t.Errorf("edges are told %+v, %v", doc, err)
		}

		// Cheaper: from the next period on.
		if offer := ada.post(path+"/preview", object{"plan": "pro"}).want(200); offer.str("effective_at") != first.str("period_end") || offer.at("due_now_cents") != 0.0 {
			t.Errorf("offer: %s", offer.body)
		}
		down := ada.patch(path, object{"plan": "pro"}).want(200)
		if down.str("plan", "name") != "scale" || down.str("next_plan") != "pro" || down.at("cancel_at_period_end") != false {
			t.Errorf("downgraded: %s", down.body)
		}
		if back := ada.patch(path, object{"plan": "scale"}).want(200); back.at("next_plan") != nil {
			t.Errorf("taken back: %s", back.body)
		}
		if gone := ada.patch(path, object{"cancel_at_period_end": true}).want(200); gone.str("next_plan") != "free" || gone.at("cancel_at_period_end") != true {
			t.Errorf("cancelled: %s", gone.body)
		}
		if back := ada.patch(path, object{"cancel_at_period_end": false}).want(200); back.at("next_plan") != nil || back.at("cancel_at_period_end") != false {
			t.Errorf("taken back: %s", back.body)
		}
		ada.patch(path, object{"plan": "pro"}).want(200)
		end, err := time.Parse(time.RFC3339, first.str("period_end"))
		if err != nil {
			t.Fatal(err)
		}
		e.exec(e.dbURL, "UPDATE tokens SET expires_at = 0") // a signup's lasts 30 days, and a month up to 31
		e.clock.advance(end.Sub(e.clock.now()))
		if _, err := e.app.Tenants.RollPeriods(t.Context()); err != nil {
			t.Fatal(err)
		}
		if next := ada.get(path).want(200); next.str("plan", "name") != "pro" || next.at("next_plan") != nil || next.str("period_start") != first.str("period_end") {
			t.Errorf("in the next period: %s", next.body)
		}

		// The spending cap.
		if a := ada.patch(path, object{"spending_cap_cents": 0}).want(200); a.at("spending_cap_cents") != 0.0 {
			t.Errorf("capped: %s", a.body)
		}
		if a := ada.patch(path, object{"cancel_at_period_end": false}).want(200); a.at("spending_cap_cents") != 0.0 {
			t.Errorf("another change took the cap away: %s", a.body)
		}
		if a := ada.patch(path, object{"spending_cap_cents": nil}).want(200); a.at("spending_cap_cents") != nil {
			t.Errorf("the cap is still there: %s", a.body)
		}
		if lines := ada.get("/v1/audit?action=subscription.update").want(200).list("items"); len(lines) != 8 {
			t.Errorf("%d audit lines, want 8: a change that changes nothing leaves none", len(lines))
		}

		for _, p := range []string{"/v1/billing/checkout", "/v1/billing/portal", "/v1/billing/refresh"} {
			ada.post(p, samples[map[string]string{"/v1/billing/checkout": "createCheckout"}[p]]).wantCode(409, "payment_not_set_up")
		}
		(&caller{e: e}).post("/v1/stripe/webhook", samples["stripeWebhook"]).wantCode(409, "payment_not_set_up")
		(&caller{e: e}).post("/v1/stripe/webhook", []byte(`{"a":"`+strings.Repeat("x", 256<<10)+`"}`)).wantCode(413, "too_large")
		if n := len(ada.get("/v1/invoices").want(200).list("items")); n != 0 {
			t.Errorf("%d invoices", n)
		}
		ada.get("/v1/invoices/in_1").wantCode(404, "not_found")
	})
}

// TestOnePeriodKeepsNobodyInTheLast: an organization whose next period can't begin does
// not keep others from theirs.
func TestOnePeriodKeepsNobodyInTheLast(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada, bob := e.signup("ada"), e.signup("bob")
	end, err := time.Parse(time.RFC3339, ada.get("/v1/subscription").want(200).str("period_end"))
	if err != nil {
		t.Fatal(err)
	}
	e.exec(e.dbURL, "UPDATE organizations SET period_end = period_end - 1 WHERE id = '"+string(e.orgID(ada))+"'") // it comes first
	e.exec(e.dbURL, "CREATE TRIGGER stuck BEFORE UPDATE ON organizations WHEN OLD.id = '"+string(e.orgID(ada))+"' BEGIN SELECT RAISE(ABORT, 'stuck'); END")
	e.exec(e.dbURL, "UPDATE tokens SET expires_at = 0") // a signup's lasts 30 days, and a month up to 31
	e.clock.advance(end.Sub(e.clock.now()))
	// The environment's worker begins periods each second too, and may have come first for bob.
	if _, err := e.app.Tenants.RollPeriods(t.Context()); err == nil || !strings.Contains(err.Error(), string(e.orgID(ada))) || strings.Contains(err.Error(), string(e.orgID(bob))) {
		t.Errorf("the periods began with %v", err)
	}
	if from := bob.get("/v1/subscription").want(200).str("period_start"); from != end.Format(time.RFC3339) {
		t.Errorf("the other one's period begins at %s", from)
	}
}

// TestPlansOfTheOperator has a plan that owners can't choose.
func TestPlansOfTheOperator(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plans.json")
	err := os.WriteFile(file, []byte(`{"default":"free","plans":[
		{"name":"free","num":1,"title":"Free","log_retention":"1h","currency":"eur","price_cents":0},
		{"name":"firm","num":2,"title":"Firm","log_retention":"1h","currency":"eur","price_cents":100,"self_serve":false}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, "sqlite", settingsFor{plans: file})
	ada := e.signup("ada")
	ada.patch("/v1/subscription", object{"plan": "firm"}).wantFields("/plan")
	ada.post("/v1/subscription/preview", object{"plan": "firm"}).wantFields("/plan")
	if _, err := e.app.Tenants.SetPlan(t.Context(), e.orgID(ada), "firm"); err != nil {
		t.Fatal(err)
	}
	ada.patch("/v1/subscription", object{"plan": "firm"}).want(200) // it has it
}

// TestPeriodUsageWithoutPrices is for members who don't see the billing.
func TestPeriodUsageWithoutPrices(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		token := ada.post("/v1/tokens", object{"name": "reader", "scopes": []string{"usage:read"}}).want(201).str("token")
		reader := &caller{e: e, token: token, org: ada.org}
		reader.get("/v1/subscription").wantCode(403, "forbidden")
		use := reader.get("/v1/subscription/usage").want(200)
		if use.str("plan_title") != "Free" || use.at("included_requests") != 100000.0 || use.at("hard_cap") != true || use.at("used_requests") != 0.0 || strings.Contains(string(use.body), "cents") {
			t.Errorf("the period's use is %s", use.body)
		}
		ada.patch("/v1/subscription", object{"plan": "pro"}).want(200)
		if use := reader.get("/v1/subscription/usage").want(200); use.at("hard_cap") != false || use.str("period_end") != ada.get("/v1/subscription").want(200).str("period_end") {
			t.Errorf("the period's use is %s", use.body)
		}
	})
}
