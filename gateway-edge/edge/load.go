package edge

import (
	"sync"
	"time"
)

// load makes rates of the totals that reports are made of.
type load struct {
	mu     sync.Mutex // guards seen
	seen   []sample   // oldest first
	second float64    // the rates of the last call
	cpu    float64
}

type sample struct {
	at       time.Time
	requests uint64
	cpu      time.Duration
}

const (
	// rateOver is what rates are means over.
	rateOver = 5 * time.Second
	// sampleEvery keeps reports that follow each other closely from moving a rate.
	sampleEvery = 500 * time.Millisecond
)

// rates notes the present totals and returns requests a second and processors used,
// both over the last seconds.
func (l *load) rates(now time.Time, requests uint64, cpu time.Duration) (second, processors float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.seen); n > 0 && now.Sub(l.seen[n-1].at) < sampleEvery {
		return l.second, l.cpu
	}
	l.seen = append(l.seen, sample{now, requests, cpu})
	for len(l.seen) > 2 && now.Sub(l.seen[1].at) >= rateOver {
		l.seen = l.seen[1:]
	}
	first := l.seen[0]
	if took := now.Sub(first.at).Seconds(); took > 0 {
		l.second, l.cpu = float64(requests-first.requests)/took, (cpu-first.cpu).Seconds()/took
	}
	return l.second, l.cpu
}
