package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// bench is a Registry and a Runner whose probes a test answers, in a bubble of
// synctest.
type bench struct {
	t        *testing.T
	registry *balance.Registry
	mu       sync.Mutex
	down     map[string]bool
	hang     map[string]bool
	probes   map[string][]time.Duration // since the start
	start    time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, down: map[string]bool{}, hang: map[string]bool{}, probes: map[string][]time.Duration{}, start: time.Now()}
	var err error
	b.registry, err = balance.New(balance.Config{
		Guard: &match.Guard{AllowPrivate: true},
		Now:   func() int64 { return int64(time.Since(b.start)) + 1 },
		Wall:  func() int64 { return time.Now().UnixMilli() },
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Registry: b.registry, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r.probe = b.probe
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) probe(ctx context.Context, t *balance.Target, _ *balance.Check) error {
	name := t.URL.String()
	b.mu.Lock()
	b.probes[name] = append(b.probes[name], time.Since(b.start))
	down, hang := b.down[name], b.hang[name]
	b.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errors.New("down")
	}
	return nil
}

func (b *bench) set(m map[string]bool, target int, to bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m[addr(target)] = to
}

func (b *bench) count(target int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.probes[addr(target)])
}

func addr(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", 9001+i) }

// apply puts an upstream with n checked targets in force.
func (b *bench) apply(gateway string, id uint64, interval time.Duration, n int) *balance.Upstream {
	b.t.Helper()
	d := &contract.Upstream{Name: "u", Health: &contract.HealthCheck{Type: "tcp", Interval: contract.Duration(interval)}}
	for i := range n {
		d.Targets = append(d.Targets, contract.Target{URL: addr(i)})
	}
	u, err := b.registry.Upstream(balance.Key{Organization: 1, Upstream: id}, d)
	if err != nil {
		b.t.Fatal(err)
	}
	b.registry.Apply(gateway, []*balance.Upstream{u})
	return u
}

// TestChecksBeginAtOnce and go on at the interval, give or take a tenth.
func TestChecksBeginAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		time.Sleep(time.Second)
		b.set(b.down, 0, true)
		u := b.apply("gw", 1, 2*time.Second, 2)
		synctest.Wait()
		if u.Targets()[0].Usable() || !u.Targets()[1].Usable() {
			t.Fatal("the first check has not decided by the time the first request may come")
		}
		time.Sleep(time.Minute)
		if n := b.count(1); n < 27 || n > 34 {
			t.Errorf("%d checks in a minute", n)
		}
		seen := map[time.Duration]bool{}
		for i := 1; i < len(b.probes[addr(1)]); i++ {
			d := b.probes[addr(1)][i] - b.probes[addr(1)][i-1]
			if d < 1800*time.Millisecond || d > 2200*time.Millisecond {
				t.Errorf("%v between two checks", d)
			}
			seen[d] = true
		}
		if len(seen) < 5 {
			t.Error("there is no jitter")
		}
		b.set(b.down, 0, false)
		if time.Sleep(5 * time.Second); !u.Targets()[0].Usable() {
			t.Error("two good checks did not bring it back")
		}
	})
}

// TestFrozenTarget: what accepts and never answers costs its timeout, and holds
// up nobody else.
func TestFrozenTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.set(b.hang, 0, true)
		u := b.apply("gw", 1, 500*time.Millisecond, 2)
		time.Sleep(10 * time.Second)
		if u.Targets()[0].Usable() {
			t.Error("a frozen target is usable")
		}
		if n := b.count(1); n < 16 {
			t.Errorf("the other one had %d checks in 10 s", n)
		}
		down := b.registry.Down(10)
		if len(down) != 1 || down[0].Reason != "health check: timed out" || down[0].Target != addr(0) {
			t.Error(down)
		}
	})
}

// TestReload: a new version goes on with the old one's schedule, a shorter
// interval counts at once, and what is gone is not checked any more.
func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.apply("gw", 1, time.Minute, 3)
		time.Sleep(time.Second)
		b.apply("gw", 1, time.Minute, 3)
		time.Sleep(time.Second)
		if n := b.count(0); n != 1 {
			t.Errorf("%d checks: a new version began anew", n)
		}
		u := b.apply("gw", 1, time.Second, 2)
		time.Sleep(3 * time.Second)
		if n := b.count(0); n < 3 {
			t.Errorf("%d checks: the shorter interval waits for the longer one", n)
		}
		if n := b.count(2); n != 1 {
			t.Errorf("%d checks of a target that is gone", n)
		}
		if u.Targets()[0].Usable() == false {
			t.Error("healthy, and not usable")
		}
		b.registry.Apply("gw", nil)
		synctest.Wait()
		n := b.count(0)
		if time.Sleep(time.Minute); b.count(0) != n {
			t.Error("the gateway is gone, its checks are not")
		}
	})
}

// TestSweepRuns: the Runner moves the Registry's clockwork.
func TestSweepRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		d := &contract.Upstream{Name: "u", Targets: []contract.Target{{URL: addr(0)}, {URL: addr(1)}}}
		u, err := b.registry.Upstream(balance.Key{Organization: 1, Upstream: 7}, d)
		if err != nil {
			t.Fatal(err)
		}
		b.registry.Apply("gw", []*balance.Upstream{u})
		var call balance.Call
		target, _ := u.Pick(&call)
		if call.End(balance.ResultConnect, 0); target.Usable() {
			t.Fatal("not ejected")
		}
		if time.Sleep(6 * time.Second); !target.Usable() {
			t.Error("nobody ended the ejection")
		}
	})
}
