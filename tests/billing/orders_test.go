package billing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// lifeEvents are the five events of a life, in the order in which they happen.
var lifeEvents = []string{"customer.subscription.created", "invoice.paid", "customer.subscription.updated", "invoice.payment_failed", "customer.subscription.deleted"}

// orders are the permutations of 0 to n-1.
func orders(n int) (out [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, shorter := range orders(n - 1) {
		for at := range n {
			order := append(append(append([]int{}, shorter[:at]...), n-1), shorter[at:]...)
			out = append(out, order)
		}
	}
	return out
}

// life is an organization whose events come in an order of its own.
type life struct {
	*org
	order  []int
	events []string // ids, of what has happened
	next   int      // in order
}

// TestS05 lives the same life with 120 organizations at once: pro by Checkout, its
// invoice paid, up to scale, a period whose invoice is not paid, cancelled. Stripe
// tells each of the five events twice, in each of the 120 orders, an event as early
// as it can be told: so every state in between is fetched as well. All of them end
// in the same state. In short runs twelve of the orders do.
func TestS05(t *testing.T) {
	r := start(t, stripefake.Options{})
	all := orders(len(lifeEvents))
	if len(all) != 120 {
		t.Fatal(len(all))
	}
	step := 1
	if os.Getenv("TOLLGATE_LONG") == "" {
		step = 10
	}
	var lives []*life
	for i := 0; i < len(all); i += step {
		lives = append(lives, &life{org: r.signUp(fmt.Sprintf("life%d", i)), order: all[i]})
	}
	if step > 1 { // the last one is told backwards
		lives[len(lives)-1].order = []int{4, 3, 2, 1, 0}
	}
	began := time.Now()
	for stage := range lifeEvents {
		for _, l := range lives {
			l.live(stage)
			l.tell(stage)
		}
		r.Advance(90 * time.Minute)
	}
	t.Logf("%d lives, each of %d events twice, in %s", len(lives), len(lifeEvents), time.Since(began).Round(time.Millisecond))
	want := lives[0].state()
	for _, l := range lives {
		if got := l.state(); got != want {
			t.Errorf("in the order %v: %s, want %s as in %v", l.order, got, want, lives[0].order)
		}
	}
	var is struct {
		Plan, Status, Standing string
		Invoices               []string
	}
	if err := json.Unmarshal([]byte(want), &is); err != nil {
		t.Fatal(err)
	}
	if is.Plan != "free" || is.Status != "canceled" || is.Standing != "grace" || len(is.Invoices) < 2 {
		t.Errorf("the state is %s", want)
	}
}

// live makes what happens in a stage at Stripe, and keeps the id of its event.
func (l *life) live(stage int) {
	t, r := l.T, l.r
	t.Helper()
	r.Drop()
	dashboard := func(method, path string, form url.Values) {
		if _, err := r.Fake.Do(method, path, form); err != nil {
			t.Fatal(err)
		}
	}
	switch stage {
	case 0, 1:
		if stage == 0 {
			if _, err := r.Pay(l.checkout("pro"), stripefake.CardGood); err != nil {
				t.Fatal(err)
			}
			l.events = []string{r.newest(lifeEvents[0]), r.newest(lifeEvents[1])}
		}
		return
	case 2:
		sub, err := r.Fake.Do("GET", "/v1/subscriptions/"+r.subscriptionOf(l.org), nil)
		if err != nil {
			t.Fatal(err)
		}
		base := sub["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
		dashboard("POST", "/v1/subscriptions/"+sub["id"].(string), url.Values{"items[0][id]": {base}, "items[0][price]": {r.priceOf("scale")}})
	case 3:
		if err := r.SetCard(l.customer(), stripefake.CardDeclines); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ClosePeriod(r.subscriptionOf(l.org)); err != nil {
			t.Fatal(err)
		}
		r.Finalize()
	case 4:
		dashboard("DELETE", "/v1/subscriptions/"+r.subscriptionOf(l.org), nil)
	}
	l.events = append(l.events, r.newest(lifeEvents[stage]))
}

// tell delivers, twice each, what can be told by now in this life's order.
func (l *life) tell(stage int) {
	l.T.Helper()
	for ; l.next < len(l.order) && l.order[l.next] <= stage; l.next++ {
		id := l.events[l.order[l.next]]
		for range 2 {
			statuses, err := l.r.Deliver(context.WithoutCancel(l.T.Context()), id)
			if err != nil || statuses[0]/100 != 2 {
				l.T.Fatalf("%s: %v %v", id, statuses, err)
			}
			l.r.sync()
		}
	}
}

// newest is the id of the newest event of a kind.
func (r *rig) newest(kind string) string {
	r.t.Helper()
	list, err := r.Fake.Do("GET", "/v1/events", url.Values{"type": {kind}, "limit": {"1"}})
	if err != nil || len(list["data"].([]any)) == 0 {
		r.t.Fatalf("no event %s: %v", kind, err)
	}
	return list["data"].([]any)[0].(map[string]any)["id"].(string)
}

// priceOf is the base price of a plan at Stripe.
func (r *rig) priceOf(plan string) string {
	r.t.Helper()
	list, err := r.Fake.Do("GET", "/v1/prices", url.Values{"product": {"tollgate_" + plan}, "recurring[usage_type]": {"licensed"}})
	if err != nil || len(list["data"].([]any)) != 1 {
		r.t.Fatal(list, err)
	}
	return list["data"].([]any)[0].(map[string]any)["id"].(string)
}

// state is what an organization is, without what differs between two that are the
// same: names and ids.
func (o *org) state() string {
	o.T.Helper()
	s := o.subscription()
	out := map[string]any{
		"plan": s["plan"].(harness.Object)["name"], "status": s["status"], "standing": s["standing"], "cancel": s["cancel_at_period_end"], "next": s["next_plan"],
		"credit": s["credit_cents"], "from": s["period_start"], "to": s["period_end"],
	}
	var invoices []string
	for _, i := range o.Must("GET", "/v1/invoices", nil)["items"].([]any) {
		i := i.(harness.Object)
		invoices = append(invoices, fmt.Sprint(i["status"], " ", i["total_cents"], " ", i["amount_due_cents"]))
	}
	out["invoices"] = invoices
	b, err := json.Marshal(out)
	if err != nil {
		o.T.Fatal(err)
	}
	return string(b)
}
