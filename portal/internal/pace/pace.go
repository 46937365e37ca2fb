package pace

import (
	"sync"
	"time"
)

// Limiter counts by key. It is safe for concurrent use.
type Limiter struct {
	every time.Duration // one more is allowed after this
	burst float64
	keys  int
	clock func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket // guarded by mu
}

// bucket is how much was left at a moment.
type bucket struct {
	left float64
	at   time.Time
}

// New makes a limiter that allows burst at once and then one each every, for at
// most keys keys at a time.
func New(every time.Duration, burst, keys int, clock func() time.Time) *Limiter {
	return &Limiter{every: every, burst: float64(burst), keys: keys, clock: clock, buckets: map[string]bucket{}}
}

// Take counts one under a key. It returns 0 when it is allowed, else how long to
// wait.
func (l *Limiter) Take(key string) (wait time.Duration) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.buckets[key]
	if !known {
		if len(l.buckets) >= l.keys && l.sweep(now) == 0 {
			return l.every
		}
		b = bucket{left: l.burst, at: now}
	}
	b.left, b.at = l.now(b, now), now
	if b.left < 1 {
		l.buckets[key] = b
		return time.Duration((1 - b.left) * float64(l.every))
	}
	b.left--
	l.buckets[key] = b
	return 0
}

// now is what a bucket holds by now.
func (l *Limiter) now(b bucket, now time.Time) float64 {
	return min(l.burst, b.left+float64(max(0, now.Sub(b.at)))/float64(l.every))
}

// sweep forgets full buckets, which say no more than a missing one, and returns
// how many they were.
func (l *Limiter) sweep(now time.Time) (freed int) {
	for k, b := range l.buckets {
		if l.now(b, now) >= l.burst {
			delete(l.buckets, k)
			freed++
		}
	}
	return freed
}
