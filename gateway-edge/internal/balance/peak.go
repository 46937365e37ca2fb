package balance

import (
	"sync/atomic"
	"time"
)

// peak is how long a target takes to answer, as a moving average that rises at
// once and falls slowly (peak EWMA, as in Finagle), and the share of its answers
// that were errors. Errors never shorten the time: a target that fails fast is not
// a fast target. Both fade while nothing is heard, so that a target that was slow
// once is asked again. Racing updates may lose one another; none is torn.
type peak struct {
	// time holds when it was last changed in the upper half, in units of 2^20 ns
	// (1.05 ms), and the average in the lower, in units of 2^10 ns.
	time atomic.Uint64
	// errors is the share of errors, 1<<16 for all.
	errors atomic.Uint32
}

const (
	peakTau   = float64(10 * time.Second)
	errorUnit = 1 << 16
	// errorWeight: with all answers errors a target costs 1 + errorWeight times
	// what it would without.
	errorWeight = 20
	// unheard is the time that is assumed of a busy target that has never answered.
	unheard = float64(time.Second)
)

func unpack(word uint64) (at int64, average float64) {
	return int64(word>>32) << 20, float64(word&0xffffffff) * 1024
}

// fade is what is left of an average after a time: e^-x to the second order, at a
// tenth of the cost.
func fade(since int64) float64 {
	if since <= 0 {
		return 1
	}
	x := float64(since) / peakTau
	return 1 / (1 + x + x*x/2)
}

// heard takes one answer: bad ones count as errors, and their time only when it is
// longer than what is known.
func (p *peak) heard(now, took int64, bad bool) {
	at, average := unpack(p.time.Load())
	left := fade(age(now, at))
	share := float64(p.errors.Load()) * left
	if bad {
		share += (errorUnit - share) / 16
	} else {
		share -= share / 16
	}
	p.errors.Store(uint32(share))
	sample := float64(took)
	switch {
	case sample > average:
		average = sample
	case bad:
	default:
		average = average*left + sample*(1-left)
	}
	p.time.Store(uint64(uint32(now>>20))<<32 | uint64(min(max(average/1024, 1), 1<<32-1)))
}

// average is the average as it is by now, in ns; 0: nothing was heard.
func (p *peak) average(now int64) int64 {
	word := p.time.Load()
	if word == 0 {
		return 0
	}
	at, average := unpack(word)
	return int64(average * fade(age(now, at)))
}

// age is the time since at, both cut to 52 bits of which the upper 32 are kept.
func age(now, at int64) int64 { return int64(uint32(now>>20)-uint32(at>>20)) << 20 }

// cost is what one more request is expected to wait for, in ns, for a target with
// n requests in flight.
func (p *peak) cost(now, n int64) float64 {
	word := p.time.Load()
	share := float64(p.errors.Load()) / errorUnit
	at, average := unpack(word)
	left := 1.0
	if word == 0 {
		if n == 0 {
			return 0
		}
		average = unheard
	} else {
		left = fade(age(now, at))
	}
	return average * left * float64(n+1) * (1 + errorWeight*share*left)
}
