package audit

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

const (
	// onceKept is how long a request is remembered.
	onceKept = 24 * time.Hour
	// onceLocked is how long a request may be under way before a retry may take
	// its place: longer than any handler runs.
	onceLocked = 45 * time.Second
)

// Answer is what was answered to a request, without what is shown only once.
type Answer struct {
	Status  int
	Headers map[string]string
	Body    []byte
}

// Once is the memory of one request with an Idempotency-Key.
type Once struct {
	Key    string // of caller and Idempotency-Key together
	Digest string // of method, path and body: another request under the key is refused
	Answer Answer // Status 0: still under way, or the process died
	// LockedUntil is when a request that is under way counts as dead.
	LockedUntil time.Time
	Expires     time.Time
}

// OnceStore is the part of Store that remembers requests.
type OnceStore interface {
	// BeginOnce inserts o and returns nil, or returns what is there under its key.
	// What has expired counts as not there. A record that is there without an
	// answer and whose lock ended before now is taken over: its lock is renewed
	// and nil is returned.
	BeginOnce(ctx context.Context, o Once, now time.Time) (*Once, error)
	// FinishOnce keeps the answer.
	FinishOnce(ctx context.Context, key string, a Answer) error
	// DropOnce forgets the request: it failed and may be sent again as it is.
	DropOnce(ctx context.Context, key string) error
	// FindOnce returns the audit line that carries the key, nil for none.
	FindOnce(ctx context.Context, key string) (*Entry, error)
	// PurgeOnce deletes what expired before now and returns how many that were.
	PurgeOnce(ctx context.Context, now time.Time) (int64, error)
}

// Replay says how to answer a request that was seen before. Exactly one field is
// set.
type Replay struct {
	Answer *Answer // as it was answered then
	Made   *Entry  // the change was committed, but the answer was never kept
}

// Begin remembers that a request is under way. A nil Replay means: carry it out
// with core.Actor.Idempotency set to key, then call Finish or Drop. The error is
// CodeConflict while the first try is still under way, and CodeInvalid when the
// key was used for another request.
func (s *Service) Begin(ctx context.Context, key, digest string) (*Replay, error) {
	now := s.clock()
	seen, err := s.store.BeginOnce(ctx, Once{
		Key: key, Digest: digest, LockedUntil: now.Add(onceLocked), Expires: now.Add(onceKept),
	}, now)
	if err != nil {
		return nil, err
	}
	if seen != nil && seen.Digest != digest {
		e := core.Errorf(core.CodeInvalid, "this Idempotency-Key was used for another request; use a new one for each")
		e.Fields.Add("/Idempotency-Key", "was used for another request in the last 24 hours")
		return nil, e
	}
	if seen != nil && seen.Answer.Status != 0 {
		return &Replay{Answer: &seen.Answer}, nil
	}
	// Without an answer, the audit log knows whether the change was committed.
	made, err := s.store.FindOnce(ctx, key)
	if err != nil {
		return nil, err
	}
	if made != nil {
		return &Replay{Made: made}, nil
	}
	if seen != nil {
		e := core.Errorf(core.CodeConflict, "the first request with this Idempotency-Key is still under way")
		e.RetryAfter = time.Second
		return nil, e
	}
	return nil, nil
}

// Finish keeps the answer for replays. The caller has removed from it what is
// shown only once.
func (s *Service) Finish(ctx context.Context, key string, a Answer) error {
	return s.store.FinishOnce(ctx, key, a)
}

// Drop forgets a request that failed, so that it can be sent again.
func (s *Service) Drop(ctx context.Context, key string) error {
	return s.store.DropOnce(ctx, key)
}

// Purge deletes what has expired.
func (s *Service) Purge(ctx context.Context) (int64, error) {
	return s.store.PurgeOnce(ctx, s.clock())
}
