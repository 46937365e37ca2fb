package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// switched is what an operator does to an organization and takes back, and the
// status that edges answer in between.
type switched struct {
	there, back string // method and path below the organization's
	off, on     harness.Object
	status      int
	text        string // what was measured, for two spreads
}

// measureSwitch measures from the portal's 200 to the first answer that shows it at
// each of two edges, 50 times and back, under load.
func measureSwitch(t *testing.T, w *switched, env ...string) {
	s := newSite(t, harness.Options{Edges: 2, Env: append(env, "TOLLGATE_OPERATORS=boss@example.com")}, "boss")
	o := s.Operator("boss")
	org := "/v1/operator/organizations/" + s.api.Must("GET", "/v1/organization", nil)["id"].(string)
	_, key := s.api.Key(s.name, "alice", nil)
	for _, e := range s.Edges {
		if _, err := s.accepted(e, "/x", key, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	defer s.background(100, key)()
	turn := func(what string, body harness.Object, status int, into *spread) error {
		method, path, _ := strings.Cut(what, " ")
		o.Must(method, org+path, body)
		took, err := s.until(key, status)
		*into = append(*into, took...)
		return err
	}
	bestOf(t, func() (string, error) {
		var there, back spread
		for range 50 {
			if err := turn(w.there, w.off, w.status, &there); err != nil {
				return "", err
			}
			if err := turn(w.back, w.on, 200, &back); err != nil {
				return "", err
			}
		}
		text := fmt.Sprintf(w.text, there, back)
		if there.at(0.99) > 2*time.Second || back.at(0.99) > 2*time.Second {
			return text, fmt.Errorf("the bar is p99 <= 2s: %s", text)
		}
		return text, nil
	})
}

// TestSuspension measures suspensions by an operator: 403.
func TestSuspension(t *testing.T) {
	measureSwitch(t, &switched{
		there: "POST /suspend", off: harness.Object{"reason": "a test"}, status: 403,
		back: "POST /resume", on: harness.Object{"reason": "the test is over"},
		text: "portal's 200 to the first 403: %v; resumed, to the first 200: %v",
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

// TestPlanChange measures changes to a plan whose requests are used up (what the
// period has used counts on every plan): 429.
func TestPlanChange(t *testing.T) {
	plans := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(plans, []byte(twoPlans), 0o644); err != nil {
		t.Fatal(err)
	}
	measureSwitch(t, &switched{
		there: "PATCH ", off: harness.Object{"plan": "small", "reason": "a test"}, status: 429,
		back: "PATCH ", on: harness.Object{"plan": "large", "reason": "the test is over"},
		text: "portal's 200 to the first 429 of the smaller plan: %v; to the first 200 of the larger one: %v",
	}, "TOLLGATE_PLANS_FILE="+plans)
}
