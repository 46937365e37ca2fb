package keystore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Source reads key records where the control plane wrote them.
type Source interface {
	// Get returns the record of a kid, nil when there is none, and the shard's
	// seed marker, empty when there is none. An error means that it is not known.
	Get(ctx context.Context, kid uint64) (record []byte, seeded string, err error)
	// Down reports whether reading is known to fail at the moment.
	Down() bool
	// Heard says that the source answered somebody else: reading is tried again.
	Heard()
}

// Config is what a Store needs.
type Config struct {
	Dir    string // of its two files
	Keys   *contract.EdgeKeys
	Source Source
	// Now is CLOCK_BOOTTIME in nanoseconds, Wall Unix milliseconds.
	Now  func() int64
	Wall func() int64
	// MaxBytes bounds the slab; 0 is 512 MiB. MaxActive bounds the keys in use; 0
	// is 262,144.
	MaxBytes  int64
	MaxActive int
	// Boot identifies the machine's present boot: after another one, what is in the
	// files may be older than what was applied. Zero: it is not known.
	Boot   [16]byte
	Logger *slog.Logger
}

const (
	shards     = 64
	invBuckets = 1024
)

// Store holds keys. All methods are safe for concurrent use.
type Store struct {
	cfg     Config
	slab    *slab
	tombs   *tombstones
	hashers sync.Pool
	dummy   [32]byte // compared with for unknown kids

	epoch    atomic.Uint32 // the key epoch; raised by Invalidate
	base     atomic.Uint32 // the key epoch in which the lineage began
	inv      [invBuckets]atomic.Uint64
	shards   [shards]shard
	negative negative
	misses   misses
	fetching chan struct{} // bounds the reads under way
	active   atomic.Int64
	hand     int // of the slab's clock; Run only

	tampered, fills atomic.Uint64
}

// shard holds the keys whose mixed kid begins with its number.
type shard struct {
	table atomic.Pointer[table] // read without the lock

	mu     sync.Mutex
	index  index
	tombs  map[uint64]uint64 // kid → version
	calls  map[uint64]*call  // reads under way
	parked map[uint64][]weak.Pointer[policy.Principal]
}

// Open opens or makes the store in cfg.Dir.
func Open(cfg Config) (*Store, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 512 << 20
	}
	if cfg.MaxActive == 0 {
		cfg.MaxActive = 1 << 18
	}
	s := &Store{cfg: cfg, fetching: make(chan struct{}, 128)}
	s.hashers.New = func() any { return newHasher(&cfg.Keys.Pepper) }
	for i := range s.shards {
		sh := &s.shards[i]
		sh.tombs, sh.calls = map[uint64]uint64{}, map[uint64]*call{}
		sh.parked = map[uint64][]weak.Pointer[policy.Principal]{}
	}
	var err error
	s.tombs, err = openTombstones(filepath.Join(cfg.Dir, "revoked.tgr"), cfg.Wall()/1000, func(t tombstone) {
		sh := s.shard(t.kid)
		sh.tombs[t.kid] = max(sh.tombs[t.kid], t.version)
	})
	if err != nil {
		return nil, err
	}
	if s.slab, err = openSlab(filepath.Join(cfg.Dir, "keys.tgk"), cfg.MaxBytes); err != nil {
		return nil, errors.Join(err, s.tombs.close())
	}
	s.epoch.Store(s.slab.epoch())
	s.base.Store(s.slab.base())
	newest := s.epoch.Load()
	s.slab.walk(func(r ref, kid uint64) bool {
		if c := *s.slab.confirmed(r); c-newest < maxAhead {
			newest = c
		}
		return s.adopt(r, kid)
	})
	if newest != s.epoch.Load() || s.slab.boot() != cfg.Boot || cfg.Boot == [16]byte{} {
		// Pages of the file may be older than others, and than the position in the
		// change stream: those of before a power failure, or copied one by one.
		s.epoch.Store(newest)
		s.Invalidate()
		s.slab.setBoot(cfg.Boot)
	}
	return s, nil
}

// maxAhead is by how much a block's epoch can be above that of a page that is older;
// a greater one is damaged.
const maxAhead = 1 << 20

// counts reports whether what was confirmed in an epoch is of the present lineage:
// versions of a former one say nothing.
func (s *Store) counts(epoch uint32) bool { return int32(epoch-s.base.Load()) >= 0 }

// adopt indexes a block found in the file, unless a tombstone or a newer block of
// the same kid says otherwise.
func (s *Store) adopt(r ref, kid uint64) bool {
	sh := s.shard(kid)
	if s.slab.version(r) < sh.tombs[kid] {
		return false
	}
	if old, _, ok := sh.index.find(s.slab, kid); ok {
		was, is := s.counts(*s.slab.confirmed(old)), s.counts(*s.slab.confirmed(r))
		if was && !is || was == is && s.slab.version(old) >= s.slab.version(r) {
			return false
		}
		s.slab.setFree(old, blockUnits(s.slab, old))
	}
	sh.index.set(s.slab, kid, r)
	return true
}

// Close unmaps and closes the files; nothing may use the store any more.
func (s *Store) Close() error { return errors.Join(s.tombs.close(), s.slab.close()) }

// Sync makes all revocations applied so far durable.
func (s *Store) Sync() error { return s.tombs.sync() }

func (s *Store) shard(kid uint64) *shard { return &s.shards[mix(kid)>>58] }

// Invalidate makes every record be confirmed on its next use: notices may have
// been missed.
func (s *Store) Invalidate() {
	e := s.epoch.Add(1)
	s.slab.setEpoch(e)
	// Only who hears from Redis finds that something was missed.
	s.cfg.Source.Heard()
}

