package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestSpread sends 10,000 requests by 3 keys over 2 routes through nginx and two
// edges to 3 weighted backends, and compares everybody's counts.
func TestSpread(t *testing.T) {
	c := harness.New(t, harness.Options{Edges: 2, EdgeEnv: []string{"TOLLGATE_TRUSTED_PROXIES=127.0.0.1/32"}})
	weights := []int{5, 3, 2}
	var backends []*harness.Backend
	for i := range weights {
		backends = append(backends, harness.StartBackend(t, fmt.Sprintf("backend-%d", i)))
	}
	s := newShop(t, c, "spread", backends, weights)
	s.keyed("reads", "/reads/*")
	s.keyed("writes", "/writes/*")
	s.api.WaitLive(s.name)
	keys, ids := make([]string, 3), make([]string, 3)
	byKey, byRoute := map[string]int64{}, map[string]int64{}
	for i := range keys {
		ids[i], keys[i] = s.consumer(fmt.Sprintf("caller-%d", i), "")
		n := int64(s.waitKey("/reads/0", keys[i]))
		byKey[ids[i]] += n
		byRoute["reads"] += n
	}
	front := harness.StartNginx(t, c.Edges...)
	const total = 10000
	tally := harness.NewTally()
	harness.Times(total, 32, func(i int) {
		path := []string{"/reads/1", "/writes/1"}[i%2]
		tally.Add(s.call.Get(front, s.host, path, keys[i%3], "X-Forwarded-For", "203.0.113.9"))
	})
	for i := range total {
		byKey[ids[i%3]]++
		byRoute[[]string{"reads", "writes"}[i%2]]++
	}
	if tally.Get(200) != total {
		t.Fatalf("answers: %v", tally)
	}
	var sum int64
	seen := make([]harness.Counts, len(backends))
	for i, b := range backends {
		seen[i] = b.Counts(t)
		sum += seen[i].Requests
	}
	for i, n := range seen {
		share, want := float64(n.Requests)/float64(sum), float64(weights[i])/10
		t.Logf("%s: %d of %d, %.4f, weight %.1f", backends[i].Name, n.Requests, sum, share, want)
		if math.Abs(share-want) > 0.01 {
			t.Errorf("%s has a share of %.4f, want %.2f ± 0.01", backends[i].Name, share, want)
		}
		for client := range n.Clients {
			if !strings.HasPrefix(client, "203.0.113.9") && !strings.HasPrefix(client, "127.0.0.1") {
				t.Errorf("%s was told the client %q", backends[i].Name, client)
			}
		}
	}
	if got := s.usage("key", byKey, 10*time.Second); !same(got, byKey) {
		t.Errorf("usage by key %v, want %v", got, byKey)
	}
	if got := s.usage("route", byRoute, 10*time.Second); !same(got, byRoute) {
		t.Errorf("usage by route %v, want %v", got, byRoute)
	}
	t.Logf("billed by key %v, by route %v", byKey, byRoute)
	s.logHasClient("127.0.0.1", "203.0.113.9")
}

func same(a, b map[string]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// logHasClient waits until the log shows the true client's address: nginx adds
// the address of its own peer, which is the loopback caller, behind what the
// caller claimed; the edge trusts nginx only, so the caller's claim is not believed
// beyond it.
func (s *shop) logHasClient(peer, claimed string) {
	s.t.Helper()
	err := harness.Until(s.t.Context(), 30*time.Second, func() error {
		r, err := s.api.Do("GET", "/v1/gateways/"+s.name+"/logs?limit=50", nil)
		if err != nil {
			return err
		}
		if r.Status != 200 || !strings.Contains(string(r.Body), `"client":"`+claimed+`"`) {
			return fmt.Errorf("no line names %s (nginx's peer is %s): %d %.300s", claimed, peer, r.Status, r.Body)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
}

// TestBackendKilled kills one of three backends under 500 requests a second: no
// caller may notice.
func TestBackendKilled(t *testing.T) {
	c := harness.New(t, harness.Options{Edges: 2})
	var backends []*harness.Backend
	for i := range 3 {
		backends = append(backends, harness.StartBackend(t, fmt.Sprintf("backend-%d", i)))
	}
	s := newShop(t, c, "failover", backends, nil)
	s.keyed("all", "/*")
	s.api.WaitLive(s.name)
	_, key := s.consumer("alice", "")
	s.waitKey("/x", key)
	tally := harness.NewTally()
	d := 4 * time.Second
	if long {
		d = 20 * time.Second
	}
	kill := time.AfterFunc(d/3, backends[1].Kill)
	defer kill.Stop()
	// At most as many at once as the edges' budget of retries is for: after a second in
	// which this machine stood still, hundreds would meet the backend's end together.
	room := make(chan struct{}, 16)
	harness.Rate(500, d, func(i int) {
		room <- struct{}{}
		defer func() { <-room }()
		tally.Add(s.call.Get(c.Edges[i%2].Addr(), s.host, "/x", key))
	})
	t.Logf("answers: %v", tally)
	if n := int64(500 * d.Seconds()); tally.Get(200) != n {
		t.Errorf("%d of %d requests were answered 200: %v", tally.Get(200), n, tally)
	}
}
