package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// zone is a name server that tests command.
type zone struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	delay time.Duration
	asked atomic.Int64
}

func (z *zone) set(err error, delay time.Duration, addrs ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err, z.delay, z.addrs = err, delay, nil
	for _, a := range addrs {
		z.addrs = append(z.addrs, netip.MustParseAddr(a))
	}
}

func (z *zone) lookup(ctx context.Context, _ string) ([]netip.Addr, error) {
	z.asked.Add(1)
	z.mu.Lock()
	addrs, err, delay := append([]netip.Addr(nil), z.addrs...), z.err, z.delay
	z.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return addrs, err
}

func newZone() (*zone, *resolver) {
	z, base := &zone{}, time.Now()
	return z, newResolver("", z.lookup, func() int64 { return int64(time.Since(base)) + 1 })
}

func TestResolverCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, r := newZone()
		ask := func(tenant uint64) string {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			a, err := r.resolve(ctx, tenant, "a.example")
			var dns *net.DNSError
			if err != nil && !errors.As(err, &dns) {
				t.Errorf("%T %v", err, err)
			}
			return fmt.Sprint(a, err != nil)
		}
		expect := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		z.set(nil, 0, "192.0.2.1")
		expect("first", ask(1), "[192.0.2.1] false")
		z.set(nil, 0, "192.0.2.2")
		time.Sleep(29 * time.Second)
		expect("within the TTL", ask(1), "[192.0.2.1] false")
		expect("another tenant has its own", ask(2), "[192.0.2.2] false")
		time.Sleep(2 * time.Second)
		expect("past the TTL", ask(1), "[192.0.2.2] false")

		z.set(&net.DNSError{Err: "server misbehaving"}, 0)
		time.Sleep(2 * time.Minute)
		expect("failing: the last good answer", ask(1), "[192.0.2.2] false")
		asked := z.asked.Load()
		ask(1)
		if z.asked.Load() != asked {
			t.Error("a failed question is asked again at once")
		}
		z.set(nil, time.Hour)
		time.Sleep(2 * time.Minute)
		begin := time.Now()
		expect("silent: the last good answer", ask(1), "[192.0.2.2] false")
		if d := time.Since(begin); d > resolvePatience {
			t.Errorf("it took %v", d)
		}
		time.Sleep(90 * time.Second)
		expect("good for five minutes, no more", ask(1), "[] true")
		z.set(nil, 0, "192.0.2.3")
		time.Sleep(5 * time.Second)
		expect("back", ask(1), "[192.0.2.3] false")

		time.Sleep(time.Hour)
		if r.sweep(); len(r.names) != 0 {
			t.Errorf("%d names remembered", len(r.names))
		}
	})
}

// TestResolverAsksOnce: for any number of callers, and not only for as long as
// the first one waits.
func TestResolverAsksOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, r := newZone()
		z.set(nil, time.Second, "192.0.2.1")
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.resolve(impatient, 1, "a.example"); err == nil {
			t.Error("the impatient one got an answer")
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if a, err := r.resolve(t.Context(), 1, "a.example"); err != nil || len(a) != 1 {
					t.Error(a, err)
				}
			})
		}
		wg.Wait()
		if n := z.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestResolverTurns: the first family's addresses take turns, families keep their
// order.
func TestResolverTurns(t *testing.T) {
	t.Parallel()
	z, r := newZone()
	z.set(nil, 0, "192.0.2.1", "::ffff:192.0.2.2", "2001:db8::1")
	seen := map[string]bool{}
	for range 4 {
		a, err := r.resolve(t.Context(), 1, "a.example")
		if err != nil || len(a) != 3 || !a[0].Is4() || !a[1].Is4() || a[2].Is4() {
			t.Fatal(a, err)
		}
		seen[a[0].String()] = true
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
}
