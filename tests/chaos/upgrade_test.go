package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// What TestUpgradesUnderLoad does.
const (
	upgrades     = 20
	swaps        = 1000
	upgradeRate  = 2000 // requests/s
	upgradePause = 4 * time.Second
)

// TestUpgradesUnderLoad replaces an edge 20 times by a new process and its
// configuration 1,000 times, under 2,000 requests/s behind nginx with WebSockets
// and gRPC streams open: nothing fails, nothing is reset, and what is billed is what
// was received.
func TestUpgradesUnderLoad(t *testing.T) {
	s := harness.NewTrafficSite(t, harness.Options{EdgeEnv: []string{"TOLLGATE_DRAIN_TIMEOUT=5s", "TOLLGATE_TRUSTED_PROXIES=127.0.0.1/32"}}, "upgraded")
	f := &harness.Traffic{
		Front: harness.StartNginx(t, s.Edges...), Direct: []string{s.Edges[0].Addr()}, Host: s.Host, Key: s.Key,
		Rate: upgradeRate, Sockets: 50, Streams: 20,
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { f.Run(ctx) })
	var swapped atomic.Int64
	all.Go(func() {
		every := time.NewTicker(upgrades * upgradePause / swaps)
		defer every.Stop()
		for swapped.Load() < swaps {
			<-every.C
			s.Route("swapped", fmt.Sprintf("/swapped/%d/*", swapped.Add(1)), "app", nil)
		}
	})
	began := time.Now()
	var took spread
	old := []*harness.Edge{s.Edges[0]}
	for range upgrades {
		time.Sleep(upgradePause)
		at := time.Now()
		next := s.Replace(old[len(old)-1])
		took = append(took, time.Since(at))
		old = append(old, next)
	}
	for swapped.Load() < swaps {
		time.Sleep(100 * time.Millisecond)
	}
	during := time.Since(began).Round(time.Second)
	for _, e := range old[:len(old)-1] {
		if err := e.Ended(30 * time.Second); err != nil {
			t.Errorf("a replaced edge: %v\n%s", err, e.Log())
		}
	}
	stop()
	all.Wait()
	t.Logf("%d upgrades (%v from start to serving) and %d configurations in %v: %s", upgrades, took, swapped.Load(), during, f.Report())
	f.Check(t)
	s.Settled(f)
}

// TestEdgesInTurn stops and starts two edges in turn, three times each, behind an
// nginx without health checks: nothing fails.
func TestEdgesInTurn(t *testing.T) {
	s := harness.NewTrafficSite(t, harness.Options{Edges: 2, EdgeEnv: []string{"TOLLGATE_DRAIN_TIMEOUT=5s", "TOLLGATE_TRUSTED_PROXIES=127.0.0.1/32"}}, "in-turn")
	f := &harness.Traffic{
		Front: harness.StartNginx(t, s.Edges...), Direct: []string{s.Edges[0].Addr(), s.Edges[1].Addr()}, Host: s.Host, Key: s.Key,
		Rate: 1000, Sockets: 20, Streams: 10,
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	began := time.Now()
	for range 3 {
		for _, e := range s.Edges {
			time.Sleep(2 * time.Second)
			if err := e.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := e.Ended(30 * time.Second); err != nil {
				t.Fatalf("%v\n%s", err, e.Log())
			}
			must(t, e.Start())
			s.WaitEdge(e)
		}
	}
	time.Sleep(2 * time.Second)
	stop()
	<-done
	t.Logf("two edges replaced in turn three times in %v: %s", time.Since(began).Round(time.Second), f.Report())
	f.Check(t)
	s.Settled(f)
}
