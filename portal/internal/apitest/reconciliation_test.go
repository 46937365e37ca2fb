package apitest

import (
	"strings"
	"testing"
)

// TestPresentPeriod: an organization that used nothing has its period's statement and
// estimate, and so has one whose ledger holds hours.
func TestPresentPeriod(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		empty := ada.get("/v1/invoices/current/reconciliation").want(200)
		if empty.at("chain", "intact") != true || empty.at("totals", "ledger_requests") != 0.0 {
			t.Errorf("nothing was used: %s", empty.body)
		}
		if got := string(ada.get("/v1/invoices/current/reconciliation.csv").want(200).body); got != "hour,plan,gateway,route,consumer,key,requests\r\ntotal,,,,,,0\r\n" {
			t.Errorf("the table is %q", got)
		}
		sub := ada.get("/v1/subscription").want(200)
		if sub.at("estimate", "total_cents") != 0.0 || !strings.Contains(string(sub.body), `"plan":"free"`) {
			t.Errorf("the estimate is in %s", sub.body)
		}
		ada.get("/v1/invoices/in_none/reconciliation").want(404)
		ada.get("/v1/invoices/in_none/reconciliation.csv").want(404)
	})
}
