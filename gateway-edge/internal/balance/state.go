package balance

import (
	"sync/atomic"
	"time"
)

// state is what is known of one target, shared by all versions that have it.
type state struct {
	url      string
	inflight atomic.Int64
	// done and bad count what ended, where somebody looks at them.
	done, bad atomic.Uint64
	peak      peak
	_         [24]byte
	// strikes counts errors in a row, and fives every 5xx; they are written only
	// when they change.
	strikes, fives atomic.Int32
	// usable is false while the target is unhealthy or ejected. It is written
	// under the group's lock and read without, as are the next two.
	usable  atomic.Bool
	ramp    atomic.Int32 // of rampSteps: what it has of its weight
	drained atomic.Int64 // when exchanges with it must end, monotonic ns; 0: not draining
	breaker breaker

	// All below is guarded by the group's lock.
	checked   verdict
	run       int    // checks in a row that contradict the verdict
	reason    string // why it is unhealthy
	since     int64  // Unix milliseconds of the last change
	ejected   bool
	byConnect bool  // ejected because no connection could be made
	until     int64 // end of the ejection, monotonic ns
	holds     int   // ejections so far: each doubles the next one's time
	eased     int64 // when holds was last lowered, monotonic ns
	why       string
	begin     int64 // when it came into service, monotonic ns; 0: with the first version
	success   window
}

// verdict is what active checks found.
type verdict uint8

const (
	unknown verdict = iota
	healthy
	unhealthy
)

// easeAfter is how long a target must be in service for one ejection to be
// forgotten.
const easeAfter = 10 * time.Second

// successWindow is what a target's success rate is taken of.
const successWindow = int64(10 * time.Second)

// rampSteps is how finely a target's weight rises in its slow start, and rampFirst
// where it begins: at a tenth.
const (
	rampSteps = 20
	rampFirst = 2
)

func (s *state) tally() tally { return tally{s.done.Load(), s.bad.Load()} }

// state is what is known of the target with a key. like is one in whose place it
// comes, nil for none.
func (g *group) state(url string, like *state) *state {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.states[url]
	if s == nil {
		s = &state{url: url}
		s.usable.Store(true)
		s.ramp.Store(rampSteps)
		if like != nil {
			s.begin = like.begin
		} else if g.applied {
			s.begin = g.now()
		}
		g.states[url] = s
	}
	return s
}

func (g *group) isApplied() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.applied
}

// apply makes u the version that is in force: states of targets it has not are
// forgotten, and so is what checks and ejections found when u has none. What is
// forgotten, or has no weight now, drains.
func (g *group) apply(u *Upstream, old *Upstream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.applied, g.inForce = true, u
	clear(g.states)
	for _, t := range u.Targets() {
		s := t.state
		g.states[t.state.url] = s
		if u.Check == nil {
			s.checked, s.run = unknown, 0
		}
		if u.outlier.disabled {
			s.ejected = false
		}
		if t.Weight > 0 {
			s.drained.Store(0)
		} else {
			g.drain(s, u)
		}
		g.refresh(s)
		g.sweepRamp(s, u.slowStart, g.now())
	}
	if old != nil {
		for _, t := range old.Targets() {
			if g.states[t.state.url] != t.state {
				g.drain(t.state, u)
			}
		}
	}
	// Slow starts and breakers of the version before may need ending.
	g.troubled.Store(true)
}

// refitted takes the targets that u has in place of old's: those that are gone
// drain and are forgotten.
func (g *group) refitted(u *Upstream, old *fleet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inForce == u {
		clear(g.states)
		for _, t := range u.Targets() {
			s := t.state
			g.states[s.url] = s
			if t.Weight > 0 {
				s.drained.Store(0)
			}
			g.sweepRamp(s, u.slowStart, g.now())
		}
		for _, t := range old.targets {
			if g.states[t.state.url] != t.state {
				g.drain(t.state, u)
			}
		}
	}
	g.generation.Add(1)
	g.troubled.Store(true)
}

// gone makes all targets of an upstream drain that is in force no more.
func (g *group) gone(u *Upstream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range u.Targets() {
		g.drain(t.state, u)
	}
}

// drain sets when exchanges with a target that takes no more must end.
func (g *group) drain(s *state, u *Upstream) {
	s.drained.CompareAndSwap(0, g.now()+int64(u.drain))
}

// refresh recomputes what requests see of s. The group's lock is held.
func (g *group) refresh(s *state) {
	usable := s.checked != unhealthy && !s.ejected
	if s.usable.Load() != usable {
		s.usable.Store(usable)
		if usable {
			g.begin(s)
		}
		g.generation.Add(1)
	}
}

// begin starts a target's slow start. The group's lock is held.
func (g *group) begin(s *state) {
	s.begin = g.now()
	if u := g.inForce; u != nil && g.sweepRamp(s, u.slowStart, s.begin) {
		g.troubled.Store(true)
	}
}

