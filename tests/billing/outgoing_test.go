package billing_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// outgoing is the one thing of an organization that is to go to Stripe.
func (o *org) outgoing() billing.Outgoing {
	o.T.Helper()
	all := o.waiting()
	if len(all) != 1 {
		o.T.Fatalf("%d things are to go out: %+v", len(all), all)
	}
	return all[0]
}

func (o *org) waiting() []billing.Outgoing {
	o.T.Helper()
	l, err := o.r.app.Billing.Outgoing(o.T.Context(), core.OrganizationID(o.id), core.Page{})
	if err != nil {
		o.T.Fatal(err)
	}
	return l.Items
}

// credit gives a credit of five dollars.
func (o *org) credit() {
	o.T.Helper()
	if err := o.r.app.Billing.Credit(o.T.Context(), core.OrganizationID(o.id), 500, "an outage"); err != nil {
		o.T.Fatal(err)
	}
}

func (o *org) balances() string { return "/v1/customers/" + o.customer() + "/balance_transactions" }

// code is that of an error, and CodeInternal stands for what has none.
func code(err error) string {
	if err == nil {
		return "none"
	}
	return core.CodeOf(err).Info().Name
}

// TestCreditThatFails: an operator sees how often and why a credit failed, has it tried at
// once, and drops it: then it is never given.
func TestCreditThatFails(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultBefore, Method: "POST", Path: o.balances(), Times: 1000})
	o.credit()
	if c := o.outgoing(); c.Tries != 0 || c.Cents != 500 || c.Currency != "usd" || c.Text != "an outage" || !c.Droppable() {
		t.Errorf("before any try: %+v", c)
	}
	r.work()
	c := o.outgoing()
	if c.Tries != 1 || !strings.Contains(c.LastError, "status 500") || !c.NextAt.After(r.clock()) || !c.ClaimedUntil.IsZero() {
		t.Errorf("after a try: %+v", c)
	}
	r.work()
	if n := o.outgoing().Tries; n != 1 {
		t.Errorf("%d tries before its time", n)
	}
	if err := r.app.Billing.RetryOutgoing(t.Context(), c.ID, "Stripe is well again"); err != nil {
		t.Fatal(err)
	}
	r.work()
	if n := o.outgoing().Tries; n != 2 {
		t.Errorf("%d tries after it was made due, want 2", n)
	}
	for _, do := range []func() error{
		func() error { return r.app.Billing.DropOutgoing(t.Context(), c.ID, " ") },
		func() error { return r.app.Billing.RetryOutgoing(t.Context(), c.ID, strings.Repeat("x", 501)) },
	} {
		var e *core.Error
		if err := do(); !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != "/reason" {
			t.Errorf("without a reason: %v", err)
		}
	}
	// While Stripe can't be asked nobody knows whether it was given: it stays as it is.
	r.SetFaults(stripefake.Faults{Down: stripefake.FaultBefore})
	before := o.outgoing()
	if err := r.app.Billing.DropOutgoing(t.Context(), c.ID, "given twice"); code(err) != "unavailable" {
		t.Errorf("dropped while Stripe is away: %v", err)
	}
	if now := o.outgoing(); now.NextAt != before.NextAt || !now.ClaimedUntil.IsZero() {
		t.Errorf("it was %+v, it is %+v", before, now)
	}
	r.SetFaults(stripefake.Faults{})
	if err := r.app.Billing.DropOutgoing(t.Context(), c.ID, "given twice"); err != nil {
		t.Fatal(err)
	}
	if left := o.waiting(); len(left) != 0 || o.subscription()["credit_cents"] != 0.0 {
		t.Errorf("after it is dropped: %+v, credit %v", left, o.subscription()["credit_cents"])
	}
	for _, do := range []func() error{
		func() error { return r.app.Billing.DropOutgoing(t.Context(), c.ID, "again") },
		func() error { return r.app.Billing.RetryOutgoing(t.Context(), c.ID, "again") },
	} {
		if err := do(); code(err) != "not_found" {
			t.Errorf("what is dropped: %v", err)
		}
	}
	r.later(48 * time.Hour)
	if n := r.count(o.balances(), nil); n != 0 {
		t.Errorf("%d credits are given", n)
	}
	if n := r.number("SELECT count(*) FROM audit WHERE organization_id = $1 AND action = 'outgoing.drop' AND detail LIKE '%given twice%'", o.id); n != 1 {
		t.Errorf("%d lines in the audit", n)
	}
}

// TestDropOfWhatWasGiven: a credit that Stripe has, though nobody here knows, is not
// dropped: it is noted as given.
func TestDropOfWhatWasGiven(t *testing.T) {
	for _, fault := range []string{stripefake.FaultAfter, stripefake.FaultCut} {
		t.Run(fault, func(t *testing.T) {
			r := start(t, stripefake.Options{})
			o := r.signUp("acme").subscribe("pro")
			r.FailNext(stripefake.Failure{Kind: fault, Method: "POST", Path: o.balances(), Times: 1000})
			o.credit()
			r.work()
			r.SetFaults(stripefake.Faults{})
			c := o.outgoing()
			if c.Tries != 1 {
				t.Fatalf("it is %+v", c)
			}
			if err := r.app.Billing.DropOutgoing(t.Context(), c.ID, "given twice"); code(err) != "conflict" {
				t.Errorf("dropped what is given: %v", err)
			}
			if left := o.waiting(); len(left) != 0 {
				t.Errorf("it waits still: %+v", left)
			}
			r.later(48 * time.Hour)
			if n := r.count(o.balances(), nil); n != 1 || o.subscription()["credit_cents"] != 500.0 {
				t.Errorf("%d credits are given, the credit is %v", n, o.subscription()["credit_cents"])
			}
		})
	}
}

