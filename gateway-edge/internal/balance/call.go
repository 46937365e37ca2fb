package balance

import (
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// MaxTries bounds the tries of one request, the first included.
const MaxTries = match.MaxRetries + 1

// Call is one request's way through an upstream: what it is known by, the targets
// that it was sent to, and its place at the present one. The zero Call is of a
// request that nothing is known of. It is used by one goroutine at a time.
type Call struct {
	// Hash is what hashing algorithms, and sessions by header and address, go by.
	Hash Hash
	// sticky: the hash is that of a session.
	sticky bool
	// session is the target that the caller's cookie names.
	session *Target

	tried [MaxTries]*Target
	n     int
	begun bool // it counts as a request
	full  bool // the last Pick found targets at their cap
	shut  bool // and ones whose breaker is open
	Place      // the present one
}

// Place is a request in flight at a target. The zero Place is nowhere.
type Place struct {
	target *Target
	probe  bool // of a half-open breaker
}

// Target is where the place is, nil for nowhere.
func (p *Place) Target() *Target { return p.target }

// End ends the place and says how it went. took is how long the answer's head
// took in ns; 0: not known.
func (p *Place) End(r Result, took int64) {
	t, probe := p.target, p.probe
	*p = Place{}
	if t != nil {
		t.end(r, took, probe)
	}
}

// Call begins a request's way: it takes from the request what the upstream hashes
// and which session it belongs to. It allocates nothing.
func (u *Upstream) Call(c *Call, r *policy.Request, client netip.Addr, params []policy.Param) {
	*c = Call{}
	switch {
	case u.sessions != nil:
		u.sessions.find(c, r, client, u.fleet.Load().tokens)
	case u.hash != nil:
		c.Hash = u.Hash(r, client, params)
	}
}

// Plain reports whether the upstream needs to know nothing of requests: then Call
// need not be called.
func (u *Upstream) Plain() bool { return u.hash == nil && u.sessions == nil }

// Tries is the number of targets that were picked.
func (c *Call) Tries() int { return c.n }

// Again forgets what was tried, for a further try where no other target is left.
func (c *Call) Again() { c.n = 0 }

// Hold takes the place out of the call, so that another can be picked first; it
// must be ended, or put back with Keep.
func (c *Call) Hold() Place {
	p := c.Place
	c.Place = Place{}
	return p
}

// Keep puts back what Hold took.
func (c *Call) Keep(p Place) { c.Place = p }

// has reports whether a target was tried.
func (c *Call) has(t *Target) bool {
	for _, x := range c.tried[:c.n] {
		if x == t {
			return true
		}
	}
	return false
}

// take notes that the call has a place at t now.
func (c *Call) take(t *Target, probe bool) *Target {
	c.Place = Place{t, probe}
	if c.n < MaxTries {
		c.tried[c.n] = t
		c.n++
	}
	return t
}

// Pick chooses a target that was not tried and counts a request in flight there,
// until End. nil means that none has room, and the code says what to answer;
// with upstream_busy the request may Wait. The first pick of a call counts as a
// request. Pick allocates nothing, and takes no lock but when the set of usable
// targets has changed.
func (u *Upstream) Pick(c *Call) (*Target, contract.Code) {
	s := u.current()
	c.full, c.shut = false, false
	if c.n == 0 {
		if t := u.first(s, c, u.turn(c)); t != nil {
			return t, 0
		}
	} else if t := u.next(s, c); t != nil {
		return t, 0
	}
	switch {
	case c.full:
		return nil, contract.CodeUpstreamBusy
	case c.shut || s.code == contract.CodeCircuitOpen:
		return nil, contract.CodeCircuitOpen
	}
	return nil, contract.CodeUpstreamUnavailable
}

// turn counts a request, once, and says which it is.
func (u *Upstream) turn(c *Call) uint64 {
	if c.begun {
		return u.random()
	}
	c.begun = true
	return u.group.requests.Add(1)
}

// first picks for a new request, the n-th.
func (u *Upstream) first(s *set, c *Call, n uint64) *Target {
	if t := c.session; t != nil && t.Weight > 0 && t.inService() {
		if u.enter(t, c) {
			return t
		}
		if c.full {
			return nil // a session waits for its own target
		}
	}
	if len(s.order) == 0 {
		return nil
	}
	if u.hash != nil || c.sticky {
		return s.ring.pick(u, s, c)
	}
	t := u.choose(s, n)
	if u.enter(t, c) {
		return t
	}
	return u.other(s, c, t, n)
}

// next picks a further target for a request whose others failed.
func (u *Upstream) next(s *set, c *Call) *Target {
	if len(s.order) > 0 {
		if u.hash != nil || c.sticky {
			if t := s.ring.pick(u, s, c); t != nil {
				return t
			}
		} else if t := u.other(s, c, nil, u.random()); t != nil {
			return t
		}
	}
	if c.full || s.code != 0 || u.refuse {
		return nil
	}
	// Every usable target failed: one that is held for ill may yet work.
	var best *Target
	for _, t := range s.targets {
		if t.Weight > 0 && !c.has(t) && (best == nil || t.Inflight() < best.Inflight()) {
			best = t
		}
	}
	if best != nil && u.enter(best, c) {
		return best
	}
	return nil
}

// other finds a usable target with room beside not, from a place on that the
// weights decide, so that the load of the one left out is shared by weight.
func (u *Upstream) other(s *set, c *Call, not *Target, from uint64) *Target {
	for i := range uint64(min(len(s.order), 16)) {
		t := s.targets[s.order[(from+i)%uint64(len(s.order))]]
		if t != not && !c.has(t) && u.enter(t, c) {
			return t
		}
	}
	for _, i := range s.list {
		if t := s.targets[i]; t != not && !c.has(t) && u.enter(t, c) {
			return t
		}
	}
	return nil
}

// enter counts a request in flight at t if t has room for it.
func (u *Upstream) enter(t *Target, c *Call) bool {
	if !t.guarded {
		t.state.inflight.Add(1)
		c.take(t, false)
		return true
	}
	switch r, probe := t.reserve(false); r {
	case roomFull:
		c.full = true
		return false
	case roomShut:
		c.shut = true
		return false
	default:
		c.take(t, probe)
		return true
	}
}

// Cookie is the value of a Set-Cookie field that the answer of the present target
// needs: empty when the caller's session is with it already.
func (c *Call) Cookie() string {
	if c.target == nil || c.target == c.session {
		return ""
	}
	return c.target.cookie
}
