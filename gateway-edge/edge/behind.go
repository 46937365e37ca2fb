package edge

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// behindRoom is how much may go on behind requests, of all gateways together.
const behindRoom = 1024

// behind implements policy.Behind. Its zero value is ready.
type behind struct {
	dropped atomic.Uint64

	mu     sync.Mutex
	n      int           // guarded by mu: goroutines under way
	closed bool          // guarded by mu
	idle   chan struct{} // guarded by mu: closed once there are none; made by wait
	ctx    context.Context
	cancel context.CancelFunc // guarded by mu, as ctx
}

var _ policy.Behind = (*behind)(nil)

// Go is policy.Behind's.
func (b *behind) Go(do func(context.Context)) bool {
	b.mu.Lock()
	if b.closed || b.n == behindRoom {
		b.mu.Unlock()
		b.Dropped()
		return false
	}
	b.n++
	if b.ctx == nil {
		b.ctx, b.cancel = context.WithCancel(context.Background())
	}
	ctx := b.ctx
	b.mu.Unlock()
	go func() {
		defer b.end()
		defer func() { _ = recover() }() // what nobody waits for ends nothing but itself
		do(ctx)
	}()
	return true
}

func (b *behind) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n--; b.n == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// Dropped is policy.Behind's.
func (b *behind) Dropped() { b.dropped.Add(1) }

// open is how many are under way.
func (b *behind) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

// wait takes nothing more and returns when all have ended, at the latest when ctx
// has: then their contexts end too, and it reports false.
func (b *behind) wait(ctx context.Context) bool {
	b.mu.Lock()
	b.closed = true
	if b.n == 0 {
		b.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	b.idle = idle
	cancel := b.cancel
	b.mu.Unlock()
	defer cancel()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}
