package billing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/stripefake"
)

// again counts the totals that Stripe was told again because it counted others.
func (r *rig) again() (n int) {
	for _, e := range r.Log() {
		if e.Method == http.MethodPost && strings.Contains(e.Params.Get("identifier"), ":again:") {
			n++
		}
	}
	return n
}

// minutes moves all clocks on in steps of five minutes, with the worker's work after
// each, until done says so or the time is over. It answers how long that was.
func (r *rig) minutes(most time.Duration, done func() bool) (passed time.Duration) {
	r.t.Helper()
	for passed < most && !done() {
		r.Advance(5 * time.Minute)
		passed += 5 * time.Minute
		r.deliverAll()
		r.work()
	}
	return passed
}

func never() bool { return false }

// TestStripeMiscounts has Stripe lose an hour that it took, count one twice, forget
// one later on, and count what nobody told: within two hours it counts what the ledger
// has, without anybody's doing, and nobody is alarmed.
func TestStripeMiscounts(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // since it was told
		at    time.Duration // of the hour, since the one that was used
		wrong int64
	}{
		"lost":           {0, 0, 0},
		"twice":          {0, 0, 260},
		"forgotten":      {30 * time.Hour, 0, 0},
		"told by nobody": {3 * time.Hour, time.Hour, 77},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "lost" {
				long(t)
			}
			r := start(t, stripefake.Options{})
			o := r.signUp("acme").subscribe("pro")
			used := r.Now()
			o.serve(used, 2, 130)
			told := func() bool { return o.total(proUsage) == 130 }
			if r.minutes(2*time.Hour, told); !told() {
				t.Fatalf("Stripe counts %d, want 130", o.total(proUsage))
			}
			r.later(c.after)
			if err := r.SetUsage(o.customer(), proUsage, used.Add(c.at), c.wrong); err != nil {
				t.Fatal(err)
			}
			passed := r.minutes(3*time.Hour, told)
			if !told() || passed > 2*time.Hour {
				t.Errorf("after %s Stripe counts %d, want 130 within two hours", passed, o.total(proUsage))
			}
			t.Logf("mended after %s", passed)
			r.later(3 * time.Hour)
			if n := r.again(); n != 1 {
				t.Errorf("%d totals were told again, want 1", n)
			}
			if n := r.number("SELECT COUNT(*) FROM billing_differences"); n != 0 || r.logs.has("again and again") {
				t.Errorf("%d hours differ", n)
			}
		})
	}
}

// TestStripeMiscountsAtTheEnd has Stripe lose the last hour of a period while its
// invoice is being drafted: the invoice has it all the same.
func TestStripeMiscountsAtTheEnd(t *testing.T) {
	r := start(t, stripefake.Options{WholeHours: true})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.later(end.Add(-20 * time.Minute))
	r.work()
	o.serve(end.Add(-30*time.Minute), 2, 150) // 50 beyond: 25 cents
	r.AdvanceTo(end.Add(time.Second))
	told := func() bool { return o.total(proUsage) == 150 }
	if r.minutes(30*time.Minute, told); !told() {
		t.Fatalf("Stripe counts %d, want 150", o.total(proUsage))
	}
	if err := r.SetUsage(o.customer(), proUsage, end.Add(-time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	r.minutes(2*time.Hour, never)
	if got := o.final(end); got["total_cents"] != 4925.0 {
		t.Errorf("the invoice is %v cents, want 4925: %v", got["total_cents"], got["lines"])
	}
	if n := r.number("SELECT COUNT(*) FROM billing_adjustments"); n != 0 {
		t.Errorf("%d late lines", n)
	}
}

// TestStripeCountsRight: where Stripe counts what it is told, though it shows that
// late, nothing is told twice.
func TestStripeCountsRight(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{SummaryLag: 12 * time.Minute})
	o := r.signUp("acme").subscribe("pro")
	began := r.Now()
	for hour := range 12 {
		o.serve(r.Now(), 2, 10+hour)
		if hour%4 == 3 {
			o.serve(began, 2, 3) // an edge comes back
		}
		r.minutes(time.Hour, never)
	}
	r.minutes(2*time.Hour, never)
	totals := 0
	for _, e := range r.Log() {
		if e.Method == http.MethodPost && e.Path == "/v1/billing/meter_events" {
			totals++
		}
	}
	// Twelve hours, of which one rose three times, once before it was told.
	if n := r.again(); n != 0 || totals < 14 || totals > 15 {
		t.Errorf("Stripe was told %d totals, %d of them again", totals, n)
	}
	if n := r.number("SELECT COUNT(*) FROM billing_differences"); n != 0 {
		t.Errorf("%d hours differ", n)
	}
	if n := r.number("SELECT COUNT(*) FROM billing_comparisons"); n != 1 {
		t.Errorf("%d customers were looked at", n)
	}
}

// TestStripeMiscountsWhileAway takes Stripe away in the middle of looks at several
// customers: who was left is looked at when it is back, within the same two hours.
func TestStripeMiscountsWhileAway(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	var orgs []*org
	for _, name := range []string{"one", "two", "three"} {
		o := r.signUp(name).subscribe("pro")
		o.serve(r.Now(), 2, 40)
		orgs = append(orgs, o)
	}
	right := func() bool {
		for _, o := range orgs {
			if o.total(proUsage) != 40 {
				return false
			}
		}
		return true
	}
	if r.minutes(2*time.Hour, right); !right() {
		t.Fatal("Stripe does not count what was used")
	}
	for _, o := range orgs {
		if err := r.SetUsage(o.customer(), proUsage, born, 1); err != nil {
			t.Fatal(err)
		}
	}
	// One look is answered, the next are not, and then nothing is for half an hour.
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultSlow, Path: "/v1/billing/meters/", Times: 2})
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultBefore, Path: "/v1/billing/meters/", Times: 9})
	r.minutes(40*time.Minute, never)
	r.SetFaults(stripefake.Faults{Down: stripefake.FaultRefuse})
	r.Advance(15 * time.Minute)
	r.work()
	r.Advance(15 * time.Minute)
	r.work()
	r.SetFaults(stripefake.Faults{})
	if passed := r.minutes(2*time.Hour, right); !right() {
		t.Errorf("not all is mended %s after Stripe is back", passed)
	}
	r.later(2 * time.Hour)
	if n := r.number("SELECT COUNT(*) FROM billing_differences"); n != 0 {
		t.Errorf("%d hours differ", n)
	}
}
