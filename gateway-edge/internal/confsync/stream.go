package confsync

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	readCount = 512
	readBlock = 500 * time.Millisecond
	// readTimeout bounds one call, so that a store that accepts and never
	// answers is noticed.
	readTimeout = readBlock + time.Second
	// junkPause is how long the reader rests when nothing that it read was the
	// publisher's: it will read the same again.
	junkPause = 200 * time.Millisecond
	// maxRev bounds a revision.
	maxRev = 1 << 62
)

// readLoop reads the change stream. It neither fetches nor compiles.
func (s *Syncer) readLoop(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		next, turn, head, ok := s.reading()
		if !ok { // no head was seen yet: it says which lineage to read
			sleep(ctx, 20*time.Millisecond)
			continue
		}
		entries, err := s.readStream(ctx, next, turn)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && s.turned(turn):
		case err != nil:
			if failures == 0 {
				s.cfg.Logger.Warn("the change stream can't be read", "error", err)
			}
			pause(ctx, failures)
			failures++
		default:
			failures = 0
			if !s.take(entries, turn, head) {
				sleep(ctx, junkPause)
			}
		}
	}
}

// reading returns the revision to wait for, and the head's revision as known
// before the stream is read.
func (s *Syncer) reading() (next, turn, head uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next, s.turn, s.head.Rev, s.headRead > 0
}

func (s *Syncer) turned(turn uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn != turn
}

func (s *Syncer) readStream(ctx context.Context, next, turn uint64) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s.mu.Lock()
	if s.turn != turn {
		s.mu.Unlock()
		return nil, context.Canceled
	}
	s.interrupt = cancel
	s.mu.Unlock()
	res, err := s.cfg.Stream.XRead(ctx, &redis.XReadArgs{
		Streams: []string{contract.RedisChanges, strconv.FormatUint(next-1, 10) + "-0"},
		Count:   readCount, Block: readBlock,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(res) != 1 {
		return nil, fmt.Errorf("answer of %d streams", len(res))
	}
	return res[0].Messages, nil
}

// take takes what was read. headBefore is the head's revision as it was known
// before the read: entries up to it should have come. It returns false when there
// were entries and none was of use.
func (s *Syncer) take(entries []redis.XMessage, turn, headBefore uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn {
		return true
	}
	began := s.next
	var applied []uint64
	for _, e := range entries {
		rev, err := revision(e.ID)
		if err != nil || rev < s.next {
			s.alarm("entry in the change stream that the publisher does not write", fmt.Errorf("id %.40q: %w", e.ID, err))
			continue
		}
		if rev > s.next {
			s.cfg.Logger.Warn("revisions are missing in the change stream", "from", s.next, "to", rev-1)
			s.missed(rev - 1)
		}
		s.next = rev + 1
		s.tracker.add(rev)
		if s.notice(rev, e.Values) {
			applied = append(applied, rev)
		}
	}
	if len(entries) == 0 && headBefore >= s.next {
		s.cfg.Logger.Warn("the change stream ends before the head", "from", s.next, "to", headBefore)
		s.lost = true
		s.missed(headBefore)
		s.next = headBefore + 1
	}
	s.settle.add(turn, applied)
	return len(entries) == 0 || s.next != began
}

// revision reads an id "<rev>-0".
func revision(id string) (uint64, error) {
	n, ok := strings.CutSuffix(id, "-0")
	if !ok {
		return 0, errors.New("not of the form <rev>-0")
	}
	rev, err := strconv.ParseUint(n, 10, 64)
	if err == nil && rev > maxRev {
		err = errors.New("out of bounds")
	}
	return rev, err
}

// notice takes one notice. It returns true when nothing is left to do but to make
// it durable.
func (s *Syncer) notice(rev uint64, values map[string]any) bool {
	text, _ := values[contract.NoticeField].(string)
	n, err := contract.DecodeNotice([]byte(text))
	if err != nil {
		// Perhaps of a newer publisher: compare everything instead.
		s.cfg.Logger.Error("notice can't be read; everything is compared instead", "rev", rev, "error", err)
		return s.unknown()
	}
	switch n.Kind {
	case contract.NoticeKey:
		if err := s.cfg.KeyStore.Apply(n.Record); errors.Is(err, keystore.ErrTampered) {
			s.alarm("key notice does not verify", err)
			return s.unknown() // it may stand where a revocation was announced
		} else if err != nil {
			s.cfg.Logger.Error("revocation is in force but can't be saved", "error", err)
		}
		return true
	case contract.NoticeGateway:
		s.queue.add(want{id: n.Gateway, version: n.Version, rev: rev})
		return false
	case contract.NoticeOrganization:
		s.queue.add(want{id: n.Organization, version: n.Version, rev: rev})
		return false
	}
	return true
}

// unknown asks for all that a notice may have said. Its revision stays open until that
// is known.
func (s *Syncer) unknown() bool {
	s.cfg.KeyStore.Invalidate()
	poke(s.resync)
	return false
}
