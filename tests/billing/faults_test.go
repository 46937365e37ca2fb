package billing_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// proUsage is the name of pro's meter, scaleUsage of scale's.
const (
	proUsage   = "tollgate_requests_pro"
	scaleUsage = "tollgate_requests_scale"
)

// total is what Stripe counts for an organization on a meter, over all hours.
func (o *org) total(meter string) (sum int64) {
	for _, n := range o.r.Usage(o.customer(), meter) {
		sum += n
	}
	return sum
}

// later moves all clocks on, and lets the worker do its work once on the way, each
// hour, and at the end.
func (r *rig) later(d time.Duration) {
	r.t.Helper()
	for d > 0 {
		step := min(d, time.Hour)
		r.Advance(step)
		r.work()
		d -= step
	}
}

// TestS01 takes Stripe away: the portal answers, usage is kept, and when Stripe is
// back everything arrives, once.
func TestS01(t *testing.T) {
	long(t)
	for _, down := range []string{stripefake.FaultRefuse, stripefake.FaultBefore} {
		t.Run(down, func(t *testing.T) {
			r := start(t, stripefake.Options{})
			o := r.signUp("acme").subscribe("pro")
			other := r.signUp("other")
			o.serve(r.Now(), 2, 70)
			r.SetFaults(stripefake.Faults{Down: down})
			r.later(2 * time.Hour)
			o.serve(r.Now(), 2, 60)
			r.later(4 * time.Hour)
			if got := o.total(proUsage); got != 0 {
				t.Errorf("Stripe, which is away, counts %d", got)
			}
			if o.plan() != "pro" {
				t.Error("the plan is gone with Stripe")
			}
			reply, err := other.Do("POST", "/v1/billing/checkout", harness.Object{"plan": "pro"})
			if err != nil || reply.Status != 502 && reply.Status != 503 {
				t.Errorf("Checkout without Stripe: %v %v", reply, err)
			}
			if status, answer := o.patch(harness.Object{"plan": "scale"}); status != 502 && status != 503 || o.plan() != "pro" {
				t.Errorf("an upgrade without Stripe: %d %v, plan %s", status, answer, o.plan())
			}
			r.SetFaults(stripefake.Faults{})
			r.later(2 * time.Hour)
			if got := o.total(proUsage); got != 130 {
				t.Errorf("Stripe counts %d when it is back, want 130", got)
			}
		})
	}
}

// TestS02 answers 429: nobody asks before the time that Retry-After names, and all
// arrives after it.
func TestS02(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	o.serve(r.Now(), 2, 50)
	r.Advance(3 * time.Hour)
	const seconds = 6 // by the machine's clock, as Stripe means it
	r.SetFaults(stripefake.Faults{Down: stripefake.FaultLimited, RetryAfter: seconds})
	r.work()
	told := time.Now()
	r.SetFaults(stripefake.Faults{})
	first := len(r.Log())
	for range 3 {
		r.Advance(time.Minute)
		r.work()
	}
	if n := len(r.Log()) - first; n != 0 && time.Since(told) < seconds*time.Second {
		t.Errorf("asked %d times before Retry-After was over", n)
	}
	time.Sleep(time.Until(told.Add((seconds + 1) * time.Second)))
	r.later(2 * time.Hour)
	if got := o.total(proUsage); got != 50 {
		t.Errorf("Stripe counts %d, want 50", got)
	}
}

