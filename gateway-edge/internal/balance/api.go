package balance

import (
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Backend is what a target's connections are kept in; transport.Pool is one.
// balance only carries it.
type Backend interface{ Close() }

// Spec says what a Backend connects to and how. Backends that are equal in all
// of it are shared by versions; any difference makes another one.
type Spec struct {
	Organization, Upstream uint64
	URL                    *match.URL
	Protocol               string // "http1", "h2", "h2c"
	TLS                    contract.UpstreamTLS
	Connect                time.Duration
	MaxIdle                int // connections
	IdleTimeout            time.Duration
}

// Config of a Registry.
type Config struct {
	// Guard judges target addresses when an upstream is compiled.
	Guard *match.Guard
	// Open returns the Backend of a target; transport.(*Pools).Open. Nil leaves
	// Target.Backend nil.
	Open func(Spec) (Backend, error)
	// Now is a monotonic clock in nanoseconds; Wall is Unix milliseconds.
	Now  func() int64
	Wall func() int64
}

// Key identifies an upstream through all versions of its gateway.
type Key struct{ Organization, Upstream uint64 }

// Registry holds the runtime state of every upstream. It is safe for concurrent
// use.
type Registry struct{ cfg Config }

// New makes an empty Registry.
func New(cfg Config) (*Registry, error) { return &Registry{cfg: cfg}, nil }

// Upstream compiles one version of an upstream's configuration over the state
// that the Registry keeps for key. It fails with contract.FieldErrors, pointers
// beginning at the upstream. Nothing is started until Apply.
func (r *Registry) Upstream(key Key, doc *contract.Upstream) (*Upstream, error) { return nil, nil }

// Apply says which upstreams of a gateway are in force from now on. It must be
// called before the version serves its first request: health checks of new
// targets begin at once, those of targets that are gone end, and state that no
// gateway uses any more is dropped. No upstreams: the gateway is gone.
func (r *Registry) Apply(gateway string, live []*Upstream) {}

// Down returns every target in force that takes no requests although its weight
// would let it, at most limit.
func (r *Registry) Down(limit int) []contract.TargetState { return nil }

// Upstream is one version of an upstream. It is immutable but for the shared
// state behind it.
type Upstream struct {
	Name     string
	Protocol string
	Timeouts Timeouts
	Retry    Retry
}

// Timeouts of an upstream with every default filled in.
type Timeouts struct{ Connect, PerTry, Total, Idle time.Duration }

// Retry says what may be tried again, defaults filled in. A connection that
// could not be made always may.
type Retry struct {
	Attempts                                int // further tries
	OnReset, OnTimeout, On502, On503, On504 bool
}

// Hash chooses among targets for ip_hash and consistent_hash; other algorithms
// ignore it.
type Hash uint64

// MaxTries bounds the tries of one request, the first included.
const MaxTries = 8

// Tried holds the targets that a request has been sent to. The zero Tried is
// empty.
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

// NeedsHash reports whether Pick looks at its Hash.
func (u *Upstream) NeedsHash() bool { return false }

// Hash computes what the upstream's algorithm hashes of a request: the client's
// address, or hash_on's header, cookie, query parameter or path parameter (an
// absent one hashes the client's address). It allocates nothing.
func (u *Upstream) Hash(r *policy.Request, client netip.Addr, params []policy.Param) Hash { return 0 }

// Pick chooses a target that is not among tried; nil means none is left, and the
// code says what to answer. tried may be nil. A first pick (nothing tried) counts
// as a request for the retry budget. It allocates nothing and takes no lock.
func (u *Upstream) Pick(h Hash, tried *Tried) (*Target, contract.Code) {
	return nil, contract.CodeUpstreamUnavailable
}

// AllowRetry takes one further try from the retry budget: further tries are at
// most Retries.BudgetPercent of the requests of the last ten seconds, and a few.
// Failover after a failed connect needs no budget.
func (u *Upstream) AllowRetry() bool { return false }

// Target is one address of a version of an upstream.
type Target struct {
	URL     *match.URL
	Weight  int
	Backend Backend
}

// Begin counts a request in flight. Every Begin is followed by exactly one End.
func (t *Target) Begin() {}

// End ends what Begin began and says how it went.
func (t *Target) End(r Result) {}

// Why says in a few words why Pick chose it, for explanations.
func (u *Upstream) Why(t *Target) string { return "" }

// Result is how a try ended, as far as it tells about the target.
type Result uint8

// Results. Only those after ResultNone count against a target; whatever a client
// caused (a bad body, a cancelled request) must be ResultNone.
const (
	ResultOK      Result = iota // a response below 500, or 500, 501, 505 and the like: it is alive
	ResultNone                  // says nothing about the target
	ResultError                 // 502, 503 or 504 from it, a reset, a malformed answer, a timeout
	ResultConnect               // no connection: refused, unreachable, connect timeout, TLS
)
