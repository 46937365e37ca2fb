package flight

import (
	"errors"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// ErrEnded is what Do returns when the request itself ended first.
var ErrEnded = errors.New("the request ended before the answer came")

// errPanicked is what the others get when the call panicked.
var errPanicked = errors.New("the call failed")

// Group is the calls that are under way, by key. The zero Group is ready for use.
type Group[K comparable, V any] struct {
	mu sync.Mutex // guards m
	m  map[K]*call[V]
}

type call[V any] struct {
	done      chan struct{}
	v         V
	err       error
	abandoned bool
}

// Do calls fn, or waits for the call under way for key, and returns its answer.
func (g *Group[K, V]) Do(b policy.Blocking, key K, fn func() (V, error)) (V, error) {
	for {
		g.mu.Lock()
		c := g.m[key]
		if c == nil {
			c = &call[V]{done: make(chan struct{}), err: errPanicked}
			if g.m == nil {
				g.m = map[K]*call[V]{}
			}
			g.m[key] = c
			g.mu.Unlock()
			return g.lead(b, key, c, fn)
		}
		g.mu.Unlock()
		select {
		case <-c.done:
			if !c.abandoned {
				return c.v, c.err
			}
		case <-b.Context().Done():
			var none V
			return none, ErrEnded
		}
	}
}

// lead makes the call and tells the others, whatever happens on the way.
func (g *Group[K, V]) lead(b policy.Blocking, key K, c *call[V], fn func() (V, error)) (V, error) {
	defer func() {
		g.mu.Lock()
		delete(g.m, key)
		g.mu.Unlock()
		close(c.done)
	}()
	c.v, c.err = fn()
	if c.err != nil && b.Context().Err() != nil {
		c.err, c.abandoned = ErrEnded, true
	}
	return c.v, c.err
}
