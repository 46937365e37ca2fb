package confsync

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is what a Syncer needs.
type Config struct {
	// Redis must honour the deadlines of contexts and not retry by itself.
	Redis redis.UniversalClient
	// Stream reads the change stream, which blocks; closing it ends a read that a
	// context can't interrupt. Nil: Redis does.
	Stream   redis.UniversalClient
	Keys     *contract.EdgeKeys
	Snapshot *snapshot.Store
	KeyStore *keystore.Store
	Disk     *disklog.Log // nil: nothing is saved
	// Report returns what the edge says of itself; lineage, revision, times,
	// readiness and failures are filled in here.
	Report func() contract.EdgeReport
	// RepairEvery is how often the digest of everything held is compared with the
	// head's; 0 is 60 s.
	RepairEvery time.Duration
	// Now is CLOCK_BOOTTIME in nanoseconds, Wall Unix milliseconds.
	Now    func() int64
	Wall   func() int64
	Logger *slog.Logger
}

// Position is how far the edge is, as it is kept on disk.
type Position struct {
	Lineage  string `json:"lineage"`
	Issued   int64  `json:"issued"`
	Rev      uint64 `json:"rev"`
	HeadTime int64  `json:"head_time"` // of the newest head seen, Unix milliseconds
	// Restoring says that some of what is held may be of a former lineage.
	Restoring bool `json:"restoring,omitempty"`
}

// Syncer is the edge's link to the control plane.
type Syncer struct {
	cfg     Config
	tracker tracker
	queue   queue

	mu        sync.Mutex // guards the rest of this group
	lineage   string
	issued    int64
	head      contract.Head // the newest one accepted; zero: none yet
	headAt    int64         // when it came, CLOCK_BOOTTIME ns
	headRead  uint64        // counts accepted heads
	next      uint64        // revision that the reader waits for
	turn      uint64        // raised when next was moved by another than the reader
	aheadAt   int64         // since when the reader is ahead of the head; 0: it is not
	interrupt context.CancelFunc
	lost      bool // Redis has shown that it lacks what it had
	restoring bool // the lineage is new, and not all was compared yet
	posLoc    *disklog.Loc
	saved     Position

	ready   atomic.Bool
	up      atomic.Bool
	syncing atomic.Bool
	muted   atomic.Bool // another process reports for this edge

	changed chan struct{} // something to report
	resync  chan struct{} // a resynchronisation is wanted
	settle  settleQueue   // revisions whose revocations are to be made durable

	gaps, resyncs, tampered, drifts atomic.Uint64
	alarmed                         atomic.Int64 // when one was logged last
}

// New makes a Syncer that goes on from pos, which was loaded from disk at loc; a
// zero pos begins with nothing.
func New(cfg Config, pos Position, loc *disklog.Loc) *Syncer {
	if cfg.Stream == nil {
		cfg.Stream = cfg.Redis
	}
	if cfg.RepairEvery == 0 {
		cfg.RepairEvery = repairEvery
	}
	s := &Syncer{
		cfg: cfg, lineage: pos.Lineage, issued: pos.Issued, next: pos.Rev + 1,
		head:   contract.Head{Lineage: pos.Lineage, Rev: pos.Rev, Time: pos.HeadTime},
		posLoc: loc, saved: pos,
		changed: make(chan struct{}, 1), resync: make(chan struct{}, 1),
	}
	s.tracker.wall = cfg.Wall
	s.tracker.reset(pos.Rev, 0)
	s.queue.init()
	s.settle.signal = make(chan struct{}, 1)
	if pos.Lineage != "" {
		s.complete()
	}
	if s.restoring = pos.Restoring; s.restoring {
		cfg.Snapshot.Renew()
		poke(s.resync)
	}
	return s
}

