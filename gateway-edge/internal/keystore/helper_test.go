package keystore

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

var errAway = errors.New("LOADING Redis is loading the dataset in memory")

// source is a Source under the test's hand.
type source struct {
	mu      sync.Mutex
	records map[uint64][]byte
	seeded  bool
	err     error
	reads   atomic.Int64
}

func (s *source) Get(_ context.Context, kid uint64) ([]byte, string, error) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, "", s.err
	}
	seeded := ""
	if s.seeded {
		seeded = "one"
	}
	return s.records[kid], seeded, nil
}

func (s *source) Down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

func (s *source) Heard() {}

func (s *source) put(kid uint64, record []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[kid] = record
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// bench is a store with its source and clock.
type bench struct {
	*Store
	t      testing.TB
	source *source
	keys   *contract.EdgeKeys
	cfg    Config
	now    atomic.Int64 // CLOCK_BOOTTIME ns
	wall   atomic.Int64 // Unix ms
}

func newBench(t testing.TB, change ...func(*Config)) *bench {
	t.Helper()
	root, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, keys: &root.Edge, source: &source{records: map[uint64][]byte{}, seeded: true}}
	b.now.Store(int64(time.Hour))
	b.wall.Store(1_700_000_000_000)
	b.cfg = Config{
		Dir: t.TempDir(), Keys: b.keys, Source: b.source, Now: b.now.Load, Wall: b.wall.Load, Boot: [16]byte{1},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&b.cfg)
	}
	b.open()
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	s, err := Open(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Store = s
}

// restart closes the store as a process that was told to end would.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

const gateway = 11

// key makes a key and its record; nothing is stored.
func (b *bench) key(change ...func(*contract.KeyRecord)) (string, *contract.KeyRecord) {
	b.t.Helper()
	text, kid, err := contract.GenerateKey(contract.KeyPrefixLive)
	if err != nil {
		b.t.Fatal(err)
	}
	r := &contract.KeyRecord{
		KID: kid, Version: 1, Gateway: gateway, Consumer: 5, State: contract.KeyActive, Pepper: 1,
		Hash: contract.HashKey(&b.keys.Pepper, text), ConsumerRef: "mobile", Scopes: []string{"read"},
	}
	for _, f := range change {
		f(r)
	}
	return text, r
}

func (b *bench) encode(r *contract.KeyRecord) []byte {
	b.t.Helper()
	rec, err := r.Encode(b.keys)
	if err != nil {
		b.t.Fatal(err)
	}
	return rec
}

// store puts a record where fills read.
func (b *bench) store(r *contract.KeyRecord) { b.source.put(r.KID, b.encode(r)) }

// publish stores a record and posts its notice.
func (b *bench) publish(r *contract.KeyRecord) {
	b.t.Helper()
	b.store(r)
	if err := b.Apply(b.encode(r)); err != nil {
		b.t.Fatal(err)
	}
}

func revoked(r *contract.KeyRecord) *contract.KeyRecord {
	c := *r
	c.Version++
	c.State = contract.KeyRevoked
	return &c
}

var client = netip.MustParseAddr("192.0.2.1")

func (b *bench) view() *keys { return b.Gateway(gateway, false, nil).(*keys) }

func (b *bench) peek(text string) policy.KeyResult {
	return b.view().Peek(policy.Static(text), b.now.Load())
}

func (b *bench) load(text string) policy.KeyResult {
	return b.view().load(b.t.Context(), policy.Static(text), client)
}

func (b *bench) want(what string, got policy.KeyResult, want policy.KeyState) {
	b.t.Helper()
	if got.State != want {
		b.t.Errorf("%s: state %d, want %d", what, got.State, want)
	}
	if (got.Principal != nil) != (got.State == policy.KeyOK) {
		b.t.Errorf("%s: principal %v with state %d", what, got.Principal, got.State)
	}
}
