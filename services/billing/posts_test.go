package billing

import (
	"context"
	"sync"
	"testing"
	"time"
)

// claims is a store that gives as many claims as it is asked for, once.
type claims struct {
	PostStore
	mu    sync.Mutex
	given int
	begun int
	all   chan struct{} // closed when every claim is at work
}

func (c *claims) ClaimPosts(_ context.Context, _ PostQuery, _ time.Time, limit int) ([]Post, error) {
	if c.given > 0 {
		return nil, nil
	}
	c.given = limit
	return make([]Post, limit), nil
}

func (c *claims) Unposted(ctx context.Context, _ *Post, _ PostQuery, _ int) ([]Hour, error) {
	c.mu.Lock()
	if c.begun++; c.begun == c.given {
		close(c.all)
	}
	c.mu.Unlock()
	select {
	case <-c.all:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *claims) Release(context.Context, *Post, time.Time, error) error { return nil }

// TestClaimsDoNotWait: every organization whose posting is claimed is posted at once. A
// claim that waits for another one's calls could run out before it is used.
func TestClaimsDoNotWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p := &Poster{Store: &claims{all: make(chan struct{})}, Plans: shop().plans, Clock: time.Now}
	if err := p.Run(ctx); err != nil {
		t.Errorf("some of the claims wait for others: %v", err)
	}
}
