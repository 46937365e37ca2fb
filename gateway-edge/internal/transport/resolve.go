package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Times of the resolver's cache.
const (
	resolveTTL     = 30 * time.Second // an answer is used without asking again
	resolveStale   = 5 * time.Minute  // and when asking fails
	resolveRetry   = time.Second      // after a failure nobody asks before
	resolveTimeout = 3 * time.Second
	// resolvePatience is how long an old answer is held back for a new one.
	resolvePatience = 250 * time.Millisecond
)

// resolver caches answers by tenant and name, asks once for any number of
// callers, and goes on with the last good answer when asking fails.
type resolver struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	now    func() int64

	mu    sync.Mutex // guards names
	names map[nameKey]*name
}

type nameKey struct {
	tenant uint64
	host   string
}

// name is one cached name. Its fields are guarded by the resolver's lock.
type name struct {
	addrs  []netip.Addr
	good   int64 // when addrs came, monotonic ns
	tried  int64 // when asking last ended
	used   int64
	err    error
	asking chan struct{} // closed when the question under way has its answer
	turn   uint
}

func newResolver(lookup func(context.Context, string) ([]netip.Addr, error), now func() int64) *resolver {
	if lookup == nil {
		system := &net.Resolver{PreferGo: true}
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return system.LookupNetIP(ctx, "ip", host)
		}
	}
	return &resolver{lookup: lookup, now: now, names: map[nameKey]*name{}}
}

// resolve returns a name's addresses, in the resolver's order of families and
// each time beginning with another one of the first family. When ctx ends first
// the error is a *net.DNSError as well.
func (r *resolver) resolve(ctx context.Context, tenant uint64, host string) ([]netip.Addr, error) {
	key := nameKey{tenant, host}
	r.mu.Lock()
	n := r.names[key]
	if n == nil {
		n = &name{}
		r.names[key] = n
	}
	now := r.now()
	n.used = now
	if n.addrs != nil && now-n.good < int64(resolveTTL) || n.tried != 0 && now-n.tried < int64(resolveRetry) {
		defer r.mu.Unlock()
		return n.answer(now)
	}
	if n.asking == nil {
		n.asking = make(chan struct{})
		// One goroutine a name, for resolveTimeout at most: the question outlives
		// the caller who happened to be first.
		go r.ask(context.WithoutCancel(ctx), key, n)
	}
	asking := n.asking
	var patience <-chan time.Time
	if n.addrs != nil && now-n.good < int64(resolveStale) {
		timer := time.NewTimer(resolvePatience)
		defer timer.Stop()
		patience = timer.C
	}
	r.mu.Unlock()
	select {
	case <-asking:
	case <-patience:
	case <-ctx.Done():
		if patience == nil {
			return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return n.answer(r.now())
}

// answer returns what is known. The lock is held.
func (n *name) answer(now int64) ([]netip.Addr, error) {
	if n.addrs == nil || now-n.good >= int64(resolveStale) {
		return nil, n.err
	}
	n.turn++
	first := 0
	for first < len(n.addrs) && n.addrs[first].Is4() == n.addrs[0].Is4() {
		first++
	}
	out := make([]netip.Addr, 0, len(n.addrs))
	for i := range first {
		out = append(out, n.addrs[(uint(i)+n.turn)%uint(first)])
	}
	return append(out, n.addrs[first:]...), nil
}

// ask asks on behalf of all who wait, whatever becomes of the first of them.
func (r *resolver) ask(ctx context.Context, key nameKey, n *name) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := r.lookup(ctx, key.host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: key.host, IsNotFound: true}
	}
	var dns *net.DNSError
	if err != nil && !errors.As(err, &dns) {
		err = &net.DNSError{Err: err.Error(), Name: key.host}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n.tried, n.err = r.now(), err
	if err == nil {
		n.addrs, n.good = addrs, n.tried
	}
	close(n.asking)
	n.asking = nil
}

// sweep forgets names that nobody asked for.
func (r *resolver) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for k, n := range r.names {
		if n.asking == nil && now-n.used > int64(2*resolveStale) {
			delete(r.names, k)
		}
	}
}
