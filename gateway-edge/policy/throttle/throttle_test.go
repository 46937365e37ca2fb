package throttle

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

func TestTable(t *testing.T) {
	tab := New(3)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range 3 {
		if tab.Held(a, 1) {
			t.Fatalf("held after %d failures", i)
		}
		tab.Failed(a, 1)
	}
	if !tab.Held(a, 1) || tab.Held(b, 1) {
		t.Fatal("the wrong client is held")
	}
	if tab.Held(a, int64(Window)+1) {
		t.Fatal("held in the next window")
	}
	six, near, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1")
	for range 3 {
		tab.Failed(six, 1)
	}
	if !tab.Held(near, 1) || tab.Held(far, 1) {
		t.Fatal("an IPv6 client counts by its network")
	}
	if n := alloctest.PerRun(100, func() { tab.Failed(b, 1); tab.Held(b, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	tab, a := New(60_000), netip.MustParseAddr("192.0.2.1")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 15_000 {
				tab.Failed(a, int64(time.Second))
			}
		})
	}
	wg.Wait()
	if !tab.Held(a, int64(time.Second)) {
		t.Error("failures were lost")
	}
	for range 10_000 {
		tab.Failed(a, int64(time.Second)) // and the count does not run over
	}
	if !tab.Held(a, int64(time.Second)) {
		t.Error("the count ran over")
	}
}
