package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// upgraded is an edge that starts its own successors: a program behind a link.
type upgraded struct {
	*harness.TrafficSite
	edge *harness.Edge
	link string
}

func newUpgraded(t *testing.T, name string) *upgraded {
	t.Helper()
	s := harness.NewTrafficSite(t, harness.Options{EdgeEnv: []string{"TOLLGATE_DRAIN_TIMEOUT=3s", "TOLLGATE_TRUSTED_PROXIES=127.0.0.1/32"}}, name)
	u := &upgraded{TrafficSite: s, edge: s.Edges[0], link: filepath.Join(s.Dir, "gateway-edge")}
	if err := u.edge.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	u.program(t, u.edge.Path)
	out, err := os.Create(filepath.Join(s.Dir, "edge.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	u.edge.Process = &harness.Process{Name: u.edge.Name, Path: u.link, Dir: s.Dir, Env: u.edge.Env, Output: out}
	if err := u.edge.Start(); err != nil {
		t.Fatal(err)
	}
	s.WaitEdge(u.edge)
	// Successors are nobody's children here.
	t.Cleanup(func() {
		if pid := u.pid(); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return u
}

// program makes path the program that the link leads to.
func (u *upgraded) program(t *testing.T, path string) {
	t.Helper()
	if err := os.Symlink(path, u.link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(u.link+".new", u.link); err != nil {
		t.Fatal(err)
	}
}

// pid is the process that serves.
func (u *upgraded) pid() int {
	b, _ := os.ReadFile(filepath.Join(u.edge.DataDir, "edge.pid"))
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// signal has the process that serves start a successor.
func (u *upgraded) signal(t *testing.T) (from int) {
	t.Helper()
	from = u.pid()
	if err := syscall.Kill(from, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	return from
}

// upgrade replaces the process that serves.
func (u *upgraded) upgrade(t *testing.T) {
	t.Helper()
	from := u.signal(t)
	if err := harness.Until(t.Context(), 30*time.Second, func() error {
		if now := u.pid(); now == from {
			return fmt.Errorf("process %d serves still", from)
		}
		return nil
	}); err != nil {
		t.Fatalf("%v\n%s", err, u.edge.Log())
	}
}

func (u *upgraded) waitLog(t *testing.T, text string) {
	t.Helper()
	if err := harness.Until(t.Context(), 20*time.Second, func() error {
		if !strings.Contains(u.edge.Log(), text) {
			return fmt.Errorf("the log has no %q", text)
		}
		return nil
	}); err != nil {
		t.Fatalf("%v\n%s", err, u.edge.Log())
	}
}

// TestUpgrade has an edge replaced by SIGUSR2 under load: by a program that can't
// run, which changes nothing, then twice in a row, with its configuration changing
// all the time.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	u := newUpgraded(t, "upgrade")
	f := &harness.Traffic{
		Front: harness.StartNginx(t, u.edge), Direct: []string{u.edge.Addr()}, Host: u.Host, Key: u.Key, Rate: 300, Sockets: 10, Streams: 5,
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { f.Run(ctx) })
	var swapped atomic.Int64
	all.Go(func() {
		for ctx.Err() == nil {
			u.Route("swapped", fmt.Sprintf("/swapped/%d/*", swapped.Add(1)), "app", nil)
			time.Sleep(50 * time.Millisecond)
		}
	})
	time.Sleep(time.Second)
	first, path := u.pid(), harness.Bin(t, "gateway-edge")
	u.program(t, "/bin/false")
	u.signal(t)
	u.waitLog(t, "the successor ended before it took over; this edge goes on")
	if u.pid() != first {
		t.Fatal("a program that can't run took over")
	}
	u.program(t, path)
	u.upgrade(t)
	u.upgrade(t) // while the first one still drains
	if err := u.edge.Ended(20 * time.Second); err != nil {
		t.Errorf("the first process ended with %v\n%s", err, u.edge.Log())
	}
	time.Sleep(time.Second)
	stop()
	all.Wait()
	t.Logf("two upgrades and %d configurations: %s", swapped.Load(), f.Report())
	f.Check(t)
	u.API.WaitLive(u.Name)
	u.Settled(f)
}

// TestUpgradeQuota has a quota used up across upgrades: not one request more is let
// through, and none less, though two processes spend at once.
func TestUpgradeQuota(t *testing.T) {
	t.Parallel()
	u := newUpgraded(t, "upgrade-quota")
	const quota = 3000
	u.Put("routes/counted", harness.Object{
		"match": harness.Object{"path": "/counted/*"}, "upstream": "app",
		"policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}, {"type": "quota", "config": harness.Object{"limit": quota, "period": "month", "by": "consumer", "scope": "global"}}},
	})
	u.API.WaitLive(u.Name)
	tally := harness.NewTally()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	call := harness.NewCaller(8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		harness.Run(ctx, 4, func(int) {
			tally.Add(call.Get(u.edge.Addr(), u.Host, "/counted/x", u.Key))
			time.Sleep(8 * time.Millisecond)
		})
	}()
	for range 3 {
		time.Sleep(1500 * time.Millisecond)
		u.upgrade(t)
	}
	err := harness.Until(t.Context(), 40*time.Second, func() error {
		if n := tally.Get(200); n < quota {
			return fmt.Errorf("%d of %d let through: %v", n, quota, tally)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second) // whatever is let through too much
	stop()
	<-done
	t.Logf("a quota of %d over three upgrades: %v", quota, tally)
	if n := tally.Get(200); n != quota {
		t.Errorf("%d requests let through, the quota is %d", n, quota)
	}
	if tally.Get(0) != 0 || tally.Class(5) != 0 {
		t.Errorf("failures: %v", tally)
	}
}