// DecodePosition reads a Position from its record on disk.
func DecodePosition(doc []byte) (Position, error) {
	var p Position
	if err := json.Unmarshal(doc, &p); err != nil {
		return Position{}, fmt.Errorf("decode position: %w", err)
	}
	return p, nil
}

// complete notes that a whole configuration was loaded.
func (s *Syncer) complete() {
	s.cfg.Snapshot.Table().SetComplete()
	s.ready.Store(true)
}

// Ready reports whether a whole configuration was ever loaded.
func (s *Syncer) Ready() bool { return s.ready.Load() }

// Current reports whether all that the control plane's newest head speaks of is in
// force here, as far as this process has asked.
func (s *Syncer) Current() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	applied, _ := s.tracker.state()
	return s.headRead > 0 && applied >= s.head.Rev && s.up.Load() && s.ready.Load()
}

// Mute ends the sending of reports, or begins it again: of two processes that are
// one edge while it is handed over, one reports.
func (s *Syncer) Mute(on bool) {
	s.muted.Store(on)
	if !on {
		poke(s.changed)
	}
}

// Up reports whether Redis answered the last time it was asked for the head.
func (s *Syncer) Up() bool { return s.up.Load() }

// Lineage returns the lineage that the signed head speaks of, "" while unknown.
func (s *Syncer) Lineage() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lineage
}

// Run runs all loops until ctx ends, and returns when they have ended.
func (s *Syncer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, loop := range []func(context.Context){
		s.headLoop, s.readLoop, s.resyncLoop, s.fetchLoop, s.fetchLoop, s.settleLoop, s.saveLoop, s.reportLoop,
	} {
		wg.Go(func() { loop(ctx) })
	}
	wg.Wait()
	s.savePosition()
	return nil
}

// Stats are figures for metrics.
type Stats struct {
	Rev, HeadRev                    uint64
	HeadTime                        int64 // Unix milliseconds
	Up, Ready                       bool
	Gaps, Resyncs, Tampered, Drifts uint64
	Queue                           int
}

// Stats returns the present figures.
func (s *Syncer) Stats() Stats {
	rev, _ := s.tracker.state()
	s.mu.Lock()
	head := s.head
	s.mu.Unlock()
	return Stats{
		Rev: rev, HeadRev: head.Rev, HeadTime: head.Time, Up: s.up.Load(), Ready: s.ready.Load(),
		Gaps: s.gaps.Load(), Resyncs: s.resyncs.Load(), Tampered: s.tampered.Load(), Drifts: s.drifts.Load(),
		Queue: s.queue.len(),
	}
}

// poke signals without blocking.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// advanced is called when the applied revision may have risen.
func (s *Syncer) advanced(rose bool) {
	if !rose {
		return
	}
	s.markFresh()
	poke(s.changed)
}

// markFresh notes that the edge is up to date if all that the newest head speaks
// of is in force.
func (s *Syncer) markFresh() {
	s.mu.Lock()
	head, at := s.head, s.headAt
	applied, _ := s.tracker.state()
	s.mu.Unlock()
	if at != 0 && applied >= head.Rev {
		s.cfg.Snapshot.Fresh().Mark(at)
	}
}

// alarm counts and logs something that the control plane did not make.
// Of many in a second one is logged.
func (s *Syncer) alarm(what string, err error) {
	s.tampered.Add(1)
	now, last := s.cfg.Now(), s.alarmed.Load()
	if now-last < int64(time.Second) || !s.alarmed.CompareAndSwap(last, now) {
		return
	}
	s.cfg.Logger.Error("config_tamper: "+what, "error", err)
}

// Pauses between tries when Redis fails.
const (
	pauseMin = 100 * time.Millisecond
	pauseMax = 2 * time.Second
)

// pause sleeps before try number n (from 0), longer each time, with full jitter
// above a floor, so that edges do not come back in step.
func pause(ctx context.Context, n int) {
	d := min(pauseMin<<min(n, 5), pauseMax)
	sleep(ctx, d/4+rand.N(d))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
