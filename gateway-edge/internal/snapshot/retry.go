package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// slowError is a compilation that was given up on: the document's fault, or that of
// a machine that stood still.
type slowError struct{ limit time.Duration }

func (e *slowError) Error() string { return fmt.Sprintf("compiling took more than %s", e.limit) }

// later notes that the newest document of an entry is to be tried again, if its
// failure may pass. The entry's lock is held.
func (s *Store) later(e *Entry, err error) {
	var temporary *temporaryError
	var slow *slowError
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.As(err, &temporary) && !errors.As(err, &slow) {
		delete(s.again, e.id)
		return
	}
	e.againAt = s.cfg.Now() + retryAfter(err)
	s.again[e.id] = e
}

// Retry compiles newest documents again that could not be compiled for a reason
// that may have passed, while an older version serves. Call it each second or so.
func (s *Store) Retry(ctx context.Context) {
	s.mu.Lock()
	list := make([]*Entry, 0, len(s.again))
	for _, e := range s.again {
		list = append(list, e)
	}
	s.mu.Unlock()
	for _, e := range list {
		select {
		case e.lock <- struct{}{}:
			s.retry(ctx, e)
			e.release()
		default: // it is changing
		}
	}
}

// retry tries one entry's newest document. The lock is held.
func (s *Store) retry(ctx context.Context, e *Entry) {
	switch c := e.current.Load(); {
	case s.cfg.Now() < e.againAt:
		return
	case c == nil || c.Doc.Version == e.newest.version || e.newest.deleted:
		// Its next request compiles it, or somebody has.
		s.mu.Lock()
		delete(s.again, e.id)
		s.mu.Unlock()
		return
	}
	serving := e.inForce()
	c, err := e.compileOne(ctx, &e.newest)
	if err != nil {
		s.failedAt(e, e.newest.version, serving, err)
		s.later(e, err)
		return
	}
	s.cleared(e)
	e.install(c)
}
