package billing_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// reprice restarts the worker with another price of pro's further requests: cents for
// a hundred. The portal goes on with the old one, as in an upgrade.
func (r *rig) reprice(cents string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "plans.json")
	text := strings.Replace(plans, `"overage": {"requests": 100, "price_cents": 50}`, `"overage": {"requests": 100, "price_cents": `+cents+`}`, 1)
	if text == plans {
		r.t.Fatal("the price of pro is not found")
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	a, err := control(r.t.Context(), append(slices.Clone(r.env), "TOLLGATE_PLANS_FILE="+file), slog.New(slog.NewTextHandler(io.Discard, nil)), r.clock)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(a.Close)
	r.app = a
}

// usage is what the organization's paid invoice of the period that ends at a time
// charges for requests.
func (o *org) usage(end time.Time) (cents float64) {
	o.T.Helper()
	for _, l := range o.final(end)["lines"].([]any) {
		if l := l.(harness.Object); l["kind"] == "usage" {
			cents += l["amount_cents"].(float64)
		}
	}
	return cents
}

// TestUsagePriceChanges: a new price of further requests holds from the next period on,
// also where it is changed in a period's first hours; nothing has to be corrected.
func TestUsagePriceChanges(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.later(end.Add(2 * time.Hour))
	r.reprice("500") // five cents each
	o.later(end.Add(5 * time.Hour))
	for _, want := range []float64{25, 250} {
		o.serve(r.Now(), 2, 150)
		_, end = o.period()
		o.later(end.Add(6 * time.Hour))
		r.deliverAll()
		if got := o.usage(end); got != want {
			t.Errorf("50 requests beyond cost %v cents in the period that ends at %s, want %v", got, end, want)
		}
	}
	if n := r.number("SELECT COUNT(*) FROM billing_adjustments"); n != 0 {
		t.Errorf("%d lines make it right afterwards", n)
	}
}

// TestUsagePriceChangesUnseen: a worker that was away when a period began leaves Stripe
// with the old price for it, and the difference is a line of the next invoice.
func TestUsagePriceChangesUnseen(t *testing.T) {
	long(t)
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	_, end := o.period()
	o.later(end.Add(-24 * time.Hour))
	r.reprice("500")
	r.work()
	o.later(end.Add(-time.Hour))
	r.AdvanceTo(end.Add(7 * time.Hour))
	r.deliverAll()
	r.work()
	o.serve(r.Now(), 2, 150)
	_, end = o.period()
	o.later(end.Add(6 * time.Hour))
	r.deliverAll()
	if got := o.usage(end); got != 25 {
		t.Errorf("Stripe bills %v cents", got)
	}
	o.later(end.Add(12 * time.Hour))
	if n := r.number("SELECT COALESCE(SUM(cents), 0) FROM billing_adjustments"); n != 225 {
		t.Errorf("%d cents are added, want 225", n)
	}
}
