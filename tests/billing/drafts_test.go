package billing_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// drafts are the drafts at Stripe.
func (r *rig) drafts() (ids []string) {
	r.t.Helper()
	list, err := r.Fake.Do("GET", "/v1/invoices", url.Values{"status": {"draft"}})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, i := range list["data"].([]any) {
		ids = append(ids, i.(map[string]any)["id"].(string))
	}
	return ids
}

// deleteDraft deletes the one draft that there is, in Stripe's dashboard.
func (r *rig) deleteDraft() {
	r.t.Helper()
	all := r.drafts()
	if len(all) != 1 {
		r.t.Fatalf("drafts %v", all)
	}
	if _, err := r.Fake.Do("DELETE", "/v1/invoices/"+all[0], nil); err != nil {
		r.t.Fatal(err)
	}
}

// lines are the late lines of final invoices at Stripe that ask for an amount.
func (o *org) lines(cents int64) (n int) {
	o.T.Helper()
	list, err := o.r.Fake.Do("GET", "/v1/invoices", url.Values{"customer": {o.customer()}, "limit": {"100"}})
	if err != nil {
		o.T.Fatal(err)
	}
	for _, i := range list["data"].([]any) {
		one := i.(map[string]any)
		for _, l := range one["lines"].(map[string]any)["data"].([]any) {
			line := l.(map[string]any)
			if one["status"] != "draft" && one["status"] != "void" && fmt.Sprint(line["amount"]) == fmt.Sprint(cents) {
				n++
			}
		}
	}
	return n
}

// TestDraftOfLeftoversDeleted: somebody deletes, in Stripe's dashboard, the draft with
// what was left after a subscription ended, more than once. The lines come back on another
// one, once, whether Stripe drops them with the draft or not, and whether the draft was
// ever seen here or not.
func TestDraftOfLeftoversDeleted(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for _, seen := range []bool{true, false} {
			t.Run(fmt.Sprintf("kept %v, seen %v", keep, seen), func(t *testing.T) {
				if keep != seen {
					long(t)
				}
				r := start(t, stripefake.Options{KeepItems: keep})
				o, used, end := r.ended()
				o.serve(used, 2, 160) // 80 cents
				r.work()
				for range 2 {
					r.minutes(26*time.Hour, func() bool { return len(r.drafts()) == 1 })
					if seen {
						r.deliverAll()
					}
					r.deleteDraft()
					if seen {
						r.deliverAll()
					} else {
						r.Drop()
					}
				}
				r.minutes(28*time.Hour, never)
				o.billed(end, 80)
				if n := o.lines(80); n != 1 {
					t.Errorf("the line is on %d invoices", n)
				}
				r.later(48 * time.Hour)
				o.billed(end, 80)
			})
		}
	}
}

// TestDraftOfALiveSubscriptionDeleted: an operator invoices what waits, thinks better of
// it and deletes the draft: the line is on the next cycle's invoice, once.
func TestDraftOfALiveSubscriptionDeleted(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("kept %v", keep), func(t *testing.T) {
			r := start(t, stripefake.Options{KeepItems: keep})
			o := r.signUp("acme").subscribe("pro")
			_, end := o.period()
			used := end.Add(-48 * time.Hour)
			o.later(used)
			o.serve(used, 2, 150)
			o.later(end.Add(3 * time.Hour))
			o.serve(used, 2, 41) // late
			o.later(end.Add(18 * time.Hour))
			waits := url.Values{"pending": {"true"}}
			if n := r.count("/v1/invoiceitems", waits); n != 1 {
				t.Fatalf("%d items wait", n)
			}
			draft := url.Values{"customer": {o.customer()}, "subscription": {r.subscriptionOf(o)}, "auto_advance": {"false"}, "pending_invoice_items_behavior": {"include"}}
			if _, err := r.Fake.Do("POST", "/v1/invoices", draft); err != nil {
				t.Fatal(err)
			}
			r.deliverAll()
			if n := r.count("/v1/invoiceitems", waits); n != 0 {
				t.Fatalf("%d items wait beside the draft", n)
			}
			r.deleteDraft()
			r.deliverAll()
			r.minutes(2*time.Hour, never)
			if n := r.count("/v1/invoiceitems", waits); n != 1 {
				t.Errorf("%d items wait after the draft is deleted", n)
			}
			_, next := o.period()
			o.later(next.Add(9 * time.Hour))
			r.deliverAll()
			if n := o.lines(21); n != 1 {
				t.Errorf("the line is on %d invoices", n)
			}
			if n := r.number("SELECT COALESCE(SUM(cents), 0) FROM billing_adjustments"); n != 21 {
				t.Errorf("late requests cost %d cents, want 21", n)
			}
		})
	}
}

// TestLineReturnedKilled kills the worker when Stripe has the line again and nobody knows:
// it is not added a third time.
func TestLineReturnedKilled(t *testing.T) {
	r := start(t, stripefake.Options{})
	o, used, end := r.ended()
	o.serve(used, 2, 160)
	r.work()
	r.minutes(26*time.Hour, func() bool { return len(r.drafts()) == 1 })
	r.deliverAll()
	r.deleteDraft()
	r.deliverAll()
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultMute, Method: "POST", Path: "/v1/invoiceitems"})
	// The first turn finds the line lost, the second one sends it.
	for _, want := range []int{0, 1} {
		r.Advance(2 * time.Minute)
		cmd, _ := r.spawn("worker")
		err := harness.Until(t.Context(), 30*time.Second, func() error {
			lost := r.number("SELECT COALESCE(SUM(again), 0) FROM billing_adjustments")
			if n := r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}); n != want || lost != 1 {
				return fmt.Errorf("%d items wait, %d were lost", n, lost)
			}
			return nil
		})
		kill(cmd)
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := r.number("SELECT count(*) FROM billing_adjustments WHERE next_at <> 0"); n != 1 {
		t.Fatalf("%d lines are to be sent", n)
	}
	r.minutes(4*time.Hour, never)
	o.billed(end, 80)
	r.later(48 * time.Hour)
	o.billed(end, 80)
}
