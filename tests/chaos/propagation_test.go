package chaos

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// background keeps some load on every edge until the returned function is called.
func (s *site) background(perSecond int, key string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, e := range s.Edges {
		wg.Go(func() {
			tick := time.NewTicker(time.Second / time.Duration(perSecond))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					s.get(e, "/background", key)
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// TestRevocation measures from the portal's 200 to the last 2xx at each of two
// edges, 200 times, without waiting for confirmations.
func TestRevocation(t *testing.T) {
	s := newSite(t, harness.Options{Edges: 2}, "revoked")
	_, steady := s.api.Key(s.name, "alice", nil)
	stop := s.background(200, steady)
	defer stop()
	bestOf(t, func() (string, error) {
		var all, fresh spread
		for range 200 {
			began := time.Now()
			id, key := s.api.Key(s.name, "alice", nil)
			for _, e := range s.Edges {
				if _, err := s.accepted(e, "/x", key, 3*time.Second); err != nil {
					return "", fmt.Errorf("a new key is not accepted: %w", err)
				}
			}
			fresh = append(fresh, time.Since(began))
			last := make([]time.Time, len(s.Edges))
			resurrected := make([]bool, len(s.Edges))
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			for i, e := range s.Edges {
				wg.Go(func() {
					dead := false
					for ctx.Err() == nil {
						switch r := s.get(e, "/x", key); {
						case r.Status == 200:
							last[i], resurrected[i] = time.Now(), dead
						case r.Status == 401:
							dead = true
						}
						time.Sleep(2 * time.Millisecond)
					}
				})
			}
			time.Sleep(10 * time.Millisecond)
			s.api.Must("POST", "/v1/gateways/"+s.name+"/keys/"+id+"/revoke", nil)
			done := time.Now()
			err := harness.Until(ctx, 5*time.Second, func() error {
				for _, e := range s.Edges {
					if r := s.get(e, "/x", key); r.Status != 401 {
						return fmt.Errorf("%s still answers %d", e.ID, r.Status)
					}
				}
				return nil
			})
			time.Sleep(20 * time.Millisecond)
			cancel()
			wg.Wait()
			if err != nil {
				return "", err
			}
			for i := range last {
				all = append(all, max(0, last[i].Sub(done)))
				if resurrected[i] {
					return "", fmt.Errorf("a revoked key came back at %s", s.Edges[i].ID)
				}
			}
		}
		text := fmt.Sprintf("portal's 200 to the last 2xx: %v; new key, call to first 200 at both edges: %v", all, fresh)
		if all.at(0.99) > 250*time.Millisecond || all.at(1) > time.Second {
			return text, fmt.Errorf("bars are p99 <= 250ms and max <= 1s: %v", all)
		}
		if fresh.at(1) > time.Second {
			return text, fmt.Errorf("the bar for a new key is 1s: %v", fresh)
		}
		return text, nil
	})
}

// TestRouteChange measures from the portal's 200 to the change at each edge.
func TestRouteChange(t *testing.T) {
	s := newSite(t, harness.Options{Edges: 2}, "changing")
	_, steady := s.api.Key(s.name, "alice", nil)
	stop := s.background(200, steady)
	defer stop()
	n := 0
	bestOf(t, func() (string, error) {
		var all spread
		for range 100 {
			n++
			body := fmt.Sprintf("version %d", n)
			s.put("routes/changed", harness.Object{
				"match": harness.Object{"path": "/changed"}, "public": true,
				"policies": []harness.Object{{"type": "mock", "config": harness.Object{"status": 200, "body": body}}},
			})
			done := time.Now()
			for _, e := range s.Edges {
				err := harness.Until(context.Background(), 5*time.Second, func() error {
					if r := s.get(e, "/changed", ""); r.Body != body {
						return fmt.Errorf("%s answers %d %q", e.ID, r.Status, r.Body)
					}
					return nil
				})
				if err != nil {
					return "", err
				}
				all = append(all, time.Since(done))
			}
		}
		text := fmt.Sprintf("portal's 200 to the change at each edge: %v", all)
		if all.at(0.99) > 500*time.Millisecond {
			return text, fmt.Errorf("the bar is p99 <= 500ms: %v", all)
		}
		return text, nil
	})
}
