package balance

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Backend is what a target's connections are kept in; transport.Pool is one.
// Close closes the idle ones; versions that are still in use may go on using it.
type Backend interface{ Close() }

// Spec says what a Backend connects to and how. Versions share the Backend of
// equal specs; any difference makes another one.
type Spec struct {
	Organization, Upstream uint64
	URL                    *match.URL
	// Addr is the one address of the URL's name to connect to; not valid: whatever
	// the name has then.
	Addr        netip.AddrPort
	Protocol    string // "http1", "h2", "h2c"
	TLS         contract.UpstreamTLS
	Connect     time.Duration
	MaxIdle     int // connections
	IdleTimeout time.Duration
}

// Config of a Registry.
type Config struct {
	// Guard judges target addresses when an upstream is compiled.
	Guard *match.Guard
	// Open returns the Backend of a target, (*transport.Pools).Open. Nil leaves
	// Target.Backend nil.
	Open func(Spec) (Backend, error)
	// Endpoints tells what is behind the name of a target, (*transport.Pools).Endpoints.
	// It does not block; ok is false while nothing new is known. No endpoints: the
	// name can't be spread over, and is connected to by name. Nil: all are.
	Endpoints func(organization uint64, u *match.URL) (list []Endpoint, ok bool)
	// SessionKey is what session cookies are made with, the same on every edge.
	SessionKey []byte
	// Now is a monotonic clock in nanoseconds, Wall the time in Unix milliseconds.
	Now, Wall func() int64
}

// Key identifies an upstream through all versions of its gateway.
type Key struct{ Organization, Upstream uint64 }

// Registry holds the runtime state of every upstream. It is safe for concurrent
// use; requests never touch it.
type Registry struct {
	cfg     Config
	changed chan struct{}

	mu     sync.Mutex // guards all below
	groups map[Key]*group
	live   map[string][]*Upstream // by gateway
	list   []*group               // groups, for Sweep; nil when they have changed
	named  []*Upstream            // live ones with names, for Sweep; nil when live has changed
	moved  int64                  // when the budgets' windows were last moved

	refits sync.Mutex // one look at names at a time
}

// New makes an empty Registry.
func New(cfg Config) (*Registry, error) {
	if cfg.Guard == nil || cfg.Now == nil || cfg.Wall == nil {
		return nil, errors.New("balance: guard and clocks are needed")
	}
	return &Registry{cfg: cfg, changed: make(chan struct{}, 1), groups: map[Key]*group{}, live: map[string][]*Upstream{}}, nil
}

// group is the runtime state of one upstream.
type group struct {
	key  Key
	now  func() int64
	wall func() int64
	// generation rises whenever the set of usable targets may have changed.
	generation atomic.Uint64
	_          [64]byte
	// requests counts first picks. It is what round robin runs on, and what the
	// retry budget is a share of. It begins anywhere, so that edges don't all
	// begin with the same target.
	requests atomic.Uint64
	_        [56]byte
	budget   budget
	// everHealthy: some target was seen to work.
	everHealthy atomic.Bool
	// troubled: the sweep has something to look at.
	troubled atomic.Bool
	queue    queue

	mu      sync.Mutex // guards states and the slow part of each
	states  map[string]*state
	applied bool
	inForce *Upstream
	made    int64 // monotonic ns
}

func (r *Registry) group(k Key) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[k]
	if g == nil {
		g = &group{key: k, now: r.cfg.Now, wall: r.cfg.Wall, states: map[string]*state{}, made: r.cfg.Now()}
		g.requests.Store(rand.Uint64N(1 << 32))
		g.budget.reset(g.requests.Load())
		r.groups[k] = g
		r.list = nil
	}
	return g
}

// Upstream compiles one version of an upstream's configuration over the state
// that the Registry keeps for key. It fails with contract.FieldErrors, pointers
// beginning at the upstream. Nothing is started until Apply.
func (r *Registry) Upstream(key Key, doc *contract.Upstream) (*Upstream, error) {
	urls, errs := match.CheckUpstream(doc, r.cfg.Guard)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	u := &Upstream{
		Name: doc.Name, Protocol: doc.Protocol, Timeouts: timeoutsOf(doc.Timeouts), Retry: retryOf(doc.Retries),
		algorithm: doc.Algorithm, outlier: outlierOf(doc.Outlier), breaker: breakerOf(doc.Breaker),
		refuse: doc.WhenAllDown == "refuse", slowStart: int64(doc.SlowStart), drain: or(doc.DrainTimeout, defaultDrain),
		group: r.group(key), wall: r.cfg.Wall,
	}
	if u.Protocol == "" {
		u.Protocol = "http1"
	}
	if u.algorithm == "" {
		u.algorithm = contract.RoundRobin
	}
	u.counts = u.breaker != nil || !u.outlier.disabled && u.outlier.success > 0
	u.timed = u.algorithm == contract.LeastTime
	var err error
	if u.Check, err = checkOf(doc.Health); err != nil {
		return nil, err
	}
	if u.hash, err = newHasher(doc); err != nil {
		return nil, err
	}
	if u.sessions, err = newSessions(doc.Sessions); err != nil {
		return nil, err
	}
	u.addSlots(key, doc, urls)
	f, at, err := r.newFleet(u, nil)
	if err != nil {
		return nil, contract.FieldErrors{{Pointer: contract.Pointer("targets", at), Detail: err.Error()}}
	}
	u.fleet.Store(f)
	return u, nil
}

