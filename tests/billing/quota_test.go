package billing_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestQTA07 tries to begin a new period, and so to be served the included requests
// again, by going up and down, by cancelling and subscribing again, and at the
// boundary itself: what was used stays used until the period's own end.
func TestQTA07(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme")
	begin, end := o.period()
	o.serve(r.Now(), 1, 40)
	r.work()
	same := func(what string) {
		t.Helper()
		if from, to := o.period(); !from.Equal(begin) || !to.Equal(end) {
			t.Errorf("%s: the period is %s to %s, was %s to %s", what, from, to, begin, end)
		}
	}
	// What a plan includes comes once in a period, on top of what others served.
	most := func(what string, want int64) {
		t.Helper()
		d, err := r.app.Tenants.Document(t.Context(), core.OrganizationID(o.id))
		if err != nil || d.RequestsPerPeriod != want {
			t.Errorf("%s: edges serve %d requests in the period, want %d, %v", what, d.RequestsPerPeriod, want, err)
		}
	}
	most("at first", 50)
	o.subscribe("pro")
	same("subscribed")
	most("subscribed", 40+100)
	o.serve(r.Now(), 2, 30)
	for range 4 {
		o.choose(harness.Object{"plan": "scale"})
		same("up")
		r.work()
		most("up", 40+30+1000)
		o.choose(harness.Object{"plan": "pro"})
		same("down, when the period ends")
		r.later(time.Hour)
	}
	o.choose(harness.Object{"cancel_at_period_end": true})
	o.choose(harness.Object{"cancel_at_period_end": false})
	same("cancelled and taken back")
	if _, err := r.Fake.Do("DELETE", "/v1/subscriptions/"+r.subscriptionOf(o), nil); err != nil {
		t.Fatal(err)
	}
	r.deliverAll()
	if got := o.plan(); got != "free" {
		t.Fatalf("without a subscription the plan is %s", got)
	}
	same("cancelled at once")
	most("cancelled at once", 30+50) // ten are left, as before
	o.subscribe("pro")
	same("subscribed again")
	most("subscribed again", 40+100)
	// The boundary: a second before it the period is the old one, then the next.
	r.AdvanceTo(end.Add(-10 * time.Minute))
	r.work()
	same("ten minutes before the end")
	r.later(20 * time.Minute)
	if from, to := o.period(); !from.Equal(end) || !to.Equal(end.AddDate(0, 1, 0)) {
		t.Errorf("the next period is %s to %s", from, to)
	}
	if n := r.number("SELECT count(*) FROM billing_periods WHERE organization = $1", o.num); n != 2 {
		t.Errorf("there were %d periods", n)
	}
}

// period is the organization's, as its owner sees it.
func (o *org) period() (from, to time.Time) {
	o.T.Helper()
	s := o.subscription()
	for name, into := range map[string]*time.Time{"period_start": &from, "period_end": &to} {
		at, err := time.Parse(time.RFC3339, s[name].(string))
		if err != nil {
			o.T.Fatal(err)
		}
		*into = at
	}
	return from, to
}
