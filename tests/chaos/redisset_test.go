package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestSentinel and TestRedisCluster run on a Redis that consists of several
// servers and lose one master under load.
func TestSentinel(t *testing.T)     { losesMaster(t, harness.RedisSentinel) }
func TestRedisCluster(t *testing.T) { losesMaster(t, harness.RedisCluster) }

// losesMaster spends a quota, loses masters one after the other under load
// without one failed request of a known key, and checks that keys, routes,
// quotas and bills are those of before, and that changes arrive as before.
func losesMaster(t *testing.T, kind harness.RedisKind) {
	const limit = 4000
	s := newSite(t, harness.Options{Edges: 3, Redis: kind}, "several")
	s.put("usage-plans/capped", harness.Object{"quota": harness.Object{"limit": limit, "period": "month"}})
	s.put("consumers/bob", harness.Object{"usage_plan": "capped"})
	s.put("consumers/carol", harness.Object{"usage_plan": "capped"})
	s.api.WaitLive(s.name)
	steadyID, steady := s.api.Key(s.name, "alice", nil)
	bobID, bob := s.api.Key(s.name, "bob", nil)
	carolID, carol := s.api.Key(s.name, "carol", nil)
	served := map[string]int64{}
	for _, e := range s.Edges {
		for id, key := range map[string]string{steadyID: steady, bobID: bob, carolID: carol} {
			n, err := s.accepted(e, "/x", key, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			served[id] += n
		}
	}
	spent := s.spend(bob, limit+1000, served[bobID])
	served[bobID] = spent
	if spent != limit {
		t.Errorf("%d of %d could be spent before anything happened", spent, limit)
	}
	served[carolID] += s.some(carol, limit/2)

	masters := s.RedisSet.Nodes[:1]
	if kind == harness.RedisCluster {
		masters = s.RedisSet.Nodes[:3]
	}
	for _, m := range masters {
		tally := harness.NewTally()
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			harness.Rate(200, 6*time.Second, func(i int) { tally.Add(s.get(s.Edges[i%3], "/x", steady)) })
		}()
		time.Sleep(time.Second)
		m.Kill()
		lost := time.Now()
		<-stop
		if tally.Get(200) != 200*6 {
			t.Errorf("with a master gone, %d of %d answered 200: %v", tally.Get(200), 200*6, tally)
		}
		served[steadyID] += tally.Get(200)
		id, key := s.api.Key(s.name, "alice", nil) // the portal needs no Redis for this
		for _, e := range s.Edges {
			n, err := s.accepted(e, "/x", key, 20*time.Second)
			if err != nil {
				t.Fatalf("%s does not take a key made after the failover: %v", e.ID, err)
			}
			served[id] += n
		}
		t.Logf("a key made after the loss of a master is served %v after it", time.Since(lost))
		s.api.Must("POST", "/v1/gateways/"+s.name+"/keys/"+id+"/revoke", nil)
		for _, e := range s.Edges {
			must(t, harness.Until(context.Background(), 5*time.Second, func() error {
				if r := s.get(e, "/x", key); r.Status != 401 {
					if r.Status == 200 {
						served[id]++
					}
					return fmt.Errorf("%s answers %d with a revoked key", e.ID, r.Status)
				}
				return nil
			}))
		}
		must(t, m.Start()) // comes back as a replica
	}
	for i := range 30 {
		if r := s.get(s.Edges[i%3], "/x", bob); r.Status == 200 {
			t.Error("a quota that was used up can be spent again")
		}
	}
	served[carolID] = s.spend(carol, limit+1000, served[carolID])
	if n := served[carolID]; n > limit || n < limit-1 {
		t.Errorf("%d of %d could be spent over the loss of a master", n, limit)
	}
	settle(t, s, "key", served, 0)
	t.Logf("served %v", served)
}

// some spends n requests of a key over all edges and returns how many were answered 200.
func (s *site) some(key string, n int) int64 {
	tally := harness.NewTally()
	harness.Times(n, 12, func(i int) { tally.Add(s.get(s.Edges[i%len(s.Edges)], "/x", key)) })
	return tally.Get(200)
}

// spend goes on until 300 requests in a row were refused, at most n, and
// returns how many were answered 200, those before included.
func (s *site) spend(key string, n int, before int64) int64 {
	s.t.Helper()
	for quiet := 0; n > 0 && quiet < 3; n -= 100 {
		if got := s.some(key, 100); got > 0 {
			before, quiet = before+got, 0
		} else {
			quiet++
			time.Sleep(300 * time.Millisecond)
		}
	}
	return before
}