// TestDropOfWhatIsBeingSent: while a worker gives a credit nobody drops it; when the
// worker is dead, its claim ends by itself.
func TestDropOfWhatIsBeingSent(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	o.credit()
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultHang, Method: "POST", Path: o.balances()})
	r.Advance(time.Minute) // the worker's clock begins at the fake's
	cmd, _ := r.spawn("worker")
	err := harness.Until(t.Context(), 30*time.Second, func() error {
		if o.outgoing().ClaimedUntil.IsZero() {
			return errors.New("no worker has it")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c := o.outgoing()
	for _, do := range []func() error{
		func() error { return r.app.Billing.DropOutgoing(t.Context(), c.ID, "given twice") },
		func() error { return r.app.Billing.RetryOutgoing(t.Context(), c.ID, "now") },
	} {
		if err := do(); code(err) != "conflict" {
			t.Errorf("what is being sent: %v", err)
		}
	}
	kill(cmd)
	r.Advance(10 * time.Minute)
	if err := r.app.Billing.DropOutgoing(t.Context(), c.ID, "given twice"); err != nil {
		t.Fatal(err)
	}
	r.later(26 * time.Hour)
	if n := r.count(o.balances(), nil); n != 0 {
		t.Errorf("%d credits are given", n)
	}
}

// TestLineThatIsDropped: an operator lets a late line go: it is never billed, the
// reconciliation says so, and what comes later is billed by itself.
func TestLineThatIsDropped(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	used := end.Add(-48 * time.Hour)
	o.later(used)
	o.serve(used, 2, 150)
	o.later(end.Add(3 * time.Hour))
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultBefore, Method: "POST", Path: "/v1/invoiceitems", Times: 1000})
	o.serve(used, 2, 40) // 20 cents
	o.later(end.Add(18 * time.Hour))
	l := o.outgoing()
	if l.Kind != billing.OutgoingLine || l.Tries == 0 || l.Cents != 20 || l.LastError == "" {
		t.Fatalf("the line is %+v", l)
	}
	r.SetFaults(stripefake.Faults{})
	if err := r.app.Billing.DropOutgoing(t.Context(), l.ID, "our mistake"); err != nil {
		t.Fatal(err)
	}
	o.later(end.Add(30 * time.Hour))
	o.serve(used, 2, 20) // 10 cents
	o.later(end.Add(48 * time.Hour))
	if n := r.count("/v1/invoiceitems", url.Values{"pending": {"true"}}); n != 1 {
		t.Errorf("%d items wait, want that of what came later", n)
	}
	statement := o.Must("GET", "/v1/invoices/"+o.final(end)["id"].(string)+"/reconciliation", nil)
	text := fmt.Sprint(statement["lines"])
	for _, want := range []string{"20 cents were let go by the operator", "10 cents are a line of a later invoice"} {
		if !strings.Contains(text, want) {
			t.Errorf("the reconciliation does not say %q: %s", want, text)
		}
	}
	found, err := r.app.Hours.Check(t.Context(), true, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Rows != 0 {
			t.Errorf("%d rows break %s", f.Rows, f.Name)
		}
	}
}

// TestOutgoingOfOtherKinds: usage that fails, and a customer that can't be fetched, are
// shown and tried at once, and not dropped.
func TestOutgoingOfOtherKinds(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	o.serve(r.Now(), 2, 120)
	r.later(20 * time.Minute)
	r.SetFaults(stripefake.Faults{Down: stripefake.FaultBefore})
	r.Advance(2 * time.Hour)
	if _, err := r.app.Billing.Heal(t.Context()); err == nil {
		t.Error("healed without Stripe")
	}
	if _, err := r.db.Exec("UPDATE billing_syncs SET next_at = 1"); err != nil {
		t.Fatal(err)
	}
	r.work()
	kinds := map[string]billing.Outgoing{}
	for _, x := range o.waiting() {
		kinds[x.Kind] = x
	}
	for _, kind := range []string{billing.OutgoingUsage, billing.OutgoingCustomer} {
		x := kinds[kind]
		if x.Tries == 0 || !strings.Contains(x.LastError, "500") || x.Text == "" || x.Customer != o.customer() {
			t.Errorf("%s: %+v", kind, x)
		}
		if err := r.app.Billing.DropOutgoing(t.Context(), x.ID, "away with it"); code(err) != "conflict" {
			t.Errorf("dropped %s: %v", kind, err)
		}
	}
	r.SetFaults(stripefake.Faults{})
	for _, x := range kinds {
		if err := r.app.Billing.RetryOutgoing(t.Context(), x.ID, "Stripe is well again"); err != nil {
			t.Errorf("%s: %v", x.Kind, err)
		}
	}
	r.work()
	if left := o.waiting(); len(left) != 0 {
		t.Errorf("they wait still: %+v", left)
	}
	if n := o.total(proUsage); n != 120 {
		t.Errorf("Stripe counts %d", n)
	}
	// What is parked, with the name of its plan.
	if _, err := r.db.Exec("INSERT INTO billing_parked (organization, plan, reason, since, next_at) VALUES ($1, 2, 'no such meter', 1, $2)", o.num, r.Now().Add(time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	p := o.outgoing()
	if p.Kind != billing.OutgoingParked || p.Text != "Requests on plan pro" || p.LastError != "no such meter" {
		t.Errorf("parked: %+v", p)
	}
	if err := r.app.Billing.RetryOutgoing(t.Context(), p.ID, "the meter is back"); err != nil {
		t.Fatal(err)
	}
	if n := r.number("SELECT count(*) FROM billing_parked WHERE next_at <= $1", r.clock().UnixMilli()); n != 1 {
		t.Errorf("%d parked plans are due", n)
	}
}
