package stripefake_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/stripefake"
)

// TestReplay holds the fake's own objects and parameters against stripe-mock.
func TestReplay(t *testing.T) {
	dir := filepath.Join(os.Getenv("TOLLGATE_BIN"), "tools")
	if os.Getenv("TOLLGATE_STRIPE_MOCK") == "" {
		t.Skip("TOLLGATE_STRIPE_MOCK is not set: `make billing` fetches stripe-mock and sets it")
	}
	to, wait, err := stripefake.StartMocks(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer wait()
	a := start(t, stripefake.Options{})
	sub := a.subscribe(noon.AddDate(0, 0, 3))
	a.used(noon, 4)
	a.ok("GET", "/v1/invoices/upcoming", "subscription="+sub+"&subscription_proration_behavior=always_invoice")
	a.ok("GET", "/v1/subscriptions", "status=all&expand[0]=data.latest_invoice")
	a.ok("GET", "/v1/prices", "lookup_keys[0]=x")
	a.ok("GET", "/v1/billing/meters", "")
	a.ok("GET", "/v1/prices", "limit=5&expand[]=data.tiers")
	a.ok("GET", "/v1/products", "")
	a.ok("GET", "/v1/events", "types[]=x")
	a.ok("GET", "/v1/events", "limit=1")
	a.ok("GET", "/v1/account", "")
	a.ok("POST", "/v1/billing_portal/sessions", "customer="+a.customer)
	a.ok("POST", "/v1/customers/"+a.customer+"/balance_transactions", "amount=-5&currency=usd")
	a.ok("POST", "/v1/invoiceitems", "customer="+a.customer+"&amount=-5&currency=usd")
	a.ok("GET", "/v1/invoiceitems", "pending=true")
	a.Advance(4 * 24 * time.Hour)
	a.ok("GET", "/v1/invoices", "customer="+a.customer)
	in := a.ok("GET", "/v1/subscriptions/"+sub, "")["latest_invoice"].(string)
	a.ok("GET", "/v1/invoices/"+in+"/lines", "limit=1")
	a.ok("GET", "/v1/invoices/"+in, "")
	a.ok("POST", "/v1/subscriptions/"+sub, "cancel_at_period_end=true")
	a.ok("DELETE", "/v1/subscriptions/"+sub, "invoice_now=true&prorate=true")
	old := a.price("unit_amount=2&recurring[interval]=month&recurring[usage_type]=metered")
	o := a.ok("POST", "/v1/subscriptions", "customer="+a.customer+"&items[0][price]="+old)
	item := data(o["items"].(map[string]any))[0].(map[string]any)["id"].(string)
	a.ok("POST", "/v1/subscription_items/"+item+"/usage_records", "quantity=5&action=set&timestamp=now")
	done, err := stripefake.Replay(t.Context(), a.Log(), to)
	if err != nil {
		t.Error(err)
	}
	if done.Meters < 4 || done.Records < 25 {
		t.Errorf("replayed %+v", done)
	}
}
