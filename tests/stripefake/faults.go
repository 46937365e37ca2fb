package stripefake

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kinds of faults of a request.
const (
	FaultBefore  = "before"      // 500, nothing was done
	FaultAfter   = "after"       // 500 after it was done; the key's answer is the right one
	FaultCut     = "cut"         // the same with a connection that ends without an answer
	FaultSticky  = "sticky"      // 500 after it was done, and for the key from then on, as Stripe documents it
	FaultLimited = "rate_limit"  // 429 with Retry-After, nothing was done
	FaultSlow    = "slow"        // answers after Faults.SlowFor
	FaultRefuse  = "unreachable" // the connection ends at once, nothing was done
	FaultHang    = "hang"        // no answer until the client goes, nothing is done
	FaultMute    = "mute"        // the same after it was done
)

// Faults are misbehaviour at random, by a seed: each a share of requests or of
// webhooks, from 0 to 1.
type Faults struct {
	Seed       uint64        `json:"seed"`
	After      float64       `json:"after"` // FaultAfter and FaultCut by turns
	Limited    float64       `json:"limited"`
	RetryAfter int           `json:"retry_after"` // seconds; zero: 1
	Slow       float64       `json:"slow"`
	SlowFor    time.Duration `json:"slow_for"`
	Duplicate  float64       `json:"duplicate"` // webhooks that come twice
	Reorder    float64       `json:"reorder"`   // that overtake others
	Lose       float64       `json:"lose"`      // that never come
	// Down is the fault of every request: FaultBefore, FaultLimited, FaultRefuse or
	// FaultHang; empty: none.
	Down string `json:"down"`
}

// Failure is a fault of the next requests that fit.
type Failure struct {
	Kind   string `json:"kind"`   // Fault...
	Method string `json:"method"` // empty: any
	Path   string `json:"path"`   // their beginning
	Times  int    `json:"times"`  // zero: once
}

type faultState struct {
	Faults
	random *rand.Rand
	turn   bool
	next   []Failure
	lifted chan struct{} // closed when faults are set anew: what hangs ends
}

func (s *faultState) set(to Faults) {
	if to.RetryAfter == 0 {
		to.RetryAfter = 1
	}
	if s.random == nil || to.Seed != s.Seed {
		s.random = newRand(to.Seed)
	}
	if s.lifted != nil {
		close(s.lifted)
	}
	s.lifted, s.Faults = make(chan struct{}), to
}

// SetFaults sets misbehaviour at random, and forgets what FailNext has left; the zero
// value ends all of it.
func (f *Fake) SetFaults(to Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.set(to)
	f.faults.next = nil
}

// FailNext makes the next requests that fit fail.
func (f *Fake) FailNext(x Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x.Times = max(1, x.Times)
	f.faults.next = append(f.faults.next, x)
}

// fault is what befalls one request.
type fault struct {
	kind       string
	retryAfter int
	slow       time.Duration
	lifted     chan struct{}
}

// pick chooses a request's fault.
func (f *Fake) pick(method, path string) (out fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.faults
	out = fault{retryAfter: s.RetryAfter, lifted: s.lifted}
	for i := range s.next {
		if x := &s.next[i]; x.Times > 0 && (x.Method == "" || x.Method == method) && strings.HasPrefix(path, x.Path) {
			x.Times--
			out.kind = x.Kind
			break
		}
	}
	if out.kind == "" {
		out.kind = s.Down
	}
	slow := s.random.Float64() < s.Slow
	switch chance := s.random.Float64(); {
	case out.kind != "":
	case chance < s.After:
		s.turn = !s.turn
		if out.kind = FaultAfter; s.turn {
			out.kind = FaultCut
		}
	case chance < s.After+s.Limited:
		out.kind = FaultLimited
	}
	if slow || out.kind == FaultSlow {
		out.slow = s.SlowFor
	}
	return out
}

// wait answers whether the request is still wanted.
func (x fault) wait(ctx context.Context) bool {
	if x.kind == FaultHang {
		x.hang(ctx)
		return false
	}
	if x.slow == 0 {
		return true
	}
	t := time.NewTimer(x.slow)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// hang waits until the client is gone or the faults are set anew.
func (x fault) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-x.lifted:
	}
}

// before answers a request that is not carried out, and whether it did.
func (x fault) before(w http.ResponseWriter) bool {
	switch x.kind {
	case FaultBefore:
		broken(w)
	case FaultLimited:
		w.Header().Set("Retry-After", strconv.Itoa(x.retryAfter))
		w.Header().Set("Stripe-Should-Retry", "true")
		tell(w, http.StatusTooManyRequests, &apiError{status: 429, kind: "invalid_request_error", code: "rate_limit", message: "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests."})
	case FaultRefuse:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// after answers a request that was carried out in another way, and whether it did.
func (x fault) after(ctx context.Context, w http.ResponseWriter) bool {
	switch x.kind {
	case FaultMute:
		x.hang(ctx)
		panic(http.ErrAbortHandler)
	case FaultAfter:
		broken(w)
		return true
	case FaultCut:
		panic(http.ErrAbortHandler)
	}
	return false
}

func broken(w http.ResponseWriter) {
	tell(w, http.StatusInternalServerError, &apiError{status: 500, kind: "api_error", message: "An unknown error occurred"})
}

func tell(w http.ResponseWriter, status int, e *apiError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, body, _ := render(nil, e)
	io.WriteString(w, body)
}

// stick keeps a 500 for an Idempotency-Key.
func (f *Fake) stick(key string) (int, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, body, _ := render(nil, fmt.Errorf("an unknown error occurred"))
	if k := f.answers[key]; k != nil {
		k.status, k.body = 500, []byte(body)
	}
	return 500, body
}
