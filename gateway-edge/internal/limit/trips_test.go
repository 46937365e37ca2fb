package limit

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestRoundTrips: with 1,000 keys, each under a quota, a rate and a concurrency
// limit, Redis is asked for less than one request in a hundred.
func TestRoundTrips(t *testing.T) {
	s := startRedis(t)
	e := s.edge("edge-a", 1)
	families := []policy.Family{
		quotaFamily(t, e.Limits, 1_000_000),
		rateFamily(t, e.Limits, contract.Rate{Rate: 100, Burst: 100}),
		slotsFamily(t, e.Limits, 100),
	}
	keys := make([]*policy.Principal, 1000)
	for i := range keys {
		keys[i] = &policy.Principal{Kind: policy.KindAPIKey, Key: uint64(i + 1), Consumer: 3}
	}
	refused, sent := 0, 0
	second := func() {
		began := time.Now()
		for round := range 10 {
			for _, p := range keys {
				sent++
				for i, f := range families {
					v, c := serve(e.Limits, f, p)
					if v != policy.Took {
						refused++
					} else if i == 2 {
						c.Credit()
					}
				}
			}
			time.Sleep(time.Until(began.Add(time.Duration(round+1) * 100 * time.Millisecond)))
		}
	}
	second() // first leases
	cold, before, began := sent, e.Stats(), time.Now()
	for range 3 {
		second()
	}
	after := e.Stats()
	n := float64(sent - cold)
	t.Logf("cold: %d requests, %d round trips, %d waits; then a request: %.4f round trips, %.4f scripts, %.5f waits", cold, before.Trips, before.Waits,
		float64(after.Trips-before.Trips)/n, float64(after.Calls-before.Calls)/n, float64(after.Waits-before.Waits)/n)
	// What renewals take goes by time: a machine that can't send 10,000 requests in a
	// second has as many round trips in it.
	due := max(n, 10_000*time.Since(began).Seconds())
	if trips := float64(after.Trips - before.Trips); trips > 0.01*due {
		t.Errorf("%.0f round trips in a time for %.0f requests", trips, due)
	}
	if refused > 0 {
		t.Errorf("%d refused", refused)
	}
}
