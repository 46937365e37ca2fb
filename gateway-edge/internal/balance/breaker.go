package balance

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// breakerConfig is a circuit breaker with every default filled in.
type breakerConfig struct {
	percent, least uint64
	window, open   int64 // ns
	concurrent     int64 // 0: not looked at
	probes         int32
}

func breakerOf(b *contract.CircuitBreaker) *breakerConfig {
	if b == nil {
		return nil
	}
	out := &breakerConfig{
		percent: uint64(b.ErrorPercent), least: uint64(b.MinRequests), concurrent: int64(b.MaxConcurrent), probes: int32(b.Probes),
		window: int64(or(b.Window, time.Second)), open: int64(or(b.Open, 5*time.Second)),
	}
	if out.percent == 0 {
		out.percent = 50
	}
	if out.least == 0 {
		out.least = 20
	}
	if out.probes == 0 {
		out.probes = 1
	}
	return out
}

type breakerMode uint32

const (
	breakerClosed breakerMode = iota
	breakerOpen               // nothing is sent
	breakerHalf               // a few requests are, as probes
)

// breaker is the state of one target's circuit breaker.
type breaker struct {
	mode atomic.Uint32
	free atomic.Int32 // places for probes, while half-open

	// Guarded by the group's lock.
	until  int64 // when it is half-open, monotonic ns
	good   int32 // probes that succeeded
	reason string
	since  int64 // Unix milliseconds
	window window
}

func (b *breaker) set(m breakerMode) { b.mode.Store(uint32(m)) }

func (b *breaker) is(m breakerMode) bool { return b.mode.Load() == uint32(m) }

// trip opens a breaker for too many requests in flight.
func (t *Target) trip() {
	g, b := t.upstream.group, t.upstream.breaker
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.state.breaker.is(breakerClosed) {
		g.openBreaker(t.state, b, "more than "+strconv.FormatInt(b.concurrent, 10)+" requests in flight")
	}
}

// openBreaker opens a breaker. The group's lock is held.
func (g *group) openBreaker(s *state, c *breakerConfig, why string) {
	b := &s.breaker
	b.until = g.now() + c.open
	b.reason, b.since = "circuit breaker open: "+why, g.wall()
	b.set(breakerOpen)
	g.troubled.Store(true)
	g.generation.Add(1)
}

// probed takes the result of a probe.
func (t *Target) probed(ok bool) {
	g, c := t.upstream.group, t.upstream.breaker
	g.mu.Lock()
	defer g.mu.Unlock()
	b := &t.state.breaker
	if !b.is(breakerHalf) || c == nil {
		return
	}
	if !ok {
		g.openBreaker(t.state, c, "a probe failed")
		return
	}
	if b.good++; b.good < c.probes {
		b.free.Add(1)
		return
	}
	g.closeBreaker(t.state)
}

// closeBreaker lets everything through again. The group's lock is held.
func (g *group) closeBreaker(s *state) {
	s.breaker.set(breakerClosed)
	s.breaker.window.reset(g.now(), s.tally())
	g.begin(s)
	g.generation.Add(1)
}

// sweepBreaker opens and half-opens a breaker. The group's lock is held.
func (g *group) sweepBreaker(s *state, c *breakerConfig, now int64) {
	b := &s.breaker
	if c == nil {
		if !b.is(breakerClosed) { // the version in force has none
			g.closeBreaker(s)
		}
		return
	}
	got := b.window.since(now, c.window, s.tally())
	switch {
	case b.is(breakerClosed) && got.over(c.percent, c.least):
		g.openBreaker(s, c, strconv.FormatUint(got.bad*100/got.done, 10)+" % of "+strconv.FormatUint(got.done, 10)+" requests failed")
	case b.is(breakerOpen) && now >= b.until:
		b.good = 0
		b.free.Store(c.probes)
		b.set(breakerHalf)
		g.generation.Add(1)
	}
}
