package limit

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// bucket is a token bucket's size: tokens a second and at once.
type bucket struct {
	rate  float64 // tokens a second
	burst int64
	units int64 // tokens in per, as configured: for header fields
	per   time.Duration
}

// CheckRate says what is wrong with a rate.
func CheckRate(r contract.Rate) error {
	var errs contract.FieldErrors
	policy.CheckRate(r, &errs)
	return errs.Err()
}

// bucketOf fills in the default burst: one second's worth, at least 1.
func bucketOf(r contract.Rate) bucket {
	per, _ := policy.RatePer(r.Per)
	if r.Rate < 1 || per == 0 {
		return bucket{}
	}
	b := bucket{rate: float64(r.Rate) / per.Seconds(), burst: r.Burst, units: r.Rate, per: per}
	if b.burst == 0 {
		b.burst = max(1, int64(math.Ceil(b.rate)))
	}
	return b
}

// gcra is a token bucket in one word, by the generic cell rate algorithm: the
// time at which it would be full again. Interval and depth never change; another
// size is another gcra.
type gcra struct {
	tat   atomic.Int64 // CLOCK_BOOTTIME ns; never below the start's now
	iv    int64        // ns a token
	depth int64        // ns: burst * iv
}

// never is an interval that no process lives to see: a bucket with it holds a
// fixed number of tokens.
const never = int64(1) << 41 // 36 minutes; times maxHeld stays below 2^62

// maxHeld bounds the tokens of one gcra, so that depth fits in 62 bits.
const maxHeld = 1 << 20

// newGCRA makes a bucket that earns rate tokens a second, up to burst, and holds
// tokens now. A rate of 0 earns none. Rounding is down throughout.
func newGCRA(now int64, rate, burst, tokens float64) *gcra {
	g := &gcra{}
	switch {
	case rate <= 0:
		g.iv = never
	default:
		g.iv = int64(math.Ceil(1e9 / rate))
	}
	burst = math.Min(burst, float64(math.MaxInt64/4/g.iv))
	tokens = math.Min(tokens, burst)
	g.depth = int64(burst * float64(g.iv))
	g.tat.Store(now + g.depth - int64(tokens*float64(g.iv)))
	return g
}

// frozen is a tat that no take can pass.
const frozen = math.MaxInt64 / 2

// take takes one token.
func (g *gcra) take(now int64) bool {
	for {
		tat := g.tat.Load()
		next := max(tat, now) + g.iv
		if next-now > g.depth {
			return false
		}
		if g.tat.CompareAndSwap(tat, next) {
			return true
		}
	}
}

// credit gives one token back, never beyond a full bucket.
func (g *gcra) credit() {
	for {
		tat := g.tat.Load()
		if tat >= frozen || g.tat.CompareAndSwap(tat, tat-g.iv) {
			return
		}
	}
}

// freeze takes everything out: the tokens it held at now, or its debt. Nothing can
// be taken afterwards.
func (g *gcra) freeze(now int64) float64 {
	return g.hold(g.tat.Swap(frozen), now)
}

// tokens is what it holds.
func (g *gcra) tokens(now int64) float64 { return math.Max(0, g.hold(g.tat.Load(), now)) }

func (g *gcra) hold(tat, now int64) float64 {
	if tat >= frozen {
		return 0
	}
	return float64(g.depth-max(0, tat-now)) / float64(g.iv)
}

// wait is how long until a token can be taken.
func (g *gcra) wait(now int64) time.Duration {
	tat := g.tat.Load()
	if tat >= frozen {
		return 0
	}
	return time.Duration(max(0, max(tat, now)+g.iv-now-g.depth))
}

// refill is how long until it is full, if nothing is taken.
func (g *gcra) refill(now int64) time.Duration {
	tat := g.tat.Load()
	if tat >= frozen {
		return 0
	}
	return time.Duration(max(0, tat-now))
}