// checkedTarget takes the result of one active check.
func (g *group) checkedTarget(s *state, c *Check, ok bool, reason string, wall int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	want := unhealthy
	if ok {
		want = healthy
		g.sawHealthy()
		if s.ejected && s.byConnect {
			// What ejected it is over: a connection was made.
			s.ejected = false
			s.since = wall
		}
	}
	if s.checked == want {
		s.run = 0
		g.refresh(s)
		return
	}
	s.run++
	need := c.unhealthy
	if ok {
		need = c.healthy
	}
	// The first result of all decides at once.
	if s.checked == unknown || s.run >= need {
		s.checked, s.run, s.since, s.reason = want, 0, wall, reason
	}
	g.refresh(s)
}

// sawHealthy notes that some target works. Picks that were refused because none
// ever had must look again.
func (g *group) sawHealthy() {
	if !g.everHealthy.Load() {
		g.everHealthy.Store(true)
		g.generation.Add(1)
	}
}

// strike counts an error of a target and ejects it when there are too many.
func (t *Target) strike(r Result) {
	o, s := &t.upstream.outlier, t.state
	fives := s.fives.Add(1)
	n := int32(0)
	if r != ResultServerError {
		n = s.strikes.Add(1)
	}
	if o.disabled {
		return
	}
	why := ""
	switch {
	case r == ResultConnect:
		why = "no connection"
	case n >= o.errors:
		why = "errors in a row"
	case o.fives > 0 && fives >= o.fives:
		why = "5xx in a row"
	default:
		return
	}
	g := t.upstream.group
	g.mu.Lock()
	defer g.mu.Unlock()
	g.eject(t.upstream, s, why, r == ResultConnect)
}

// eject keeps requests from a target for a while, as far as the upstream can do
// without one more. The group's lock is held.
func (g *group) eject(u *Upstream, s *state, why string, connect bool) {
	if s.ejected || !u.mayEject() {
		return
	}
	o := &u.outlier
	hold := o.most
	if s.holds < 10 {
		hold = min(o.most, o.base<<s.holds)
	}
	s.holds++
	g.troubled.Store(true)
	s.ejected, s.byConnect = true, connect
	s.until = g.now() + int64(hold)
	s.since = u.wall()
	s.why = "ejected: " + why
	g.refresh(s)
}

// mayEject reports whether one more target may be ejected. The group's lock is
// held.
func (u *Upstream) mayEject() bool {
	all, out := 0, 0
	for _, t := range u.Targets() {
		if t.Weight > 0 {
			all++
			if t.state.ejected {
				out++
			}
		}
	}
	return (out+1)*100 <= all*u.outlier.maxPercent
}

// sweep ends ejections, looks at windows and moves slow starts on. A target that
// comes back is ejected again at its first error.
func (g *group) sweep(now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.inForce
	troubled := u != nil && u.counts
	for _, s := range g.states {
		switch {
		case s.ejected && now >= s.until:
			s.ejected = false
			s.eased = now
			s.strikes.Store(returnStrikes)
			s.success.reset(now, s.tally())
			g.refresh(s)
		case !s.ejected && s.holds > 0 && now-s.eased >= int64(easeAfter):
			s.holds--
			s.eased = now
		}
		if u != nil {
			g.sweepBreaker(s, u.breaker, now)
			g.sweepSuccess(s, u, now)
			troubled = g.sweepRamp(s, u.slowStart, now) || troubled
		}
		troubled = troubled || s.ejected || s.holds > 0 || !s.breaker.is(breakerClosed)
	}
	g.troubled.Store(troubled)
}

// sweepSuccess ejects a target of which too few requests succeed.
func (g *group) sweepSuccess(s *state, u *Upstream, now int64) {
	o := &u.outlier
	if o.disabled || o.success == 0 {
		return
	}
	got := s.success.since(now, successWindow, s.tally())
	if got.done >= o.least && got.bad*100 > got.done*(100-o.success) {
		g.eject(u, s, "too few requests succeed", false)
	}
}

// sweepRamp gives a target what it has of its weight by now; more says that it is
// not all.
func (g *group) sweepRamp(s *state, slow, now int64) (more bool) {
	step := int64(rampSteps)
	if slow > 0 && s.begin != 0 {
		step = min(rampSteps, max(rampFirst, (now-s.begin)*rampSteps/slow))
	}
	if int64(s.ramp.Load()) != step {
		s.ramp.Store(int32(step))
		g.generation.Add(1)
	}
	return step < rampSteps
}

// returnStrikes is what a target has against it when it comes back: more than
// any threshold, so that its next error ejects it, while a success clears it.
const returnStrikes = 1 << 20

// down says why s is kept from requests.
func (s *state) down(g *group) (reason string, since int64, down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case s.checked == unhealthy:
		return s.reason, s.since, true
	case s.ejected:
		return s.why, s.since, true
	case s.breaker.is(breakerOpen), s.breaker.is(breakerHalf):
		return s.breaker.reason, s.breaker.since, true
	}
	return "", 0, false
}