// addQueue gives the upstream a queue with every default filled in.
func (u *Upstream) addQueue(q *contract.Queue) {
	if q == nil {
		q = &contract.Queue{}
	}
	if q.Disabled {
		return
	}
	if u.queueLength = q.Length; u.queueLength == 0 {
		u.queueLength = defaultQueue
	}
	u.queueTimeout = or(q.Timeout, defaultQueueTime)
}

// Apply says which upstreams of a gateway are in force from now on. It must be
// called before the version serves its first request: health checks of new
// targets begin at once, those of targets that are gone end, and state that no
// gateway uses any more is dropped. No upstreams: the gateway is gone.
func (r *Registry) Apply(gateway string, live []*Upstream) {
	r.mu.Lock()
	old := r.live[gateway]
	if len(live) == 0 {
		delete(r.live, gateway)
	} else {
		r.live[gateway] = slices.Clone(live)
	}
	used := map[Key]bool{}
	for _, u := range live {
		used[u.group.key] = true
		r.groups[u.group.key] = u.group
	}
	for _, u := range old {
		if !used[u.group.key] {
			delete(r.groups, u.group.key)
		}
	}
	r.list, r.named = nil, nil
	r.mu.Unlock()

	before := map[Key]*Upstream{}
	for _, u := range old {
		before[u.group.key] = u
		if !used[u.group.key] {
			u.group.gone(u)
		}
	}
	backends := map[Backend]bool{}
	for _, u := range live {
		r.refit(u) // names may have got other addresses since u was compiled
		u.group.apply(u, before[u.group.key])
		for _, t := range u.Targets() {
			backends[t.Backend] = true
		}
	}
	for _, u := range old {
		for _, t := range u.Targets() {
			if t.Backend != nil && !backends[t.Backend] {
				t.Backend.Close()
			}
		}
	}
	r.tell()
}

// tell makes Changed yield.
func (r *Registry) tell() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Changed yields after every Apply, and after a name has got other addresses: what
// is to be checked may be different.
func (r *Registry) Changed() <-chan struct{} { return r.changed }

// Live returns the upstreams in force with the gateways they belong to.
func (r *Registry) Live() map[string][]*Upstream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.live)
}

// Sweep ends ejections whose time is over, moves the windows of retry budgets, and
// sends requests to the addresses that names have by now. It is called every
// SweepEvery.
func (r *Registry) Sweep() {
	now := r.cfg.Now()
	r.mu.Lock()
	each := now-r.moved >= budgetStep
	if each {
		r.moved = now
		for k, g := range r.groups {
			if now-g.made > int64(unappliedAfter) && !g.isApplied() {
				delete(r.groups, k) // compiled once, never in force
				r.list = nil
			}
		}
	}
	if r.list == nil {
		r.list = slices.Collect(maps.Values(r.groups))
	}
	groups := r.list
	if r.named == nil {
		r.named = r.withNames()
	}
	named := r.named
	r.mu.Unlock()
	r.follow(named, each)
	for _, g := range groups {
		if each {
			g.budget.move(g.requests.Load())
		}
		if g.troubled.Load() {
			g.sweep(now)
		}
		if g.queue.waiting.Load() > 0 {
			g.queue.wake() // a target may have come back, or gone
		}
	}
}

// SweepEvery is how often Sweep wants to be called.
const (
	SweepEvery     = 100 * time.Millisecond
	unappliedAfter = 10 * time.Minute
)

// Down returns the targets in force that are kept from requests by their state,
// at most limit.
func (r *Registry) Down(limit int) (out []contract.TargetState) {
	live := r.Live()
	for _, gateway := range slices.Sorted(maps.Keys(live)) {
		for _, u := range live[gateway] {
			for _, t := range u.Targets() {
				reason, since, down := t.state.down(u.group)
				if !down || t.Weight == 0 {
					continue
				}
				if len(out) == limit {
					return out
				}
				out = append(out, contract.TargetState{Gateway: gateway, Upstream: u.Name, Target: t.Text, Address: t.Address(), Reason: reason, Since: since})
			}
		}
	}
	return out
}

// Resolved returns the targets in force whose names have known addresses, at most
// limit.
func (r *Registry) Resolved(limit int) (out []contract.ResolvedTarget) {
	live := r.Live()
	for _, gateway := range slices.Sorted(maps.Keys(live)) {
		for _, u := range live[gateway] {
			for i, list := range u.fleet.Load().names {
				if len(list) == 0 {
					continue
				}
				if len(out) == limit {
					return out
				}
				one := contract.ResolvedTarget{Gateway: gateway, Upstream: u.Name, Target: u.slots[i].text}
				for _, e := range list {
					one.Addresses = append(one.Addresses, e.Addr.String())
				}
				out = append(out, one)
			}
		}
	}
	return out
}