// TestS03 lets calls of every kind fail after they were carried out: what is asked
// again is the same, so there is one of each.
func TestS03(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme")
	for _, kind := range []string{stripefake.FaultAfter, stripefake.FaultCut} {
		for _, path := range []string{"/v1/customers", "/v1/checkout/sessions"} {
			r.FailNext(stripefake.Failure{Kind: kind, Method: "POST", Path: path})
		}
	}
	var session string
	for range 5 { // the owner presses the button again
		reply, err := o.Do("POST", "/v1/billing/checkout", harness.Object{"plan": "pro"})
		if err != nil || reply.Status == 500 {
			t.Fatalf("%v %v", reply, err)
		}
		if reply.Status == 200 {
			session = o.checkout("pro")
			break
		}
	}
	if _, err := r.Pay(session, stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	r.sync()
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultAfter, Method: "POST", Path: "/v1/subscriptions/"})
	for range 3 {
		if status, _ := o.patch(harness.Object{"plan": "scale"}); status == 200 {
			break
		}
	}
	r.sync()
	if o.plan() != "scale" {
		t.Errorf("the plan is %s", o.plan())
	}
	o.serve(r.Now(), 3, 1500)
	for _, kind := range []string{stripefake.FaultAfter, stripefake.FaultCut} {
		r.FailNext(stripefake.Failure{Kind: kind, Method: "POST", Path: "/v1/billing/meter_events"})
	}
	r.later(6 * time.Hour)
	if got := o.total(scaleUsage); got != 1500 {
		t.Errorf("Stripe counts %d, want 1500", got)
	}
	if n := r.count("/v1/customers", nil); n != 1 {
		t.Errorf("%d customers", n)
	}
	if n := r.count("/v1/subscriptions", url.Values{"status": {"all"}}); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
	// One for Checkout, one for the upgrade.
	if n := r.count("/v1/invoices", nil); n != 2 {
		t.Errorf("%d invoices", n)
	}
}

// TestBoundaryHour ends a period in the middle of an hour, in which Stripe takes the
// total and its answer is lost: what is told again a minute later is the same to it.
func TestBoundaryHour(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	r.later(20 * time.Minute)
	o.serve(r.Now(), 2, 110)
	r.work()
	if n := o.total(proUsage); n != 0 {
		t.Errorf("an hour that runs was told: %d", n)
	}
	if _, err := r.ClosePeriod(r.subscriptionOf(o)); err != nil {
		t.Fatal(err)
	}
	r.deliverAll()
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultAfter, Method: "POST", Path: "/v1/billing/meter_events"})
	r.work()
	r.later(10 * time.Minute)
	if n := o.total(proUsage); n != 110 {
		t.Errorf("Stripe counts %d before the draft is final, want 110", n)
	}
	r.later(3 * time.Hour)
	if n := r.number("SELECT COALESCE(SUM(total - posted), 0) FROM billing_hours WHERE organization = $1", o.num); n != 0 {
		t.Errorf("%d requests are not told", n)
	}
}

// count is how many objects a list at Stripe has.
func (r *rig) count(path string, q url.Values) int {
	r.t.Helper()
	list, err := r.Fake.Do("GET", path, q)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list["data"].([]any))
}

// TestS06 loses every webhook for three days: within the hour after each change the
// reconciliation has found it out.
func TestS06(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme")
	lost := func(want func(harness.Object) bool, what string) {
		t.Helper()
		r.Drop()
		r.later(time.Hour)
		r.Drop()
		if s := o.subscription(); !want(s) {
			t.Errorf("an hour after %s: %v", what, s)
		}
		r.later(17 * time.Hour)
	}
	plan := func(s harness.Object) any { return s["plan"].(harness.Object)["name"] }
	if _, err := r.Pay(o.checkout("pro"), stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	lost(func(s harness.Object) bool { return plan(s) == "pro" && s["status"] == "active" }, "Checkout")
	sub := r.subscriptionOf(o)
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+sub, url.Values{"cancel_at_period_end": {"true"}}); err != nil {
		t.Fatal(err)
	}
	lost(func(s harness.Object) bool { return s["cancel_at_period_end"] == true }, "a cancellation at the period's end")
	if err := r.SetCard(o.customer(), stripefake.CardDeclines); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+sub, url.Values{"cancel_at_period_end": {"false"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ClosePeriod(sub); err != nil {
		t.Fatal(err)
	}
	r.Finalize()
	lost(func(s harness.Object) bool { return s["standing"] == "grace" && s["status"] == "past_due" }, "a payment that failed")
	if _, err := r.Fake.Do("DELETE", "/v1/subscriptions/"+sub, nil); err != nil {
		t.Fatal(err)
	}
	lost(func(s harness.Object) bool { return plan(s) == "free" && s["status"] == "canceled" }, "the end")
}

// TestS09 finds usage after its invoice is final: it is on the next one, as a line
// that says so, and nothing is lost or billed twice.
func TestS09(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	end, err := time.Parse(time.RFC3339, o.subscription()["period_end"].(string))
	if err != nil {
		t.Fatal(err)
	}
	used := r.Now().Add(30 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150) // 50 beyond: 25 cents
	o.later(end.Add(3 * time.Hour))
	r.deliverAll()
	r.later(time.Hour)
	first := o.final(end)
	if got := first["total_cents"]; got != 4925.0 {
		t.Errorf("the period's invoice is %v cents: %v", got, first["lines"])
	}
	o.serve(used, 2, 41) // an edge comes back: 20.5 cents more make 45.5, which is 46
	r.later(3 * time.Hour)
	if again := o.final(end); again["total_cents"] != 4925.0 {
		t.Errorf("a final invoice changed to %v", again["total_cents"])
	}
	next := end.AddDate(0, 1, 0)
	o.later(next.Add(3 * time.Hour))
	r.deliverAll()
	r.later(time.Hour)
	var late []any
	second := o.final(next)
	for _, l := range second["lines"].([]any) {
		if l := l.(harness.Object); l["kind"] == "late_usage" {
			late = append(late, l["amount_cents"])
		}
	}
	if len(late) != 1 || late[0] != 21.0 || second["total_cents"] != 4921.0 {
		t.Errorf("late lines %v, total %v: %v", late, second["total_cents"], second["lines"])
	}
	if n := r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}); n != 0 {
		t.Errorf("%d items wait", n)
	}
}

