package billing_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// ended is an organization whose subscription of pro has ended, with 150 requests in
// an hour of its last period, and when that hour and that period's end were.
func (r *rig) ended() (o *org, used, end time.Time) {
	r.t.Helper()
	o = r.signUp("acme").subscribe("pro")
	_, end = o.period()
	o.choose(harness.Object{"cancel_at_period_end": true})
	used = end.Add(-30 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150)
	o.later(end.Add(3 * time.Hour))
	r.deliverAll()
	if o.plan() != "free" {
		r.t.Fatalf("after the end the plan is %s", o.plan())
	}
	return o, used, end
}

// lone are the organization's invoices that no subscription made.
func (o *org) lone() (out []harness.Object) {
	o.T.Helper()
	for _, i := range o.Must("GET", "/v1/invoices", nil)["items"].([]any) {
		one := o.Must("GET", "/v1/invoices/"+i.(harness.Object)["id"].(string), nil)
		usage, lines := false, one["lines"].([]any)
		for _, l := range lines {
			kind := l.(harness.Object)["kind"].(string)
			usage = usage || kind != "late_usage" && kind != "usage_correction"
		}
		if !usage && len(lines) > 0 {
			out = append(out, one)
		}
	}
	return out
}

// billed checks that what was left is on one paid invoice, that nothing waits, and
// that the books add up.
func (o *org) billed(end time.Time, cents float64) {
	o.T.Helper()
	lone := o.lone()
	if len(lone) != 1 || lone[0]["status"] != "paid" || lone[0]["total_cents"] != cents {
		o.T.Errorf("what was left is on %v, want one paid invoice of %v cents", lone, cents)
	}
	if n := o.r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}); n != 0 {
		o.T.Errorf("%d items wait", n)
	}
	statement := o.Must("GET", "/v1/invoices/"+o.final(end)["id"].(string)+"/reconciliation", nil)
	if text := fmt.Sprint(statement["lines"]); !strings.Contains(text, fmt.Sprintf("%v cents are a line of a later invoice", cents)) {
		o.T.Errorf("the last period's reconciliation does not tell of them: %s", text)
	}
	found, err := o.r.app.Hours.Check(o.T.Context(), true, 0)
	if err != nil {
		o.T.Fatal(err)
	}
	for _, f := range found {
		if f.Rows != 0 {
			o.T.Errorf("%d rows break %s", f.Rows, f.Name)
		}
	}
}

// TestLateAfterTheEnd finds usage after a subscription's last invoice, in parts: it is
// on one invoice of its own, whatever fails after it was done.
func TestLateAfterTheEnd(t *testing.T) {
	for _, fault := range []string{"", stripefake.FaultAfter, stripefake.FaultCut} {
		t.Run("fault "+fault, func(t *testing.T) {
			if fault != "" {
				long(t)
			}
			r := start(t, stripefake.Options{})
			o, used, end := r.ended()
			if fault != "" {
				r.FailNext(stripefake.Failure{Kind: fault, Method: "POST", Path: "/v1/invoiceitems", Times: 5})
				r.FailNext(stripefake.Failure{Kind: fault, Method: "POST", Path: "/v1/invoices", Times: 5})
			}
			o.serve(used, 2, 200) // a dollar
			r.work()
			r.minutes(30*time.Minute, never)
			o.serve(used, 2, 40) // 20 cents
			r.minutes(5*time.Hour, never)
			o.billed(end, 120)
			r.later(48 * time.Hour)
			o.billed(end, 120)
		})
	}
}

// TestLateAfterTheEndKilled kills the worker when Stripe has made the invoice of what
// was left, and nobody knows: no other is made.
func TestLateAfterTheEndKilled(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o, used, end := r.ended()
	o.serve(used, 2, 200)
	r.later(time.Minute)
	r.Drop()
	r.Advance(2 * time.Hour)
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultMute, Method: "POST", Path: "/v1/invoices"})
	cmd, _ := r.spawn("worker")
	err := harness.Until(t.Context(), 30*time.Second, func() error {
		if n := r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}); n != 0 {
			return fmt.Errorf("%d items wait", n)
		}
		return nil
	})
	kill(cmd)
	if err != nil {
		t.Fatal(err)
	}
	r.later(6 * time.Hour)
	o.billed(end, 100)
}

// TestLittleAfterTheEnd: what no card is charged for waits, and is on the first
// invoice of another subscription.
func TestLittleAfterTheEnd(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o, used, _ := r.ended()
	o.serve(used, 2, 60) // 30 cents
	r.later(49 * time.Hour)
	if lone := o.lone(); len(lone) != 0 || r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}) != 1 {
		t.Errorf("30 cents are on %v", lone)
	}
	o.subscribe("pro")
	_, end := o.period()
	o.later(end.Add(6 * time.Hour))
	r.deliverAll()
	if n := r.number("SELECT COUNT(*) FROM billing_invoice_lines WHERE kind = 'late_usage' AND amount = 30"); n != 1 || len(o.lone()) != 0 {
		t.Errorf("%d lines of 30 cents, lone %v", n, o.lone())
	}
}

// TestGivenBackAfterTheEnd: what Stripe billed too much on a last invoice becomes the
// customer's credit, by an invoice that says what for.
func TestGivenBackAfterTheEnd(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.choose(harness.Object{"cancel_at_period_end": true})
	used := end.Add(-30 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150)
	o.later(end.Add(50 * time.Minute))
	if err := r.SetUsage(o.customer(), proUsage, used, 350); err != nil { // a dollar more
		t.Fatal(err)
	}
	r.Advance(20 * time.Minute)
	r.deliverAll()
	r.minutes(6*time.Hour, never)
	o.billed(end, -100)
	if got := o.subscription()["credit_cents"]; got != 100.0 {
		t.Errorf("the credit is %v cents", got)
	}
	if !r.logs.has("more was billed than the ledger has") {
		t.Error("nobody was told")
	}
}
