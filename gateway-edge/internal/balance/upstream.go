package balance

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Upstream is one version of an upstream. It is immutable but for the addresses of
// its targets' names, and the shared state behind it.
type Upstream struct {
	Name     string
	Protocol string // "http1", "h2" or "h2c"
	Timeouts Timeouts
	Retry    Retry
	Check    *Check // nil: no active checks

	algorithm    string
	outlier      outlier
	breaker      *breakerConfig // nil: none
	sessions     *sessions      // nil: none
	refuse       bool
	counts       bool // what targets answer is counted
	timed        bool // and how long they take
	slowStart    int64
	drain        time.Duration
	queueLength  int // 0: nobody waits
	queueTimeout time.Duration
	hash         *hasher // nil: the algorithm needs none
	slots        []slot
	group        *group
	wall         func() int64

	fleet atomic.Pointer[fleet]
	set   atomic.Pointer[set]
	mu    sync.Mutex // held while set is made anew
}

// Target is one address of a version of an upstream: a configured one, or one of
// those that the name of a configured one has.
type Target struct {
	URL      *match.URL
	ID       uint64 // contract.TargetID, which it is counted under
	Text     string // the URL as it is configured
	Weight   int
	Backend  Backend
	limit    int64  // requests in flight; 0: no bound
	guarded  bool   // it may have no room: a limit or a breaker
	cookie   string // of the sessions that stay with it
	token    string // the value of that cookie
	index    int    // of its slot
	addr     netip.AddrPort
	upstream *Upstream
	state    *state
}

// Targets returns every target of the version, those without weight too. A target
// whose name has several addresses stands there with each.
func (u *Upstream) Targets() []*Target { return u.fleet.Load().targets }

// Address is the one of the addresses of the target's name that this is; empty when
// there is no name, or nothing is known of it.
func (t *Target) Address() string {
	if !t.addr.IsValid() {
		return ""
	}
	return t.addr.String()
}

// Key tells the targets of an upstream apart through all versions.
func (t *Target) Key() string { return t.state.url }

// Result is how a try ended, as far as it tells about the target.
type Result uint8

// Results. Whatever a client caused (a bad body, a cancelled request) must be
// ResultNone: no client may get a healthy target ejected.
const (
	ResultOK          Result = iota // a response with none of the statuses below
	ResultNone                      // says nothing about the target
	ResultServerError               // another 5xx than the next, and than 501 and 505, which a request can bring about
	ResultError                     // 502, 503 or 504 from it, a reset, a malformed answer, a timeout
	ResultConnect                   // no connection: refused, unreachable, timed out, TLS failed
)

// ResultOf is the result of a response that came whole.
func ResultOf(status int) Result {
	switch {
	case status < 500 || status == 501 || status == 505:
		return ResultOK
	case status >= 502 && status <= 504:
		return ResultError
	}
	return ResultServerError
}

// end ends a try that was begun, and says how it went.
func (t *Target) end(r Result, took int64, probe bool) {
	s, u := t.state, t.upstream
	bad := r >= ResultServerError
	if r != ResultNone {
		t.learn(bad, took)
	}
	if probe {
		if r == ResultNone {
			s.breaker.free.Add(1)
		} else {
			t.probed(!bad)
		}
	}
	s.inflight.Add(-1)
	switch {
	case r == ResultOK:
		if s.strikes.Load() != 0 {
			s.strikes.Store(0)
		}
		if s.fives.Load() != 0 {
			s.fives.Store(0)
		}
		if !u.group.everHealthy.Load() {
			u.group.sawHealthy()
		}
	case bad:
		t.strike(r)
	}
	if t.limit > 0 && u.group.queue.waiting.Load() > 0 {
		u.group.queue.wake()
	}
}

// learn counts an answer where somebody looks at the counts.
func (t *Target) learn(bad bool, took int64) {
	s, u := t.state, t.upstream
	if u.counts {
		s.done.Add(1)
		if bad {
			s.bad.Add(1)
		}
	}
	if !u.timed || took == 0 && !bad {
		return
	}
	now := u.group.now()
	if bad { // it counts as no faster than the slowest of the others
		for _, x := range u.Targets() {
			if x != t {
				took = max(took, x.state.peak.average(now))
			}
		}
	}
	s.peak.heard(now, took, bad)
}

// Inflight is the number of requests that were begun and not ended.
func (t *Target) Inflight() int64 { return t.state.inflight.Load() }

// Usable reports whether the target is neither unhealthy nor ejected.
func (t *Target) Usable() bool { return t.state.usable.Load() }

// inService reports whether requests may be sent to the target, its breaker's
// probes included.
func (t *Target) inService() bool { return t.Usable() && !t.state.breaker.is(breakerOpen) }

// Overdue reports whether the target was taken out of service (removed, or its
// weight set to 0) for longer than its exchanges may go on.
func (t *Target) Overdue(now int64) bool {
	at := t.state.drained.Load()
	return at != 0 && now > at
}

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

// Preview chooses as Pick would for a new request, without counting one: for
// explanations. Round robin's next turn is told, not taken; who has no room now is
// not passed over.
func (u *Upstream) Preview(c *Call) (*Target, contract.Code) {
	s := u.current()
	switch t := c.session; {
	case t != nil && t.Weight > 0 && t.inService():
		return t, 0
	case len(s.order) == 0:
		return nil, s.code
	case u.hash != nil || c.sticky:
		if t := s.ring.owner(s, c); t != nil {
			return t, 0
		}
		return nil, contract.CodeUpstreamUnavailable
	}
	return u.choose(s, u.group.requests.Load()+1), 0
}