// later lets the worker do its work up to a time, every six hours.
func (o *org) later(to time.Time) {
	o.T.Helper()
	for o.r.Now().Before(to) {
		o.r.AdvanceTo(minTime(o.r.Now().Add(6*time.Hour), to))
		o.r.deliverAll()
		o.r.work()
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (r *rig) deliverAll() {
	r.t.Helper()
	if _, err := r.Deliver(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.sync()
}

// final is the organization's invoice of the period that ends at a time, which has
// to be final.
func (o *org) final(end time.Time) harness.Object {
	o.T.Helper()
	for _, i := range o.Must("GET", "/v1/invoices", nil)["items"].([]any) {
		one := o.Must("GET", "/v1/invoices/"+i.(harness.Object)["id"].(string), nil)
		if one["period_end"] == end.Format(time.RFC3339) && one["status"] == "paid" {
			return one
		}
	}
	o.T.Fatalf("no paid invoice of the period that ends at %s", end)
	return nil
}

// TestS10 takes pro's meter and price away at Stripe, behind our back: usage is parked
// and somebody is told, and when it can be told again all of it is billed.
func TestS10(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	list, err := r.Fake.Do("GET", "/v1/billing/meters", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list["data"].([]any) {
		if m := m.(map[string]any); m["event_name"] == proUsage {
			if err := r.Remove(m["id"].(string)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultBefore, Method: "POST", Path: "/v1/billing/meters", Times: 1000})
	o.serve(r.Now(), 2, 130)
	r.later(3 * time.Hour)
	waiting := func() int64 {
		return r.number("SELECT COALESCE(SUM(total - posted), 0) FROM billing_hours WHERE organization = $1", o.num)
	}
	if n := waiting(); n != 130 || o.total(proUsage) != 0 {
		t.Errorf("%d requests wait, Stripe counts %d without a meter", n, o.total(proUsage))
	}
	if !r.logs.has("does not take usage") {
		t.Error("nobody is told")
	}
	r.SetFaults(stripefake.Faults{}) // a meter can be made again
	r.later(3 * time.Hour)
	if n := waiting(); n != 0 || o.total(proUsage) != 130 {
		t.Errorf("%d requests wait, Stripe counts %d with a meter", n, o.total(proUsage))
	}
	if err := r.Remove(r.priceOf("pro")); err != nil {
		t.Fatal(err)
	}
	r.later(2 * time.Hour)
	if o.plan() != "pro" {
		t.Errorf("without its price the plan is %s", o.plan())
	}
	// The price that the subscription has counts the meter that is gone: what Stripe
	// does not bill of the 30 beyond, 15 cents, is a late line.
	_, end := o.period()
	o.later(end.AddDate(0, 1, 0).Add(6 * time.Hour))
	cents := r.number("SELECT COALESCE(SUM(l.amount), 0) FROM billing_invoice_lines l JOIN billing_invoices i ON i.id = l.invoice WHERE i.organization_id = $1 AND l.kind IN ('usage', 'late_usage')", o.id)
	if cents != 15 {
		t.Errorf("%d cents are billed for 30 requests beyond, want 15", cents)
	}
}
