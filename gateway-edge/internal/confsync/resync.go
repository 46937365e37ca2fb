package confsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	indexBatch   = 256 // buckets a pipeline
	indexTimeout = 2 * time.Second
	// bulkRate bounds what a resynchronisation fetches, in documents a second.
	bulkRate  = 2000
	bulkBatch = 50
	// busyTries is how often a resynchronisation whose root can't be checked,
	// because the head moves on all the time, is repeated before it is believed.
	busyTries = 3
)

// resyncLoop compares everything whenever that was asked for, until it succeeds.
func (s *Syncer) resyncLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.resync:
		}
		s.syncing.Store(true)
		busy := 0
		for try := 0; ctx.Err() == nil; try++ {
			// A little apart: edges that saw the same gap come at the same time.
			sleep(ctx, rand.N(50*time.Millisecond))
			err := s.resynchronise(ctx, busy >= busyTries)
			if err == nil {
				break
			}
			if errors.Is(err, errBusy) {
				busy++
			}
			if try == 0 || try%30 == 0 {
				s.cfg.Logger.Warn("comparing everything did not succeed yet", "error", err)
			}
			pause(ctx, try)
		}
		s.syncing.Store(false)
	}
}

// Reasons why a comparison does not count.
var (
	errBusy       = errors.New("the head moved on while the index was read")
	errIncomplete = errors.New("the index does not have the digest that the head says: it is being filled, or was tampered with")
)

// resynchronise reads the index and fetches what differs.
func (s *Syncer) resynchronise(ctx context.Context, believe bool) error {
	before, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	turn, known := s.turn, s.head
	c := comparison{era: s.cfg.Snapshot.Era()}
	s.mu.Unlock()
	c.held = s.cfg.Snapshot.Held()
	if before.Lineage != known.Lineage || before.Rev < known.Rev {
		return fmt.Errorf("head is behind: revision %d of %d", before.Rev, known.Rev)
	}
	var root []byte
	if c.entries, root, err = s.readIndex(ctx); err != nil {
		return err
	}
	after, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	c.exact = bytes.Equal(root, before.Root) || bytes.Equal(root, after.Root)
	if err := s.fetchDifferent(ctx, &c); err != nil {
		return err
	}
	switch {
	case c.exact:
		s.cfg.Snapshot.Compared(c.era, c.held, c.entries)
	case before.Rev == after.Rev:
		return errIncomplete
	case !believe:
		return errBusy
	}
	s.resyncs.Add(1)
	s.mu.Lock()
	s.restoring = s.restoring && !(c.exact && s.turn == turn)
	s.mu.Unlock()
	// Notices behind the first head were read by then or will be.
	rose := s.tracker.resynced(turn, before.Rev)
	s.complete()
	s.advanced(rose)
	return nil
}

// comparison is what the edge holds beside the control plane's index, which was read
// after it.
type comparison struct {
	era     uint64
	held    map[string]string
	entries map[string]string
	exact   bool // the index is known to be right
}

// readIndex reads all buckets, and computes the root over them.
func (s *Syncer) readIndex(ctx context.Context) (map[string]string, []byte, error) {
	entries := map[string]string{}
	var digests [contract.IndexBuckets][32]byte
	for from := 0; from < contract.IndexBuckets; from += indexBatch {
		cmds, err := s.readBuckets(ctx, from, from+indexBatch)
		if err != nil {
			return nil, nil, err
		}
		for i, c := range cmds {
			bucket := c.Val()
			digests[from+i] = contract.BucketDigest(bucket)
			for id, e := range bucket {
				entries[id] = e
			}
		}
	}
	return entries, contract.IndexRoot(&digests), nil
}

func (s *Syncer) readBuckets(ctx context.Context, from, to int) ([]*redis.MapStringStringCmd, error) {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	p := s.cfg.Redis.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, 0, to-from)
	for b := from; b < to; b++ {
		cmds = append(cmds, p.HGetAll(ctx, contract.RedisIndex(b)))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return cmds, nil
}

// fetchDifferent fetches every document that the edge does not hold as the index
// says; its error is about the first that could not be had. Versions of an exact
// index count even where they are lower than what is held.
func (s *Syncer) fetchDifferent(ctx context.Context, c *comparison) error {
	ids := s.different(c.entries)
	var first error
	for from := 0; from < len(ids); from += bulkBatch {
		began := time.Now()
		batch := ids[from:min(from+bulkBatch, len(ids))]
		docs, err := s.fetch(ctx, batch)
		if err != nil {
			return err
		}
		for i, id := range batch {
			if err := s.applyIndexed(ctx, id, c, docs[i]); err != nil && first == nil {
				first = err
			}
		}
		if len(ids) > bulkBatch {
			gap := bulkBatch * time.Second / bulkRate
			sleep(ctx, time.Until(began.Add(gap/2+rand.N(gap))))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return first
}

// applyIndexed takes one document if it is the one that the index names, or a
// newer one.
func (s *Syncer) applyIndexed(ctx context.Context, id string, c *comparison, doc []byte) error {
	version, digest, err := contract.ParseIndexEntry(c.entries[id])
	if err != nil {
		s.alarm("index entry is malformed", err)
		return err
	}
	if doc == nil {
		return fmt.Errorf("document of %.40q is not in Redis", id)
	}
	a := snapshot.Apply{ID: id, Era: c.era, Force: c.exact && contract.DocumentDigest(doc) == digest, Over: c.held[id]}
	if got := s.apply(ctx, id, doc, a); got < version {
		return fmt.Errorf("document of %.40q is version %d, the index says %d", id, got, version)
	}
	return nil
}

// different returns the ids whose entry the edge does not hold: organizations
// first, since gateways need them, then what was asked for lately, the rest in no
// order.
func (s *Syncer) different(entries map[string]string) []string {
	var ids []string
	for id, e := range entries {
		if !s.cfg.Snapshot.Holds(id, e) {
			ids = append(ids, id)
		}
	}
	rank := func(id string) int {
		switch {
		case documentKey(id) == contract.RedisOrganization(id):
			return 0
		case s.cfg.Snapshot.Used(id):
			return 1
		}
		return 2
	}
	slices.SortFunc(ids, func(a, b string) int { return rank(a) - rank(b) })
	return ids
}
