package shed

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSense lets many goroutines run at once: their wait, the queue and the work are
// seen, and an idle process has none.
func TestSense(t *testing.T) {
	s := newSense(1 << 40)
	var stop atomic.Bool
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for !stop.Load() {
				for range 20_000 { // some ten microseconds
				}
				runtime.Gosched()
			}
		})
	}
	most := Reading{}
	for range 50 {
		time.Sleep(10 * time.Millisecond)
		r := s.read()
		most.Delay, most.Queue, most.Busy = max(most.Delay, r.Delay), max(most.Queue, r.Queue), max(most.Busy, r.Busy)
	}
	stop.Store(true)
	all.Wait()
	if most.Delay < 100*time.Microsecond || most.Queue < 10 || most.Busy <= 0 || most.Busy > 1 {
		t.Errorf("200 busy goroutines are seen as %+v", most)
	}
	if s.memory <= 0 || s.memory > 0.1 {
		t.Errorf("memory is %v of a limit of 1 TiB", s.memory)
	}
}

// TestMemoryIsWhatStays: what is alive counts, garbage does not.
func TestMemoryIsWhatStays(t *testing.T) {
	s := newSense(1 << 40)
	for range 2 { // what tests before this one left, their goroutines' stacks among it
		runtime.GC()
	}
	before := s.held()
	alive := make([][]byte, 64)
	for i := range alive {
		alive[i] = make([]byte, 1<<20)
	}
	runtime.GC()
	if grown := s.held() - before; grown < 60<<20 || grown > 90<<20 {
		t.Errorf("64 MiB alive are seen as %.0f", grown)
	}
	runtime.KeepAlive(alive)
	alive = nil
	runtime.GC()
	if grown := s.held() - before; grown > 20<<20 {
		t.Errorf("%.0f bytes are still seen", grown)
	}
}
