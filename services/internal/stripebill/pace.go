package stripebill

import (
	"net/http"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/billing"
)

// pace lets requests through by a bucket of tokens, and none at all until a time
// that Stripe named with 429. A request that would wait for long fails instead:
// its caller comes back.
type pace struct {
	next http.RoundTripper
	rate float64 // tokens a second, and the most that the bucket holds

	mu     sync.Mutex // guards what follows
	bucket float64
	filled time.Time
	until  time.Time // nothing before
}

// newPace lets so many requests through a second; 0: perSecond.
func newPace(next http.RoundTripper, rate int) *pace {
	if rate == 0 {
		rate = perSecond
	}
	return &pace{next: next, rate: float64(rate), bucket: float64(rate)}
}

// longest is how long a request waits for its turn.
const longest = 5 * time.Second

// RoundTrip waits for the request's turn.
func (p *pace) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := p.take(time.Now())
	if wait > longest {
		return nil, &billing.ProviderError{Kind: billing.ErrorTemporary, Call: "wait", RetryAfter: wait}
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	res, err := p.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusTooManyRequests {
		p.pause(time.Now(), max(retryAfter(res.Header), time.Second))
	}
	return res, err
}

// take takes a token and returns how long to wait for it. Beyond longest it takes
// none.
func (p *pace) take(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.filled.IsZero() {
		p.bucket = min(p.rate, p.bucket+now.Sub(p.filled).Seconds()*p.rate)
	}
	p.filled = now
	wait := max(p.until.Sub(now), 0)
	if p.bucket < 1 {
		wait = max(wait, time.Duration((1-p.bucket)/p.rate*float64(time.Second)))
	}
	if wait <= longest {
		p.bucket--
	}
	return wait
}

func (p *pace) pause(now time.Time, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := now.Add(d); until.After(p.until) {
		p.until = until
	}
}
