package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// meteredPlan includes 2,000 requests; a hundred more are 5 cents.
const meteredPlan = `{"default": "free", "unverified_requests_per_day": 100, "plans": [
  {"name": "free", "num": 1, "title": "Free", "included_requests": 10, "gateways": 10, "consumers": 100, "keys": 100,
   "log_retention": "24h", "currency": "usd", "price_cents": 0},
  {"name": "metered", "num": 2, "title": "Metered", "included_requests": 2000, "gateways": 10, "consumers": 100, "keys": 100,
   "log_retention": "24h", "currency": "usd", "price_cents": 100, "overage": {"requests": 100, "price_cents": 5}}]}`

// TestSpendingCapIsExact spends what a cap affords by three edges at full speed, raises
// the cap and spends the rest: to the request, at the edges and in the ledger.
func TestSpendingCapIsExact(t *testing.T) {
	t.Parallel()
	plans := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(plans, []byte(meteredPlan), 0o644); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Options{Edges: 3, Env: []string{"TOLLGATE_PLANS_FILE=" + plans}})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, "spending", []*harness.Backend{b}, nil)
	change := func(body harness.Object) {
		t.Helper()
		s.api.Must("PATCH", "/v1/subscription", body)
	}
	change(harness.Object{"plan": "metered"})
	change(harness.Object{"spending_cap_cents": 150})
	s.keyed("all", "/*")
	s.api.WaitLive(s.name)
	_, key := s.consumer("alice", "")
	sent := int64(s.waitKey("/x", key))
	tally := harness.NewTally()
	spend := func(want int64) {
		t.Helper()
		s.skewed(key, s.Edges, tally, nil)
		if n := tally.Get(200) + sent; n != want {
			t.Errorf("%d answered 200, want exactly %d: %v", n, want, tally)
		}
	}
	spend(2000 + 3000)
	change(harness.Object{"spending_cap_cents": 201})
	s.waitStatus(key, 200, &sent)
	spend(2000 + 4020)
	change(harness.Object{"spending_cap_cents": 100}) // less than was spent: nothing more, and nothing back
	time.Sleep(2 * time.Second)
	spend(2000 + 4020)
	err := harness.Until(t.Context(), 30*time.Second, func() error {
		answer := s.api.Must("GET", "/v1/subscription", nil)
		lines, _ := answer["estimate"].(harness.Object)["lines"].([]any)
		for _, l := range lines {
			if l := l.(harness.Object); l["plan"] == "metered" && l["requests"] == float64(6020) && l["overage_cents"] == float64(201) {
				return nil
			}
		}
		return fmt.Errorf("the estimate says %v", lines)
	})
	if err != nil {
		t.Error(err)
	}
}

// waitStatus waits until every edge answers with a status, and adds what it was
// answered 200 to sent.
func (s *shop) waitStatus(key string, status int, sent *int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	for _, e := range s.Edges {
		err := harness.Until(ctx, 10*time.Second, func() error {
			r := s.call.Get(e.Addr(), s.host, "/x", key)
			if r.Status == 200 {
				*sent++
			}
			if r.Status != status {
				return fmt.Errorf("%s answers %d", e.Addr(), r.Status)
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}
