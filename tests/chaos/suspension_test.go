package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestSuspension measures from the portal's 200 to the first 403 at each of two
// edges, for 50 suspensions, and back: by an operator, under load.
func TestSuspension(t *testing.T) {
	s := newSite(t, harness.Options{Edges: 2, Env: []string{"TOLLGATE_OPERATORS=boss@example.com"}}, "boss")
	o := s.Operator("boss")
	org := s.api.Must("GET", "/v1/organization", nil)["id"].(string)
	_, key := s.api.Key(s.name, "alice", nil)
	for _, e := range s.Edges {
		if _, err := s.accepted(e, "/x", key, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	stop := s.background(100, key)
	defer stop()
	bestOf(t, func() (string, error) {
		var gone, back spread
		for range 50 {
			o.Must("POST", "/v1/operator/organizations/"+org+"/suspend", harness.Object{"reason": "a test"})
			took, err := s.until(key, 403)
			if err != nil {
				return "", err
			}
			gone = append(gone, took...)
			o.Must("POST", "/v1/operator/organizations/"+org+"/resume", harness.Object{"reason": "the test is over"})
			if took, err = s.until(key, 200); err != nil {
				return "", err
			}
			back = append(back, took...)
		}
		text := fmt.Sprintf("portal's 200 to the first 403: %v; resumed, to the first 200: %v", gone, back)
		if gone.at(0.99) > 2*time.Second || back.at(0.99) > 2*time.Second {
			return text, fmt.Errorf("the bar is p99 <= 2s: %s", text)
		}
		return text, nil
	})
}

// until measures how long each edge takes to answer with a status.
func (s *site) until(key string, status int) (all spread, err error) {
	began := time.Now()
	all = make(spread, len(s.Edges))
	errs := make([]error, len(s.Edges))
	var wg sync.WaitGroup
	for i, e := range s.Edges {
		wg.Go(func() {
			for s.get(e, "/x", key).Status != status {
				if time.Since(began) > 10*time.Second {
					errs[i] = fmt.Errorf("%s does not answer %d after 10 s", e.ID, status)
					return
				}
				time.Sleep(time.Millisecond)
			}
			all[i] = time.Since(began)
		})
	}
	wg.Wait()
	return all, errors.Join(errs...)
}

// twoPlans are a plan that includes one request and one that includes many.
const twoPlans = `{"default": "large", "unverified_requests_per_day": 100, "plans": [
  {"name": "large", "num": 1, "title": "Large", "included_requests": 1000000000, "gateways": 10, "consumers": 100, "keys": 100,
   "log_retention": "24h", "currency": "usd", "price_cents": 0},
  {"name": "small", "num": 2, "title": "Small", "included_requests": 1, "gateways": 10, "consumers": 100, "keys": 100,
   "log_retention": "24h", "currency": "usd", "price_cents": 0}]}`

// TestPlanChange measures from the portal's 200 to the first answer by the new
// plan's limits at each of two edges, for 50 changes to a plan whose requests are
// used up (what the period has used counts on every plan) and back, under load.
func TestPlanChange(t *testing.T) {
	plans := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(plans, []byte(twoPlans), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, harness.Options{Edges: 2, Env: []string{"TOLLGATE_OPERATORS=boss@example.com", "TOLLGATE_PLANS_FILE=" + plans}}, "boss")
	o := s.Operator("boss")
	org := s.api.Must("GET", "/v1/organization", nil)["id"].(string)
	_, key := s.api.Key(s.name, "alice", nil)
	for _, e := range s.Edges {
		if _, err := s.accepted(e, "/x", key, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	stop := s.background(100, key)
	defer stop()
	bestOf(t, func() (string, error) {
		var down, up spread
		for range 50 {
			o.Must("PATCH", "/v1/operator/organizations/"+org, harness.Object{"plan": "small", "reason": "a test"})
			took, err := s.until(key, 429)
			if err != nil {
				return "", err
			}
			down = append(down, took...)
			o.Must("PATCH", "/v1/operator/organizations/"+org, harness.Object{"plan": "large", "reason": "the test is over"})
			if took, err = s.until(key, 200); err != nil {
				return "", err
			}
			up = append(up, took...)
		}
		text := fmt.Sprintf("portal's 200 to the first 429 of the smaller plan: %v; to the first 200 of the larger one: %v", down, up)
		if down.at(0.99) > 2*time.Second || up.at(0.99) > 2*time.Second {
			return text, fmt.Errorf("the bar is p99 <= 2s: %s", text)
		}
		return text, nil
	})
}
