package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is what the limits need.
type Config struct {
	// Dir is the limits' own directory. Alone reports whether no other process has
	// it open, as a predecessor that drains has: its leases are its own until it has
	// ended. Nil: it always is.
	Dir   string
	Alone func() bool
	// Edge and Epoch name this run of the edge in Redis. The epoch must have been
	// raised durably before New and be the meter's, so that the ledger in the
	// database can be joined with what edges claim.
	Edge  string
	Epoch uint64
	// Redis should be a client of its own with ContextTimeoutEnabled and without
	// retries. Nil: every counter is the edge's own.
	Redis redis.UniversalClient
	// Patience is how long a request waits for Redis while something may be left; 0
	// is 250 ms. Whoever has quota left must not be told that it is exceeded because
	// a machine was slow.
	Patience time.Duration
	// CallBudget bounds one round trip to Redis; 0 is 400 ms. It is long, because a
	// busy machine stalls; no request waits as long (see Patience).
	CallBudget time.Duration
	// Now is CLOCK_BOOTTIME in nanoseconds: it goes on while the machine sleeps.
	Now    func() int64
	Wall   func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default
}

// Limits makes and keeps the counters of one edge. It implements
// policy.Counters.
type Limits struct {
	base     string // the edge's name
	edge     string // edge.epoch, as in Redis
	now      func() int64
	wall     func() time.Time
	log      *slog.Logger
	shared   bool // there is a Redis
	ledger   *ledger.Ledger
	alone    func() bool
	link     *link
	patience time.Duration // see Config
	refill   *refiller
	shards   [contract.BudgetShards]shard

	// offset is wall clock less CLOCK_BOOTTIME in nanoseconds, so that the hot
	// path reads one clock only.
	offset  atomic.Int64
	leaving atomic.Bool  // no new requests come
	edges   atomic.Int64 // live edges, as far as known; at least 1
	addrs   atomic.Int64 // entries of all address tables

	mu       sync.Mutex // guards the maps below
	families map[string]*kin
	orgs     map[uint64]*Organization
	seq      atomic.Uint64 // of families: later versions win
}

// New opens the mapped ledger of what leases have spent and reads those of
// former epochs; Run settles them.
func New(c Config) (*Limits, error) {
	if c.Edge == "" || c.Now == nil || c.Dir == "" {
		return nil, errors.New("limit: Edge, Dir and Now are required")
	}
	l := &Limits{
		base: c.Edge, edge: contract.BudgetWriter(c.Edge, c.Epoch), now: c.Now, wall: c.Wall, log: c.Logger,
		shared: c.Redis != nil, families: map[string]*kin{}, orgs: map[uint64]*Organization{},
	}
	if l.wall == nil {
		l.wall = time.Now
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	l.edges.Store(1)
	l.tell()
	l.alone = c.Alone
	if l.alone == nil {
		l.alone = func() bool { return true }
	}
	shared := !l.alone()
	led, err := ledger.Open(ledger.Config{Dir: c.Dir, Edge: c.Edge, Epoch: c.Epoch, Wall: l.wall, Logger: l.log, Shared: shared})
	if err != nil {
		return nil, fmt.Errorf("open the ledger of leases: %w", err)
	}
	l.ledger = led
	l.patience = cmp.Or(c.Patience, defaultPatience)
	l.link = newLink(c.Redis, cmp.Or(c.CallBudget, defaultCallBudget), l.log)
	l.refill = newRefiller(l)
	l.refill.shared = shared
	return l, nil
}

// tell reads both clocks.
func (l *Limits) tell() { l.offset.Store(l.wall().UnixNano() - l.now()) }

// SetEdges tells how many edges are live: while Redis is away, small rates and
// concurrency are split by that number.
func (l *Limits) SetEdges(n int) {
	if n >= 1 {
		l.edges.Store(int64(n))
	}
}

// Leave says that no new requests come: what requests under way do not use is
// given back within a second or two, not when the last of them has ended.
func (l *Limits) Leave() { l.leaving.Store(true) }

// Away reports whether Redis does not answer, so that no lease can be had.
func (l *Limits) Away() bool { return l.link.down() || !l.link.seen.Load() }

// saw notes that n edges take part in some counter.
func (l *Limits) saw(n int64) {
	if n > l.edges.Load() {
		l.edges.Store(n)
	}
}

// Run refills cells, renews shares, returns what is idle and settles former
// epochs until ctx ends; then it returns every lease and unmaps nothing: cells
// stay usable until the process ends.
func (l *Limits) Run(ctx context.Context) error { return l.refill.run(ctx) }

// Stats are the limits' figures for metrics.
type Stats struct {
	Calls    uint64 // scripts sent to Redis
	Trips    uint64 // round trips they took
	Errors   uint64
	Waits    uint64 // requests that waited for Redis
	Active   int64  // cells that are looked after
	Away     bool   // Redis does not answer
	Unseeded int64  // shards whose budgets wait for the worker
	Degraded string // why leases would not survive a kill; "" when they do
}

// Stats returns the present figures.
func (l *Limits) Stats() Stats {
	s := l.refill.stats()
	s.Away = l.link.down()
	s.Degraded = l.ledger.Degraded()
	for i := range l.shards {
		if l.shards[i].unseeded.Load() {
			s.Unseeded++
		}
	}
	return s
}

// Family implements policy.Counters.
func (l *Limits) Family(spec policy.CounterSpec) (policy.Family, error) {
	if err := checkSpec(&spec); err != nil {
		return nil, err
	}
	local := spec.Local || spec.By == policy.ByIP || !l.shared
	return l.family(&plan{
		kind: spec.Kind, by: spec.By, local: local, limit: spec.Limit, rate: bucketOf(spec.Rate), length: spec.Period,
		route: spec.Scope.RouteNum, name: familyName(&spec, local),
		filter: ledger.Filter{
			Organization: spec.Scope.OrganizationNum, Gateway: spec.Scope.GatewayNum, Route: spec.Scope.RouteNum,
		},
	}), nil
}

var _ policy.Counters = (*Limits)(nil)
