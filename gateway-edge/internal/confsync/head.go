package confsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

const (
	headEvery   = time.Second
	headTimeout = time.Second
	repairEvery = 60 * time.Second
)

// headLoop reads the signed head each second.
func (s *Syncer) headLoop(ctx context.Context) {
	failures := 0
	var checked int64
	for ctx.Err() == nil {
		_, err := s.readHead(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.tellUnread(err, s.up.Swap(false), failures)
			failures++
			pause(ctx, failures)
			continue
		case !s.up.Swap(true):
			s.cfg.Logger.Info("in contact with the control plane")
		}
		failures = 0
		if now := s.cfg.Now(); now-checked > int64(s.cfg.RepairEvery) && s.settled() {
			checked = now
			s.checkRoot(ctx)
		}
		sleep(ctx, headEvery)
	}
}

// patience is how many tries an edge that holds nothing makes before it warns: at
// the very first start the control plane writes its head a moment later.
const patience = 10

// tellUnread logs once why the head can't be read.
func (s *Syncer) tellUnread(err error, wasUp bool, failures int) {
	first := errors.Is(err, errNoHead) && s.Lineage() == ""
	switch {
	case first && failures == 0:
		s.cfg.Logger.Info("nothing was published yet: waiting for the control plane")
	case first && failures == patience, !first && (wasUp || failures == 0):
		s.cfg.Logger.Warn("the head can't be read", "error", err)
	}
}

// errNoHead says that Redis answered and has no head: it was emptied, or the
// publisher never ran.
var errNoHead = errors.New("there is no head in Redis")

// readHead reads the head and takes what is new in it.
func (s *Syncer) readHead(ctx context.Context) (contract.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	s.mu.Lock()
	lost, known, lineage := s.lost, s.head.Rev, s.lineage
	s.mu.Unlock()
	raw, err := s.cfg.Redis.Get(ctx, contract.RedisHead).Bytes()
	if errors.Is(err, redis.Nil) {
		return contract.Head{}, errNoHead
	}
	if err != nil {
		return contract.Head{}, err
	}
	var h contract.Head
	if _, err := contract.OpenDocument(s.cfg.Keys.Verifier, contract.KindHead, raw, &h); err != nil {
		s.alarm("the head does not verify", err)
		return contract.Head{}, err
	}
	s.takeHead(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case h.Lineage != s.lineage:
	case h.Rev < known && lineage == s.lineage:
		s.lost = true
	case lost && h.Rev >= s.head.Rev:
		// It has all of it again. What it confirmed of keys meanwhile, as a replica that
		// was behind when it took over, counts for nothing.
		s.lost = false
		s.cfg.KeyStore.Invalidate()
	}
	return h, nil
}

// takeHead judges a verified head.
func (s *Syncer) takeHead(h contract.Head) {
	s.mu.Lock()
	switch {
	case s.lineage == "" || h.Lineage != s.lineage && h.Issued > s.issued:
		s.begin(h)
	case h.Lineage != s.lineage:
		s.mu.Unlock()
		s.cfg.Logger.Warn("head of another lineage that is not newer is ignored", "lineage", h.Lineage)
		return
	case h.Rev < s.head.Rev || h.Rev == s.head.Rev && h.Time < s.head.Time:
		// A replica that was behind, or an old head written again: the edge goes
		// on with what it knows, and grows stale until a newer one comes.
		s.mu.Unlock()
		return
	}
	// Otherwise it is no sign of life. A publisher's clock may have been put right.
	if h.Time > s.head.Time || h.Rev > s.head.Rev {
		s.headAt = s.cfg.Now()
	}
	s.head, s.issued = h, h.Issued
	s.headRead++
	s.checkAhead(h)
	s.mu.Unlock()
	s.markFresh()
}

// begin starts with a lineage: everything is compared anew and every key
// confirmed. mu is held.
func (s *Syncer) begin(h contract.Head) {
	if s.lineage != "" {
		s.cfg.Logger.Warn("the database was restored: everything is read again", "from", s.lineage, "to", h.Lineage)
		if err := s.cfg.KeyStore.Renew(); err != nil {
			s.cfg.Logger.Error("that versions of keys begin anew can't be made durable", "error", err)
		}
		s.cfg.Snapshot.Renew()
		s.restoring = true
	}
	s.lineage, s.issued = h.Lineage, h.Issued
	s.move(h.Rev)
	s.missed(h.Rev)
}

// aheadLimit is how long the stream may be ahead of the head, in nanoseconds: the
// publisher writes the head right after each notice.
const aheadLimit = 2_000_000_000

// checkAhead goes back to the signed head where the reader followed entries that no
// publisher wrote: behind them it would miss what the publisher writes next. mu is
// held.
func (s *Syncer) checkAhead(h contract.Head) {
	now := s.cfg.Now()
	switch {
	case s.next-1 <= h.Rev:
		s.aheadAt = 0
	case s.aheadAt == 0:
		s.aheadAt = now
	case now-s.aheadAt > aheadLimit:
		s.aheadAt = 0
		s.alarm("the change stream is ahead of the signed head", fmt.Errorf("revision %d, head %d", s.next-1, h.Rev))
		s.move(h.Rev)
		s.missed(h.Rev)
	}
}

// move makes the reader go on behind rev. What is under way says nothing of what
// comes then: its turn is over. mu is held.
func (s *Syncer) move(rev uint64) {
	s.next = rev + 1
	s.turn++
	s.tracker.reset(0, s.turn)
	s.queue.clear(s.turn)
	if s.interrupt != nil {
		s.interrupt()
	}
}

// missed notes that revisions up to rev were not read: documents are compared and
// keys confirmed.
func (s *Syncer) missed(rev uint64) {
	s.gaps.Add(1)
	s.cfg.KeyStore.Invalidate()
	s.tracker.add(rev)
	poke(s.resync)
}

// settled reports whether everything the newest head speaks of is in force and
// nothing more is under way.
func (s *Syncer) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	applied, idle := s.tracker.state()
	return idle && s.headRead > 0 && applied == s.head.Rev && !s.syncing.Load()
}

// checkRoot compares what the edge holds with the head's root. They may differ for
// a moment while a change passes; only a difference between two heads of one
// revision, with nothing under way, is drift.
func (s *Syncer) checkRoot(ctx context.Context) {
	for range 3 {
		s.mu.Lock()
		before := s.head
		s.mu.Unlock()
		if bytes.Equal(s.cfg.Snapshot.Root(), before.Root) {
			return
		}
		sleep(ctx, 300*time.Millisecond)
		h, err := s.readHead(ctx)
		if err != nil || h.Rev != before.Rev || !s.settled() {
			return // something moves: the next check will tell
		}
		if !bytes.Equal(h.Root, before.Root) {
			continue
		}
		s.drifts.Add(1)
		s.cfg.Logger.Error("what the edge holds differs from the signed head; everything is compared again", "rev", h.Rev)
		poke(s.resync)
		return
	}
}
