package store

import (
	"context"
	"sync"
	"time"
)

// lines are queues by name; each lets one through at a time, the first come
// first.
type lines struct {
	mu sync.Mutex
	of map[string]*line
}

type line struct {
	turn chan struct{} // holds who is through
	in   int           // who is through or waits
}

// enter waits for one's turn in a line.
func (l *lines) enter(ctx context.Context, name string) (leave func(), err error) {
	l.mu.Lock()
	x := l.of[name]
	if x == nil {
		if l.of == nil {
			l.of = map[string]*line{}
		}
		x = &line{turn: make(chan struct{}, 1)}
		l.of[name] = x
	}
	x.in++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if x.in--; x.in == 0 {
			delete(l.of, name)
		}
	}
	t := time.NewTimer(queueWait)
	defer t.Stop()
	select {
	case x.turn <- struct{}{}:
		return func() { <-x.turn; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, mapError(ctx.Err())
	case <-t.C:
		gone()
		return nil, busy("too many wait for the same row")
	}
}
