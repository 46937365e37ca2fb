package collector

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		heap, roots float64
		want        int
	}{
		{0, 0, 400},
		{4 * mib, mib, 400},
		{64 * mib, 0, 100},
		{64 * mib, 64 * mib, 50},
		{1000 * mib, 0, 30},
		{1000 * mib, 600 * mib, 25},
	} {
		if got := percent(c.heap, c.roots); got != c.want {
			t.Errorf("%.0f MiB and %.0f MiB of roots: %d %%, want %d", c.heap/mib, c.roots/mib, got, c.want)
		}
	}
}

// TestRun: a large heap gets a smaller share of garbage, and the setting that was
// there comes back.
func TestRun(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	alive := make([]byte, 512<<20)
	runtime.GC()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Run(ctx) }()
	want := 100
	if os.Getenv("GOGC") == "" {
		want = 30
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := setting()
		if now >= want-4 && now <= want {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d %% with 512 MiB alive", now)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if now := setting(); now != 100 {
		t.Errorf("%d %% is left behind", now)
	}
	runtime.KeepAlive(alive)
}

func setting() int {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}
