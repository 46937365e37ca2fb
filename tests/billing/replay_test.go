package billing_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestReplay lives a whole life through the portal and the worker, in either way of
// telling usage, and then holds every call of it against stripe-mock: it has the
// shape that Stripe wants, and what the fake answered has Stripe's.
func TestReplay(t *testing.T) {
	if os.Getenv("TOLLGATE_STRIPE_MOCK") == "" {
		t.Skip("TOLLGATE_STRIPE_MOCK is not set: `make billing` fetches stripe-mock and sets it")
	}
	to, wait, err := stripefake.StartMocks(t.Context(), filepath.Join(os.Getenv("TOLLGATE_BIN"), "tools"))
	if err != nil {
		t.Fatal(err)
	}
	defer wait()
	for _, usage := range []string{"meters", "records"} {
		t.Run(usage, func(t *testing.T) {
			r := start(t, stripefake.Options{}, "TOLLGATE_STRIPE_USAGE="+usage)
			r.wholeLife(usage == "meters")
			done, err := stripefake.Replay(t.Context(), r.Log(), to)
			if err != nil {
				t.Error(err)
			}
			t.Logf("%d calls of meters at stripe-mock %s, %d others at %s", done.Meters, stripefake.MetersVersion, done.Records, stripefake.RecordsVersion)
			if done.Records < 50 || usage == "meters" && done.Meters < 8 || usage == "records" && done.Meters != 0 {
				t.Errorf("replayed %+v", done)
			}
		})
	}
}

// wholeLife subscribes, uses, is miscounted by Stripe's meters, changes the plan both
// ways, is billed overage, late usage and a debt, cancels, and is billed what comes
// after that.
func (r *rig) wholeLife(meters bool) {
	t := r.t
	t.Helper()
	o := r.signUp("acme").subscribe("pro")
	o.Must("POST", "/v1/billing/portal", nil)
	o.Must("POST", "/v1/billing/refresh", nil)
	o.serve(r.Now(), 2, 130)
	r.later(2 * time.Hour)
	if meters {
		if err := r.SetUsage(o.customer(), proUsage, r.Now().Add(-2*time.Hour), 3); err != nil {
			t.Fatal(err)
		}
		r.later(3 * time.Hour)
		if n := r.again(); n != 1 {
			t.Errorf("%d hours were told again", n)
		}
	}
	o.Must("POST", "/v1/subscription/preview", harness.Object{"plan": "scale"})
	o.choose(harness.Object{"plan": "scale"})
	o.choose(harness.Object{"plan": "pro"})
	o.choose(harness.Object{"plan": "scale"}) // taken back
	o.serve(r.Now(), 3, 1300)
	_, end := o.period()
	o.later(end.Add(3 * time.Hour))
	o.serve(end.Add(-5*time.Hour), 3, 400)
	r.later(2 * time.Hour)
	if err := r.SetCard(o.customer(), stripefake.CardDeclines); err != nil {
		t.Fatal(err)
	}
	_, end = o.period()
	o.later(end.Add(3 * time.Hour))
	if got := o.subscription(); got["standing"] != "grace" {
		t.Errorf("with an unpaid invoice: %v", got["standing"])
	}
	if err := r.SetCard(o.customer(), stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	o.later(end.AddDate(0, 0, 4))
	if got := o.subscription(); got["standing"] != "good" {
		t.Errorf("paid: %v", got["standing"])
	}
	o.choose(harness.Object{"cancel_at_period_end": true})
	_, end = o.period()
	o.later(end.Add(3 * time.Hour))
	if got := o.subscription(); o.plan() != "free" || got["status"] != "canceled" {
		t.Errorf("at the end: %v", got)
	}
	o.serve(end.Add(-5*time.Hour), 3, 1400) // 400 beyond: a dollar
	r.minutes(4*time.Hour, never)
	if lone := o.lone(); len(lone) != 1 || lone[0]["total_cents"] != 100.0 {
		t.Errorf("after the end: %v", lone)
	}
}
