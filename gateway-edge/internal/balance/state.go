package balance

import (
	"sync/atomic"
	"time"
)

// state is what is known of one target, shared by all versions that have it.
type state struct {
	inflight atomic.Int64
	_        [56]byte
	// strikes counts errors in a row; it is written only when it changes.
	strikes atomic.Int32
	// usable is false while the target is unhealthy or ejected. It is written
	// under the group's lock and read without.
	usable atomic.Bool

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

func (g *group) state(url string) *state {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.states[url]
	if s == nil {
		s = &state{}
		s.usable.Store(true)
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
// forgotten, and so is what checks and ejections found when u has none.
func (g *group) apply(u *Upstream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.applied = true
	clear(g.states)
	for _, t := range u.targets {
		s := t.state
		g.states[t.URL.String()] = s
		if u.Check == nil {
			s.checked, s.run = unknown, 0
		}
		if u.outlier.disabled {
			s.ejected = false
		}
		g.refresh(s)
	}
}

// refresh recomputes what requests see of s. The group's lock is held.
func (g *group) refresh(s *state) {
	usable := s.checked != unhealthy && !s.ejected
	if s.usable.Load() != usable {
		s.usable.Store(usable)
		g.generation.Add(1)
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
func (t *Target) strike(connect bool) {
	o := &t.upstream.outlier
	n := t.state.strikes.Add(1)
	if o.disabled || n < o.errors && !connect {
		return
	}
	g := t.upstream.group
	g.mu.Lock()
	defer g.mu.Unlock()
	s := t.state
	if s.ejected || !t.upstream.mayEject() {
		return
	}
	hold := maxEjection
	if s.holds < 10 {
		hold = min(maxEjection, o.base<<s.holds)
	}
	s.holds++
	g.troubled.Store(true)
	s.ejected, s.byConnect = true, connect
	s.until = g.now() + int64(hold)
	s.since = t.upstream.wall()
	s.why = "ejected: errors in a row"
	if connect {
		s.why = "ejected: no connection"
	}
	g.refresh(s)
}

// mayEject reports whether one more target may be ejected. The group's lock is
// held.
func (u *Upstream) mayEject() bool {
	all, out := 0, 0
	for _, t := range u.targets {
		if t.Weight > 0 {
			all++
			if t.state.ejected {
				out++
			}
		}
	}
	return (out+1)*100 <= all*u.outlier.maxPercent
}

// sweep ends ejections. A target that comes back is ejected again at its first
// error.
func (g *group) sweep(now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	troubled := false
	for _, s := range g.states {
		switch {
		case s.ejected && now >= s.until:
			s.ejected = false
			s.eased = now
			s.strikes.Store(returnStrikes)
			g.refresh(s)
		case !s.ejected && s.holds > 0 && now-s.eased >= int64(easeAfter):
			s.holds--
			s.eased = now
		}
		troubled = troubled || s.ejected || s.holds > 0
	}
	g.troubled.Store(troubled)
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
	}
	return "", 0, false
}
