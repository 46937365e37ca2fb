package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Times of the resolver's cache.
const (
	resolveTTL     = 30 * time.Second // an answer that does not say how long it holds
	resolveMinTTL  = time.Second      // and the bounds of one that does
	resolveMaxTTL  = time.Hour
	resolveStale   = 5 * time.Minute // and when asking fails
	resolveRetry   = time.Second     // after a failure nobody asks before
	resolveTimeout = 3 * time.Second
	// resolvePatience is how long an old answer is held back for a new one.
	resolvePatience = 250 * time.Millisecond
)

// resolver caches answers by tenant and name for as long as they hold, asks once
// for any number of callers, and goes on with the last good answer when asking
// fails.
type resolver struct {
	lookup func(ctx context.Context, key nameKey) (found, error)
	now    func() int64
	// moved is told of a name that has lost addresses.
	moved func(key nameKey)

	mu    sync.Mutex // guards names
	names map[nameKey]*name
}

type nameKey struct {
	tenant uint64
	host   string
	srv    bool // a service's name
}

// name is one cached name. Its fields are guarded by the resolver's lock.
type name struct {
	found
	good   int64 // when the answer came, monotonic ns
	tried  int64 // when asking last ended
	used   int64
	err    error
	asking chan struct{} // closed when the question under way has its answer
	turn   uint
	barred bool // an address is forbidden
}

func newResolver(server string, lookup func(context.Context, string) ([]netip.Addr, error), now func() int64) *resolver {
	ask := asker(server)
	if lookup != nil {
		ask = func(ctx context.Context, key nameKey) (found, error) {
			addrs, err := lookup(ctx, key.host)
			return found{addrs: addrs}, err
		}
	}
	return &resolver{lookup: ask, now: now, moved: func(nameKey) {}, names: map[nameKey]*name{}}
}

// resolve returns a name's addresses, in the resolver's order of families and
// each time beginning with another one of the first family. When ctx ends first
// the error is a *net.DNSError as well.
func (r *resolver) resolve(ctx context.Context, tenant uint64, host string) ([]netip.Addr, error) {
	got, err := r.find(ctx, nameKey{tenant: tenant, host: host})
	return got.addrs, err
}

// services returns a service's records in the order in which to try them.
func (r *resolver) services(ctx context.Context, tenant uint64, host string) ([]*net.SRV, error) {
	got, err := r.find(ctx, nameKey{tenant: tenant, host: host, srv: true})
	return got.srv, err
}

func (r *resolver) find(ctx context.Context, key nameKey) (found, error) {
	r.mu.Lock()
	n := r.names[key]
	if n == nil {
		n = &name{}
		r.names[key] = n
	}
	now := r.now()
	n.used = now
	if n.fresh(now) {
		defer r.mu.Unlock()
		return n.answer(now)
	}
	asking := r.start(ctx, key, n)
	var patience <-chan time.Time
	if n.known(now) {
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
			return found{}, &net.DNSError{Err: ctx.Err().Error(), Name: key.host, IsTimeout: true}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return n.answer(r.now())
}

// start asks, unless somebody is asking. The lock is held.
func (r *resolver) start(ctx context.Context, key nameKey, n *name) chan struct{} {
	if n.asking == nil {
		n.asking = make(chan struct{})
		// One goroutine a name, for resolveTimeout at most: the question outlives
		// the caller who happened to be first.
		go r.ask(context.WithoutCancel(ctx), key, n)
	}
	return n.asking
}

// peek returns what is known by now, and sees to it that it is asked for again in
// time. ok is false before the first answer; with nothing found, asking has failed.
func (r *resolver) peek(key nameKey) (got found, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.names[key]
	if n == nil {
		n = &name{}
		r.names[key] = n
	}
	now := r.now()
	n.used = now
	if !n.fresh(now) {
		r.start(context.Background(), key, n)
	}
	if n.known(now) {
		return n.found, true
	}
	return found{}, n.tried != 0
}

// bar notes whether a name has a forbidden address, and reports whether it is news
// that it has.
func (r *resolver) bar(key nameKey, bad bool) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.names[key]
	if n == nil || n.barred == bad {
		return false
	}
	n.barred = bad
	return bad
}

// refresh asks again for a name that connections go on using, so that one whose
// addresses change is noticed without a new connection.
func (r *resolver) refresh(ctx context.Context, key nameKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.names[key]
	if n == nil {
		return
	}
	now := r.now()
	n.used = now
	if !n.fresh(now) {
		r.start(ctx, key, n)
	}
}

// has reports whether an address is among those of a name, as far as is known. A
// name with a forbidden one has none.
func (r *resolver) has(key nameKey, addr netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.names[key]
	return n == nil || n.addrs == nil || !n.barred && slices.Contains(n.addrs, addr)
}

// known reports whether there is an answer that may be used, be it old.
func (n *name) known(now int64) bool {
	return n.good != 0 && now-n.good < int64(max(resolveStale, n.ttl))
}

// fresh reports whether nobody needs to ask.
func (n *name) fresh(now int64) bool {
	return n.good != 0 && now-n.good < int64(n.ttl) || n.tried != 0 && now-n.tried < int64(resolveRetry)
}

// answer returns what is known. The lock is held.
func (n *name) answer(now int64) (found, error) {
	if !n.known(now) {
		return found{}, n.err
	}
	if n.srv != nil {
		return n.found, nil
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
	return found{addrs: append(out, n.addrs[first:]...)}, nil
}

// ask asks on behalf of all who wait, whatever becomes of the first of them.
func (r *resolver) ask(ctx context.Context, key nameKey, n *name) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	got, err := r.lookup(ctx, key)
	if err == nil && len(got.addrs) == 0 && len(got.srv) == 0 {
		err = &net.DNSError{Err: "no address", Name: key.host, IsNotFound: true}
	}
	var dns *net.DNSError
	if err != nil && !errors.As(err, &dns) {
		err = &net.DNSError{Err: err.Error(), Name: key.host}
	}
	for i := range got.addrs {
		got.addrs[i] = got.addrs[i].Unmap()
	}
	if got.ttl == 0 {
		got.ttl = resolveTTL
	}
	got.ttl = min(max(got.ttl, resolveMinTTL), resolveMaxTTL)
	got.spread = reachable(got.addrs)
	if lost := r.learn(n, got, err); lost {
		r.moved(key)
	}
}

// learn takes an answer; lost says that an address has gone.
func (r *resolver) learn(n *name, got found, err error) (lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n.tried, n.err = r.now(), err
	if err == nil {
		for _, a := range n.addrs {
			lost = lost || !slices.Contains(got.addrs, a)
		}
		n.found, n.good = got, n.tried
	}
	close(n.asking)
	n.asking = nil
	return lost
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
