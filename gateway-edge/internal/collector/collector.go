package collector

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage there may be.
const (
	least = 64 << 20 // bytes
	share = 0.3      // of what is alive
	// Bounds of the setting, in percent: many collections are expensive, and a heap
	// of nearly nothing says nothing about the next moment.
	lowest, highest = 25, 400
	// A setting that is nearly right stays: each change stops the world.
	near = 0.2
)

const every = time.Second

// Run adjusts the setting to the heap until ctx ends, and then puts back what was.
// With GOGC in the environment it only waits.
func Run(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	first := debug.SetGCPercent(100)
	debug.SetGCPercent(first)
	defer func() { debug.SetGCPercent(first) }()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	t := time.NewTicker(every)
	defer t.Stop()
	for now := first; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		metrics.Read(samples)
		heap := float64(samples[0].Value.Uint64())
		roots := float64(samples[1].Value.Uint64() + samples[2].Value.Uint64())
		if want := percent(heap, roots); math.Abs(float64(want-now)) > near*float64(now) {
			debug.SetGCPercent(want)
			now = want
		}
	}
}

// percent is the setting for a heap of so many bytes alive, and so many of stacks and
// globals, which the runtime's percentage is also of.
func percent(heap, roots float64) int {
	if heap+roots <= 0 {
		return highest
	}
	garbage := math.Max(least, share*heap)
	return int(math.Max(lowest, math.Min(highest, 100*garbage/(heap+roots))))
}
