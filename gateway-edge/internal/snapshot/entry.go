package snapshot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
)

// ErrUnavailable says that no version of a gateway can be served at the moment:
// 503 config_unavailable.
var ErrUnavailable = errors.New("no version of the gateway can be served")

// Entry is one gateway, whatever its version.
type Entry struct {
	id    string
	store *Store

	current atomic.Pointer[Compiled]
	used    atomic.Bool // since the last sweep
	live    atomic.Bool // holds a document that is no tombstone

	// lock is held while the entry changes or is compiled; it guards what is
	// below. A channel, so that a request can stop waiting for it.
	lock    chan struct{}
	newest  held // the newest verified document
	good    held // the one before it, kept while it may be needed
	serving uint64
	claimed []string // hosts in the table
	retryAt int64    // after a failed Load, CLOCK_BOOTTIME ns
	againAt int64    // when Retry tries the newest document, CLOCK_BOOTTIME ns
	// slow yields when the last compilation that was given up on has ended; nil: there
	// was none. slowVersion is what it compiled.
	slow        <-chan built
	slowVersion uint64
	loadErr     error
	touched     map[string]bool // runtime state used by the newest version

	stateMu sync.Mutex
	state   map[string]any // runtime state by stable key; outlives versions
}

// held is a verified signed document: on disk at loc, or in raw where the disk
// did not take it.
type held struct {
	version uint64
	digest  [16]byte
	hosts   []string
	deleted bool
	loc     *disklog.Loc
	raw     []byte
}

func (h *held) present() bool { return h.loc != nil || h.raw != nil }

func newEntry(id string, s *Store) *Entry {
	return &Entry{id: id, store: s, lock: make(chan struct{}, 1), state: map[string]any{}}
}

// ID returns the gateway's id.
func (e *Entry) ID() string { return e.id }

// Current returns the compiled form, or nil when there is none in memory: then
// Load makes it, where blocking is allowed. It takes no lock.
func (e *Entry) Current() *Compiled {
	c := e.current.Load()
	if c != nil && !e.used.Load() {
		e.used.Store(true)
	}
	return c
}

// Load returns the compiled form, compiling it if need be: the newest document,
// or the last good one where that fails. The error is ErrUnavailable or ctx's.
// A failed attempt is not repeated at once.
func (e *Entry) Load(ctx context.Context) (*Compiled, error) {
	if c := e.Current(); c != nil {
		return c, nil
	}
	if err := e.acquire(ctx); err != nil {
		return nil, err
	}
	defer e.release()
	if c := e.Current(); c != nil {
		return c, nil
	}
	now := e.store.cfg.Now()
	if now < e.retryAt {
		return nil, e.loadErr
	}
	c, err := e.compileHeld(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, ctx.Err() // says nothing about the gateway
	}
	if err != nil {
		e.retryAt = now + retryAfter(err)
		e.loadErr = fmt.Errorf("%w: %w", ErrUnavailable, err)
		return nil, e.loadErr
	}
	e.install(c)
	return c, nil
}

// retryAfter is how long a failed Load is not repeated: a document does not get
// better by itself.
func retryAfter(err error) int64 {
	var temporary *temporaryError
	if errors.As(err, &temporary) {
		return 1_000_000_000
	}
	return 60_000_000_000
}

func (e *Entry) acquire(ctx context.Context) error {
	select {
	case e.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Entry) release() { <-e.lock }

// compileHeld compiles the newest document, or the last good one. The lock is held.
func (e *Entry) compileHeld(ctx context.Context) (*Compiled, error) {
	if e.newest.deleted {
		return nil, errors.New("the gateway was deleted")
	}
	c, err := e.compileOne(ctx, &e.newest)
	if err == nil {
		e.store.cleared(e)
		return c, nil
	}
	var temporary *temporaryError
	if errors.As(err, &temporary) {
		return nil, err
	}
	if !e.good.present() {
		e.store.failedAt(e, e.newest.version, 0, err)
		return nil, err
	}
	c, goodErr := e.compileOne(ctx, &e.good)
	if goodErr != nil {
		e.store.failedAt(e, e.newest.version, 0, err)
		return nil, errors.Join(err, goodErr)
	}
	e.store.failedAt(e, e.newest.version, e.good.version, err)
	e.store.later(e, err)
	return c, nil
}

// compileOne reads, decodes and compiles one held document.
func (e *Entry) compileOne(ctx context.Context, h *held) (*Compiled, error) {
	raw, err := e.store.read(ctx, e.id, h)
	if err != nil {
		return nil, err
	}
	doc, err := e.store.decode(raw, e.id)
	if err != nil {
		return nil, err
	}
	return e.store.compile(ctx, e, doc, len(raw))
}

// install puts c in force. The lock is held.
func (e *Entry) install(c *Compiled) {
	e.store.cfg.Upstreams.Apply(e.id, c.upstreams)
	old := e.current.Swap(c)
	e.used.Store(true)
	e.store.bytes.Add(c.bytes)
	if old != nil {
		e.store.bytes.Add(-old.bytes)
	}
	e.serving, e.retryAt = c.Doc.Version, 0
	e.claim(claims(c.Doc))
}

// claim makes the table answer for hosts with e, and for no other with e. The
// lock is held.
func (e *Entry) claim(hosts []string) {
	if sameHosts(e.claimed, hosts) {
		return
	}
	e.store.table.hosts.replace(claim{entry: e, before: e.claimed, now: hosts})
	streams := hasStreams(hosts) || hasStreams(e.claimed)
	e.claimed = hosts
	if streams {
		e.store.table.streamsMoved()
	}
}

func sameHosts(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// drop takes the compiled form out of memory; requests that pinned it go on. The
// lock is held.
func (e *Entry) drop() {
	if old := e.current.Swap(nil); old != nil {
		e.store.bytes.Add(-old.bytes)
	}
	e.store.cfg.Upstreams.Apply(e.id, nil)
}

// runtime returns the state kept under key, made once, and notes in touched that
// it is in use.
func (e *Entry) runtime(key string, make func() any, touched map[string]bool) any {
	e.stateMu.Lock()
	defer e.stateMu.Unlock()
	touched[key] = true
	v, ok := e.state[key]
	if !ok {
		v = make()
		e.state[key] = v
	}
	return v
}

// keepState forgets runtime state that neither this version nor the one before
// it asked for.
func (e *Entry) keepState(touched map[string]bool) {
	e.stateMu.Lock()
	defer e.stateMu.Unlock()
	for k := range e.state {
		if !touched[k] && !e.touched[k] {
			delete(e.state, k)
		}
	}
	e.touched = touched
}
