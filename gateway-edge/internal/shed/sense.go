package shed

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Names in the runtime's own metrics.
const (
	metricWait     = "/sched/latencies:seconds"
	metricRunnable = "/sched/goroutines/runnable:goroutines"
	metricLive     = "/gc/heap/live:bytes"
	metricStacks   = "/memory/classes/heap/stacks:bytes"
	metricTotal    = "/memory/classes/total:bytes"
	metricReleased = "/memory/classes/heap/released:bytes"
	metricObjects  = "/memory/classes/heap/objects:bytes"
	metricUnused   = "/memory/classes/heap/unused:bytes"
	metricFree     = "/memory/classes/heap/free:bytes"
)

// sense reads what the runtime knows of itself.
type sense struct {
	limit   float64
	fast    []metrics.Sample // every step
	slow    []metrics.Sample // memory, every fifth
	n       int
	seen    []uint64 // the histogram's counts as they were last
	memory  float64
	procs   float64
	spent   time.Duration // processor time of the process
	at      time.Time
	buckets []uint64
}

const memoryEvery = 5

func newSense(limit int64) *sense {
	s := &sense{limit: float64(limit), procs: float64(runtime.GOMAXPROCS(0))}
	for _, name := range []string{metricWait, metricRunnable} {
		s.fast = append(s.fast, metrics.Sample{Name: name})
	}
	for _, name := range []string{metricLive, metricStacks, metricTotal, metricReleased, metricObjects, metricUnused, metricFree} {
		s.slow = append(s.slow, metrics.Sample{Name: name})
	}
	s.read()
	return s
}

func (s *sense) read() Reading {
	metrics.Read(s.fast)
	r := Reading{Delay: s.wait(s.fast[0].Value.Float64Histogram()), Queue: float64(s.fast[1].Value.Uint64()) / s.procs}
	r.Busy = s.busy()
	if s.limit > 0 && s.n%memoryEvery == 0 {
		s.memory = s.held() / s.limit
	}
	s.n++
	r.Memory = s.memory
	return r
}

// busy is the share of its processors' time that the process used since the last call.
func (s *sense) busy() float64 {
	now, spent := time.Now(), processTime()
	took, used := now.Sub(s.at), spent-s.spent
	s.at, s.spent = now, spent
	if took <= 0 {
		return 0
	}
	return min(1, float64(used)/float64(took)/s.procs)
}

// wait is what nine of ten waits since the last call were at most; negative: there was
// none.
func (s *sense) wait(h *metrics.Float64Histogram) time.Duration {
	if len(s.seen) != len(h.Counts) {
		s.seen, s.buckets = make([]uint64, len(h.Counts)), make([]uint64, len(h.Counts))
	}
	all := uint64(0)
	for i, n := range h.Counts {
		s.buckets[i] = n - s.seen[i]
		s.seen[i] = n
		all += s.buckets[i]
	}
	if all == 0 {
		return -1
	}
	below := uint64(0)
	for i, n := range s.buckets {
		if below += n; 10*below >= 9*all {
			// The bucket's lower bound: what was waited at least.
			if at := h.Buckets[i]; !math.IsInf(at, -1) {
				return time.Duration(at * float64(time.Second))
			}
			return 0
		}
	}
	return 0
}

// held is the memory that the collector can't free: what it found alive last,
// stacks, and what the runtime needs beside the heap. Garbage, free spans and what
// was given back are left out, as are pages of files.
func (s *sense) held() float64 {
	metrics.Read(s.slow)
	v := func(i int) float64 { return float64(s.slow[i].Value.Uint64()) }
	live, stacks, total, released, objects, unused, free := v(0), v(1), v(2), v(3), v(4), v(5), v(6)
	beside := total - released - objects - unused - free - stacks
	return live + stacks + max(0, beside)
}
