package confsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	fetchBatch   = 32
	fetchTimeout = time.Second
	// giveUp is after how many tries a document that Redis does not have in the
	// wanted version is left to a resynchronisation.
	giveUp = 8
)

// want is a document to be fetched because a notice named it.
type want struct {
	id      string
	version uint64
	rev     uint64
}

// wanted is everything wanted of one id.
type wanted struct {
	version uint64
	revs    []uint64
	tries   int
	at      time.Time // not before
}

// queue is the documents to fetch, each once, the first come first.
type queue struct {
	mu     sync.Mutex
	turn   uint64
	order  []string
	byID   map[string]*wanted
	signal chan struct{}
}

func (q *queue) init() {
	q.byID = map[string]*wanted{}
	q.signal = make(chan struct{}, 1)
}

func (q *queue) add(w want) {
	q.mu.Lock()
	defer q.mu.Unlock()
	x := q.byID[w.id]
	if x == nil {
		x = &wanted{}
		q.byID[w.id] = x
		q.order = append(q.order, w.id)
	}
	x.version = max(x.version, w.version)
	x.revs = append(x.revs, w.rev)
	x.at = time.Time{}
	poke(q.signal)
}

// again puts back what a try did not get, unless its turn is over.
func (q *queue) again(turn uint64, id string, x *wanted, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if turn != q.turn {
		return
	}
	x.at = time.Now().Add(after)
	if y := q.byID[id]; y != nil {
		y.version = max(y.version, x.version)
		y.revs = append(x.revs, y.revs...)
		return
	}
	q.byID[id] = x
	q.order = append(q.order, id)
}

// take removes and returns what is due, with its turn, and how long to wait when
// nothing is.
func (q *queue) take(most int) (turn uint64, ids []string, xs []*wanted, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	wait = time.Second
	rest := q.order[:0]
	for _, id := range q.order {
		x := q.byID[id]
		if d := x.at.Sub(now); d > 0 || len(ids) == most {
			rest = append(rest, id)
			wait = min(wait, max(d, 0))
			continue
		}
		ids, xs = append(ids, id), append(xs, x)
		delete(q.byID, id)
	}
	q.order = rest
	if len(rest) > 0 && wait == 0 {
		poke(q.signal)
	}
	return q.turn, ids, xs, wait
}

func (q *queue) clear(turn uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.order, q.turn = nil, turn
	clear(q.byID)
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.order)
}

// fetchLoop fetches what notices named and puts it in force.
func (s *Syncer) fetchLoop(ctx context.Context) {
	for ctx.Err() == nil {
		wait, idle := s.fetchNext(ctx)
		if !idle {
			continue
		}
		t := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-ctx.Done():
		case <-s.queue.signal:
		case <-t.C:
		}
		t.Stop()
	}
}

// fetchNext fetches what is due; idle: nothing was, and something is after wait at
// the latest.
func (s *Syncer) fetchNext(ctx context.Context) (wait time.Duration, idle bool) {
	turn, ids, xs, wait := s.queue.take(fetchBatch)
	if len(ids) == 0 {
		return wait, true
	}
	era := s.cfg.Snapshot.Era()
	docs, err := s.fetch(ctx, ids)
	for i, id := range ids {
		switch {
		case err != nil:
			xs[i].tries++
			s.queue.again(turn, id, xs[i], retryIn(xs[i].tries))
		case docs[i] != nil && s.apply(ctx, id, docs[i], snapshot.Apply{ID: id, Era: era, Compile: true}) >= xs[i].version:
			s.settle.add(turn, xs[i].revs)
		default:
			s.missing(turn, id, xs[i])
		}
	}
	return 0, false
}

// missing puts off a document that Redis does not have, or has in an older
// version: it was emptied, or a replica took over that was behind.
func (s *Syncer) missing(turn uint64, id string, x *wanted) {
	if x.tries++; x.tries < giveUp {
		s.queue.again(turn, id, x, retryIn(x.tries))
		return
	}
	s.cfg.Logger.Warn("document is not in Redis in the version that was announced", "id", id, "version", x.version)
	poke(s.resync) // its revisions stay open until that has compared everything
}

func retryIn(tries int) time.Duration {
	return min(20*time.Millisecond<<min(tries, 6), time.Second)
}

// fetch reads documents; a nil one is not there.
func (s *Syncer) fetch(ctx context.Context, ids []string) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	p := s.cfg.Redis.Pipeline()
	cmds := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = p.Get(ctx, documentKey(id))
	}
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("fetch documents: %w", err)
	}
	docs := make([][]byte, len(ids))
	for i, c := range cmds {
		b, err := c.Bytes()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("fetch %.40q: %w", ids[i], err)
		}
		docs[i] = b
	}
	return docs, nil
}

const organizationPrefix = "org_"

func documentKey(id string) string {
	if strings.HasPrefix(id, organizationPrefix) {
		return contract.RedisOrganization(id)
	}
	return contract.RedisDocument(id)
}

// Fetch reads one document for the snapshot store.
func (s *Syncer) Fetch(ctx context.Context, kind byte, id string) ([]byte, error) {
	key := contract.RedisDocument(id)
	if kind == contract.KindOrganization {
		key = contract.RedisOrganization(id)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	b, err := s.cfg.Redis.Get(ctx, key).Bytes()
	if err != nil {
		return nil, fmt.Errorf("fetch %.40q: %w", id, err)
	}
	return b, nil
}

// apply hands a document to the snapshot store and returns the version held
// afterwards, 0 when it could not be taken.
func (s *Syncer) apply(ctx context.Context, id string, doc []byte, a snapshot.Apply) uint64 {
	var v uint64
	var err error
	if strings.HasPrefix(id, organizationPrefix) {
		v, err = s.cfg.Snapshot.Organization(doc, a)
	} else {
		v, err = s.cfg.Snapshot.Gateway(ctx, doc, a)
	}
	if errors.Is(err, snapshot.ErrTampered) {
		s.alarm("document does not verify", fmt.Errorf("%.40q: %w", id, err))
		return 0
	}
	if err != nil {
		return 0
	}
	return v
}