// Renew begins a lineage: the database was restored from a backup, so versions of
// keys begin anew, and every record is confirmed on its next use. Revocations of the
// former lineage stay. It is durable when the call returns; the error says why it is
// not.
func (s *Store) Renew() error {
	e := s.epoch.Add(1)
	s.base.Store(e)
	s.slab.setEpoch(e)
	s.cfg.Source.Heard()
	return s.slab.setBase(e)
}

// ErrTampered says that a record was not made by the control plane.
var ErrTampered = errors.New("key record was tampered with")

// Apply takes a record from the change stream. It is in force when the call
// returns. A version below the one known changes nothing.
func (s *Store) Apply(record []byte) error {
	r, err := contract.DecodeKeyRecord(s.cfg.Keys, record)
	if err != nil {
		s.tampered.Add(1)
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	s.announce(r.KID)
	return s.take(r, record)
}

// announce makes every fill of the kid's bucket that is under way begin anew. It
// comes before take: a fill that read the record before this change either sees
// the counter raised, or installs before take, which then replaces it.
func (s *Store) announce(kid uint64) { s.inv[kid%invBuckets].Add(1) }

// take puts a record in force that the stream announced.
func (s *Store) take(r *contract.KeyRecord, record []byte) error {
	sh := s.shard(r.KID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.negative.remove(r.KID)
	if r.Version < s.floor(sh, r.KID) {
		return nil
	}
	last := r.State != contract.KeyActive && sh.tombs[r.KID] < r.Version
	if last {
		sh.tombs[r.KID] = r.Version
	}
	s.install(sh, r, record, s.epoch.Load())
	if last { // it is in force before the disk has it
		return s.tombs.add(tombstone{r.KID, r.Version, s.cfg.Wall() / 1000})
	}
	return nil
}

// floor is the lowest version that may be installed. The shard is locked.
func (s *Store) floor(sh *shard, kid uint64) uint64 {
	v := sh.tombs[kid]
	if a := sh.table.Load().get(kid); a != nil && s.counts(a.confirmed.Load()) {
		v = max(v, a.version)
	}
	if r, _, ok := sh.index.find(s.slab, kid); ok && s.counts(atomic.LoadUint32(s.slab.confirmed(r))) {
		v = max(v, s.slab.version(r))
	}
	return v
}

// install puts a record in force: in the slab, and for a key in use in the table.
// The shard is locked and the version was checked.
func (s *Store) install(sh *shard, r *contract.KeyRecord, record []byte, epoch uint32) {
	if old, slot, ok := sh.index.find(s.slab, r.KID); ok {
		sh.index.remove(slot)
		s.slab.drop(old)
	}
	if b, ok := s.slab.put(record, epoch); ok {
		sh.index.set(s.slab, r.KID, b)
	}
	if old := sh.table.Load().get(r.KID); old != nil {
		s.activate(sh, r, epoch)
	} else if r.State != contract.KeyActive {
		(&active{}).inherit(nil, sh.parked[r.KID])
		delete(sh.parked, r.KID)
	}
}

// activate makes a key one in use. The shard is locked.
func (s *Store) activate(sh *shard, r *contract.KeyRecord, epoch uint32) *active {
	t := sh.table.Load()
	old := t.get(r.KID)
	if old != nil && old.version == r.Version && s.counts(old.confirmed.Load()) {
		old.confirmed.Store(epoch)
		return old
	}
	a := newActive(r)
	if a.principal != nil && old == nil {
		a.principal = revived(a.principal, sh.parked[r.KID])
	}
	a.confirmed.Store(epoch)
	a.inherit(old, sh.parked[r.KID])
	delete(sh.parked, r.KID)
	sh.table.Store(t.put(a))
	if old == nil {
		s.active.Add(1)
	}
	return a
}

// revived returns the principal that an evicted key had, if a request still holds
// it and it says the same.
func revived(p *policy.Principal, parked []weak.Pointer[policy.Principal]) *policy.Principal {
	for _, w := range parked {
		if old := w.Value(); old != nil && old.Alive() && samePrincipal(old, p) {
			return old
		}
	}
	return p
}

func samePrincipal(a, b *policy.Principal) bool {
	if len(a.Scopes) != len(b.Scopes) {
		return false
	}
	for i := range a.Scopes {
		if a.Scopes[i] != b.Scopes[i] {
			return false
		}
	}
	return a.Consumer == b.Consumer && a.ConsumerName == b.ConsumerName && a.UsagePlan == b.UsagePlan &&
		a.Expires == b.Expires && a.Rotated == b.Rotated && a.Test == b.Test &&
		a.LimitsOf == b.LimitsOf && a.Identity == b.Identity && sameLimits(a.Limits, b.Limits)
}

func sameLimits(a, b *contract.KeyLimits) bool {
	return a == b || a != nil && b != nil && a.Equal(b)
}

// promote makes a key of the slab one in use, if there is one. It reads memory
// that may be a file's; a disk that fails there makes the key one to be fetched.
func (s *Store) promote(kid uint64) (a *active) {
	sh := s.shard(kid)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a = sh.table.Load().get(kid); a != nil {
		return a
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("key slab can't be read", "error", p)
			a = nil
		}
	}()
	b, slot, ok := sh.index.find(s.slab, kid)
	if !ok {
		return nil
	}
	r, err := contract.DecodeKeyRecord(s.cfg.Keys, s.slab.record(b))
	if err != nil || r.KID != kid {
		s.cfg.Logger.Error("key record on disk is damaged", "kid", contract.FormatKID(kid))
		sh.index.remove(slot)
		s.slab.drop(b)
		return nil
	}
	return s.activate(sh, r, atomic.LoadUint32(s.slab.confirmed(b)))
}
