package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// served counts what callers fully received, by key and route.
type served struct {
	mu sync.Mutex
	by map[string]int64
}

func (s *served) add(k string) {
	s.mu.Lock()
	s.by[k]++
	s.mu.Unlock()
}

// TestRandomKills kills an edge, the worker or Redis at random moments under
// load, 20 seeds: never billed more than the backend answered, and exactly what
// was served where no edge died.
func TestRandomKills(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			killOnce(t, seed)
		})
	}
}

func killOnce(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 77))
	s := newSite(t, harness.Options{Edges: 2}, "killed")
	s.route("reads", "/reads/*")
	s.route("writes", "/writes/*")
	s.api.WaitLive(s.name)
	var keys, ids []string
	for range 2 {
		id, key := s.api.Key(s.name, "alice", nil)
		keys, ids = append(keys, key), append(ids, id)
	}
	got := &served{by: map[string]int64{}}
	byKey := &served{by: map[string]int64{}}
	for i, key := range keys {
		for _, e := range s.Edges {
			n, err := s.accepted(e, "/reads/1", key, 3*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for range n {
				got.add("reads")
				byKey.add(ids[i])
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	const callers = 8
	wg.Go(func() {
		harness.Run(ctx, callers, func(i int) {
			route := []string{"reads", "writes"}[i%2]
			res := s.get(s.Edges[i/2%2], "/"+route+"/1", keys[i%2])
			if res.Err == nil && res.Status == 200 {
				got.add(route)
				byKey.add(ids[i%2])
			}
			if res.Err != nil {
				time.Sleep(20 * time.Millisecond)
			}
		})
	})
	edgeDied := 0
	what := ""
	for range 1 + r.IntN(3) {
		time.Sleep(time.Duration(300+r.IntN(900)) * time.Millisecond)
		switch r.IntN(3) {
		case 0:
			e := s.Edges[r.IntN(2)]
			e.Kill()
			edgeDied++
			what += " " + e.ID
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			must(t, e.Start())
			s.WaitEdge(e)
		case 1:
			s.Worker.Kill()
			what += " worker"
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			must(t, s.Worker.Start())
		case 2:
			s.Redis.Kill()
			what += " redis"
			time.Sleep(time.Duration(r.IntN(500)) * time.Millisecond)
			must(t, s.Redis.Start())
			must(t, s.Redis.Wait(context.Background()))
		}
	}
	wg.Wait()
	if edgeDied == 0 {
		settle(t, s, "route", got.by, 0)
		settle(t, s, "key", byKey.by, 0)
	} else {
		settle(t, s, "route", got.by, int64(edgeDied*callers))
		settle(t, s, "key", byKey.by, int64(edgeDied*callers))
	}
	var billed int64
	for _, n := range s.billed("route") {
		billed += n
	}
	seen := s.backend.Counts(t).Requests
	t.Logf("killed:%s; backend saw %d, callers got %v, billed %v", what, seen, got.by, s.billed("route"))
	if billed > seen {
		t.Errorf("billed %d, the backend answered %d", billed, seen)
	}
}

// settle waits until the billed totals are those the callers counted, less or
// more by at most slack for what was in flight when an edge was killed.
func settle(t *testing.T, s *site, by string, want map[string]int64, slack int64) {
	t.Helper()
	err := harness.Until(context.Background(), 30*time.Second, func() error {
		billed := s.billed(by)
		for k, n := range want {
			if d := n - billed[k]; d > slack || d < -slack {
				return fmt.Errorf("%s %s: served %d, billed %d, slack %d", by, k, n, billed[k], slack)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
