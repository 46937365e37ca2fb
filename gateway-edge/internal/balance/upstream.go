package balance

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Upstream is one version of an upstream. It is immutable but for the shared
// state behind it.
type Upstream struct {
	Name     string
	Protocol string // "http1", "h2" or "h2c"
	Timeouts Timeouts
	Retry    Retry
	Check    *Check // nil: no active checks

	algorithm string
	outlier   outlier
	refuse    bool
	hash      *hasher // nil: the algorithm needs none
	ring      ring
	targets   []*Target
	group     *group
	wall      func() int64

	set atomic.Pointer[set]
	mu  sync.Mutex // held while set is made anew
}

// Target is one address of a version of an upstream.
type Target struct {
	URL      *match.URL
	ID       uint64 // contract.TargetID, which it is counted under
	Weight   int
	Backend  Backend
	index    int // among the upstream's targets
	upstream *Upstream
	state    *state
}

// MaxTries bounds the tries of one request, the first included.
const MaxTries = match.MaxRetries + 1

// Tried holds the targets that a request has been sent to. The zero Tried is
// empty; at most MaxTries are held.
type Tried struct {
	t [MaxTries]*Target
	n int
}

// Add notes a target.
func (t *Tried) Add(target *Target) {
	if t.n < MaxTries {
		t.t[t.n] = target
		t.n++
	}
}

// Len is the number of tries noted.
func (t *Tried) Len() int { return t.n }

// Reset makes it empty.
func (t *Tried) Reset() { *t = Tried{} }

// Has reports whether a target was tried.
func (t *Tried) Has(target *Target) bool {
	if t == nil {
		return false
	}
	for _, x := range t.t[:t.n] {
		if x == target {
			return true
		}
	}
	return false
}

// Targets returns every target of the version, those without weight too.
func (u *Upstream) Targets() []*Target { return u.targets }

// Result is how a try ended, as far as it tells about the target.
type Result uint8

// Results. Whatever a client caused (a bad body, a cancelled request) must be
// ResultNone: no client may get a healthy target ejected.
const (
	ResultOK      Result = iota // a response, of any status but 502, 503 and 504
	ResultNone                  // says nothing about the target
	ResultError                 // 502, 503 or 504 from it, a reset, a malformed answer, a timeout
	ResultConnect               // no connection: refused, unreachable, timed out, TLS failed
)

// Begin counts a request in flight. Every Begin is followed by exactly one End.
func (t *Target) Begin() { t.state.inflight.Add(1) }

// End ends what Begin began and says how it went.
func (t *Target) End(r Result) {
	t.state.inflight.Add(-1)
	switch r {
	case ResultOK:
		if t.state.strikes.Load() != 0 {
			t.state.strikes.Store(0)
		}
		if !t.upstream.group.everHealthy.Load() {
			t.upstream.group.sawHealthy()
		}
	case ResultError:
		t.strike(false)
	case ResultConnect:
		t.strike(true)
	}
}

// Inflight is the number of requests that were begun and not ended.
func (t *Target) Inflight() int64 { return t.state.inflight.Load() }

// Usable reports whether the target is neither unhealthy nor ejected.
func (t *Target) Usable() bool { return t.state.usable.Load() }

// Checked tells the result of one active check; reason says what was wrong.
func (t *Target) Checked(ok bool, reason string) {
	u := t.upstream
	if u.Check != nil {
		u.group.checkedTarget(t.state, u.Check, ok, reason, u.wall())
	}
}

// AllowRetry takes one further try from the retry budget: of the requests of the
// last ten seconds Retries.BudgetPercent, and always a few. The next target after
// a failed connect needs no budget.
func (u *Upstream) AllowRetry() bool {
	return u.group.budget.take(u.Retry.budget, u.group.requests.Load())
}

// Pick chooses a target that is not among tried (which may be nil). nil means
// that none is left, and the code says what to answer. A pick with nothing tried
// counts as a request. Pick allocates nothing and takes no lock but when the set
// of usable targets has changed.
func (u *Upstream) Pick(h Hash, tried *Tried) (*Target, contract.Code) {
	s := u.current()
	var t *Target
	if tried == nil || tried.n == 0 {
		n := u.group.requests.Add(1)
		t = u.first(s, h, n)
	} else if t = u.next(s, h, tried); t == nil && s.code == 0 && !u.refuse {
		// Every usable target failed: one that is held for ill may yet work.
		t = u.any(tried)
	}
	if t == nil {
		return nil, contract.CodeUpstreamUnavailable
	}
	return t, 0
}

// Preview chooses as Pick would for a new request, without counting one: for
// explanations. Round robin's next turn is told, not taken.
func (u *Upstream) Preview(h Hash) (*Target, contract.Code) {
	if t := u.first(u.current(), h, u.group.requests.Load()+1); t != nil {
		return t, 0
	}
	return nil, contract.CodeUpstreamUnavailable
}

// first picks a target for a new request, the n-th.
func (u *Upstream) first(s *set, h Hash, n uint64) *Target {
	if len(s.order) == 0 {
		return nil
	}
	switch u.algorithm {
	case contract.LeastRequest:
		return s.lesser(u)
	case contract.Random:
		return u.targets[s.order[rand.Uint64N(uint64(len(s.order)))]]
	case contract.IPHash, contract.ConsistentHash:
		return u.ring.pick(u, s, h, nil)
	}
	return u.targets[s.order[n%uint64(len(s.order))]]
}

// next picks a further target for a request whose others failed.
func (u *Upstream) next(s *set, h Hash, tried *Tried) *Target {
	if len(s.order) == 0 {
		return nil
	}
	if u.hash != nil {
		return u.ring.pick(u, s, h, tried)
	}
	// From a random place on, so that a failed target's load is shared by weight.
	from := rand.Uint64N(uint64(len(s.order)))
	for i := range 16 {
		if t := u.targets[s.order[(from+uint64(i))%uint64(len(s.order))]]; !tried.Has(t) {
			return t
		}
	}
	for _, t := range u.targets {
		if s.usable[t.index] && !tried.Has(t) {
			return t
		}
	}
	return nil
}

// any picks any target with a weight that was not tried, the least loaded first.
func (u *Upstream) any(tried *Tried) (best *Target) {
	for _, t := range u.targets {
		if t.Weight > 0 && !tried.Has(t) && (best == nil || t.Inflight() < best.Inflight()) {
			best = t
		}
	}
	return best
}

// Why says in a few words why Pick chose t, for explanations.
func (u *Upstream) Why(t *Target) string {
	s := u.current()
	usable := 0
	for _, ok := range s.usable {
		if ok {
			usable++
		}
	}
	return why(u.algorithm, usable, len(u.targets), s.desperate, t)
}
