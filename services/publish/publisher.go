package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Times of the publisher.
const (
	pollEvery    = 20 * time.Millisecond
	headEvery    = time.Second
	watchEvery   = 200 * time.Millisecond
	leaseFor     = 3 * time.Second
	candidacy    = 500 * time.Millisecond // between two tries to lead
	gatewayEvery = 100 * time.Millisecond // at most ten documents of a gateway a second
	compileFor   = 50 * time.Millisecond  // then keys, which are urgent, have their turn
	sweepEvery   = 10 * time.Minute
	outboxFor    = 48 * time.Hour
	tombstoneFor = 30 * 24 * time.Hour
	taskLimit    = 2000
)

// Options are what a Publisher needs.
type Options struct {
	Store         Store
	Bus           Bus
	Organizations Organizations
	Keys          *contract.RootKeys
	EdgeDomain    string
	Holder        string // names this process in the lease; unique among publishers
	Logger        *slog.Logger
	Clock         core.Clock // nil: the system's
	// Changed wakes the publisher before its next poll; may be nil.
	Changed <-chan struct{}
	// Built names the program that compiles documents: another one compiles all of
	// them anew. Empty: the schema's version.
	Built string
}

// Publisher brings what changed to Redis, as the leader or as the one who waits
// to become it.
type Publisher struct {
	o     Options
	built string
	stats counters
}

// counters are what /metrics shows.
type counters struct {
	leading, lastHead     atomic.Int64
	published, failures   atomic.Uint64
	refills, rev, deposed atomic.Uint64
}

// Stats are figures of a publisher.
type Stats struct {
	Leading   bool
	Rev       uint64 // newest revision that was sent
	Published uint64 // notices sent since start
	Failures  uint64 // passes that failed since start
	Refills   uint64 // times that Redis was filled again
	Deposed   uint64 // times that another publisher took over
	LastHead  time.Time
}

// New makes a publisher; Run runs it.
func New(o Options) (*Publisher, error) {
	if o.Store == nil || o.Bus == nil || o.Organizations == nil || o.Keys == nil || o.EdgeDomain == "" || o.Holder == "" || o.Logger == nil {
		return nil, errors.New("publisher: store, bus, organizations, keys, edge domain, holder and logger are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	signer := sha256.Sum256(o.Keys.Edge.Verifier)
	built := fmt.Sprintf("%s schema %d signer %s domain %s", o.Built, contract.SchemaVersion, hex.EncodeToString(signer[:8]), o.EdgeDomain)
	return &Publisher{o: o, built: built}, nil
}

// Stats returns the figures of this moment.
func (p *Publisher) Stats() Stats {
	return Stats{
		Leading: p.stats.leading.Load() == 1, Rev: p.stats.rev.Load(), Published: p.stats.published.Load(),
		Failures: p.stats.failures.Load(), Refills: p.stats.refills.Load(), Deposed: p.stats.deposed.Load(),
		LastHead: core.FromMillis(p.stats.lastHead.Load()),
	}
}

// Run leads whenever it can until ctx ends; then it gives the lease up, so that
// the next one need not wait for it to run out. Faults of the database and of
// Redis are logged and tried again for ever.
func (p *Publisher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, ok, err := p.o.Store.Lead(ctx, p.o.Holder, leaseFor)
		if err != nil && ctx.Err() == nil {
			p.o.Logger.Warn("publisher can't ask for the lead", "error", err)
		}
		if err == nil && ok {
			p.lead(ctx, lease)
			continue
		}
		wait(ctx, candidacy)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// lead publishes until ctx ends or somebody else leads.
func (p *Publisher) lead(ctx context.Context, lease Lease) {
	l := newLeader(p, lease)
	p.stats.leading.Store(1)
	p.o.Logger.Info("publisher leads", "epoch", lease.Epoch, "rev", lease.Rev, "lineage", lease.Lineage)
	err := l.run(ctx)
	p.stats.leading.Store(0)
	if errors.Is(err, ErrDeposed) {
		p.stats.deposed.Add(1)
		p.o.Logger.Warn("publisher was deposed", "epoch", l.lease.Epoch)
		return
	}
	// The lease is given up even when ctx has ended.
	free, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := p.o.Store.Release(free, l.lease.Epoch); err != nil && !errors.Is(err, ErrDeposed) {
		p.o.Logger.Warn("publisher can't give up the lead", "error", err)
	}
}
