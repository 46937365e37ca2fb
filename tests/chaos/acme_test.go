package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestACMEHundred: a hundred domains at an authority that refuses 30 % of good
// nonces and takes its time to look (0 to 5 s a look), over two edges: all are
// served, with one order each and none left over.
func TestACMEHundred(t *testing.T) {
	const domains = 100
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2, RejectNonces: 30})
	api := a.SignUp("hundred")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "hundred"})
	var hosts []string
	began := time.Now()
	for i := range domains {
		hosts = append(hosts, fmt.Sprintf("d%02d.example.com", i))
		a.AddDomain(api, "hundred", hosts[i])
	}
	added := time.Since(began)
	took := a.Issued(hosts, 3*time.Minute)
	issued := 0
	list := api.Must("GET", "/v1/gateways/hundred/domains?limit=200", nil)["items"].([]any)
	for _, d := range list {
		if c := d.(harness.Object)["certificate"].(harness.Object); c["state"] == "issued" {
			issued++
		} else {
			t.Errorf("stuck: %v", d)
		}
	}
	orders := a.Pebble.Orders()
	if orders != domains {
		t.Errorf("%d orders for %d domains", orders, domains)
	}
	t.Logf("%d domains, 30 %% of nonces refused, 2 edges: added and proven in %.1f s; served by both edges %.1f s (median) and %.1f s (last) after that, %.1f s after the first; %d issued, %d orders, %d duplicate, %d stuck",
		domains, added.Seconds(), took[domains/2].Seconds(), took[domains-1].Seconds(), (added + took[domains-1]).Seconds(), issued, orders, orders-domains, domains-issued)
}
