package confsync

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
)

// settleQueue holds revisions of the newest turn that are in force in memory.
type settleQueue struct {
	mu     sync.Mutex
	turn   uint64
	revs   []uint64
	signal chan struct{}
}

func (q *settleQueue) add(turn uint64, revs []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(revs) == 0 || turn < q.turn {
		return
	}
	if turn > q.turn {
		q.turn, q.revs = turn, nil
	}
	q.revs = append(q.revs, revs...)
	poke(q.signal)
}

func (q *settleQueue) take() (turn uint64, revs []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	revs = q.revs
	q.revs = nil
	return q.turn, revs
}

// settleLoop makes revocations durable, one fdatasync for all that came meanwhile,
// and only then counts their revisions as applied: a receipt must outlast a power
// failure of this edge. A disk that fails does not hold up what is in force.
func (s *Syncer) settleLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.settle.signal:
		}
		s.settleNow()
	}
}

func (s *Syncer) settleNow() {
	turn, revs := s.settle.take()
	if err := s.cfg.KeyStore.Sync(); err != nil {
		s.cfg.Logger.Error("revocations can't be made durable", "error", err)
	}
	s.advanced(s.tracker.done(turn, revs...))
}

const (
	saveEvery  = time.Second
	flushEvery = 5 // saves
)

// saveLoop writes the position, makes the log durable, compacts it, compiles again
// what failed for a reason that passes, and bounds the memory of compiled gateways.
func (s *Syncer) saveLoop(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n%flushEvery == 0 {
			s.cfg.Snapshot.Flush()
		}
		s.savePosition()
		s.cfg.Snapshot.Retry(ctx)
		s.cfg.Snapshot.Sweep()
		if s.cfg.Disk != nil && s.cfg.Disk.NeedsCompaction() {
			if err := s.cfg.Disk.Compact(); err != nil {
				s.cfg.Logger.Error("configuration log can't be compacted", "error", err)
			}
		}
	}
}

// savePosition writes the applied revision behind the documents that it stands
// for, then makes all of it durable.
func (s *Syncer) savePosition() {
	if s.cfg.Disk == nil || !s.ready.Load() {
		return
	}
	s.mu.Lock()
	applied, _ := s.tracker.state() // of that lineage
	pos := Position{Lineage: s.lineage, Issued: s.issued, Rev: applied, HeadTime: s.head.Time, Restoring: s.restoring}
	changed := pos.Lineage != s.saved.Lineage || pos.Restoring != s.saved.Restoring || pos.Rev != s.saved.Rev || pos.HeadTime-s.saved.HeadTime > 60_000
	s.mu.Unlock()
	if changed {
		if err := s.writePosition(pos); err != nil {
			s.cfg.Logger.Error("position can't be saved", "error", err)
			return
		}
	}
	if err := s.cfg.Disk.Sync(); err != nil {
		s.cfg.Logger.Error("configuration log can't be made durable", "error", err)
	}
}

func (s *Syncer) writePosition(pos Position) error {
	doc, err := json.Marshal(pos)
	if err != nil {
		return err
	}
	loc, err := s.cfg.Disk.Append(&disklog.Record{Kind: disklog.Position, ID: "position", Version: pos.Rev, Doc: doc})
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.posLoc
	s.posLoc, s.saved = loc, pos
	s.mu.Unlock()
	s.cfg.Disk.Drop(old)
	return nil
}
