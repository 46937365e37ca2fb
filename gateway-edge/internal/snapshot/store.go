package snapshot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is what a Store needs. Functions must be safe for concurrent use.
type Config struct {
	Keys      *contract.EdgeKeys
	Disk      *disklog.Log // nil: documents stay in memory
	Marker    *Marker      // nil: none
	Lookup    compose.Lookup
	Upstreams *balance.Registry
	// Deps has what policies share; Scope, Keys, Fetch, Secret and State are filled
	// in for each.
	Deps policy.Deps
	// FetchFor returns an organization's own way to the outside; nil: none.
	FetchFor func(organization uint64) policy.Fetch
	// DialFor returns an organization's way to connect to the outside; nil: none.
	DialFor func(organization uint64) policy.Dial
	// CallerOf makes what policies send requests to an upstream with; nil: none do.
	CallerOf func(up *balance.Upstream) policy.Caller
	// GatewayKeys returns the API keys of one gateway; strict says whether to
	// refuse what can't be confirmed.
	GatewayKeys func(gateway uint64, test bool, strict func() bool) policy.Keys
	// GatewayIdentities returns the OIDC identities of one gateway's consumers; nil:
	// there are none.
	GatewayIdentities func(gateway uint64, test bool, strict func() bool) policy.Identities
	// KeepFor returns what an organization's policies keep on disk; nil: nothing.
	KeepFor func(organization uint64) policy.Keep
	// CacheFor returns the response cache of a gateway; nil: nothing is stored.
	CacheFor func(gateway string, organization uint64) policy.Cache
	// Gone is told of each gateway that is deleted, when it is served no more; nil:
	// nobody wants to know.
	Gone func(gateway string)
	// OrgLimits makes an organization's own limits, once; PlanStep the implicit
	// first step of a route's limits.
	OrgLimits func(doc *contract.Organization) OrgLimits
	PlanStep  func(org OrgLimits, scope policy.Scope, plans []contract.UsagePlan, route string) (policy.Step, error)
	// Fetch gets a document that the disk has lost: kind is contract.KindGateway
	// or KindOrganization. It must end by itself. Nil: there is nowhere to ask.
	Fetch func(ctx context.Context, kind byte, id string) ([]byte, error)
	// Now is CLOCK_BOOTTIME in nanoseconds.
	Now func() int64
	// CompileTime bounds one compilation; 0 is 5 s.
	CompileTime time.Duration
	// MaxBytes bounds all compiled forms together, roughly; 0 is 256 MiB.
	MaxBytes int64
	Logger   *slog.Logger
}

// Store owns the Table and everything under it.
type Store struct {
	cfg   Config
	table *Table
	fresh Freshness
	orgs  sync.Map // id → *Org
	index index
	bytes atomic.Int64

	// compiling is held by the one gateway being compiled.
	compiling chan struct{}

	// mu guards the rest.
	mu          sync.Mutex
	failed      map[string]failure
	quarantined map[string]quarantine
	unsaved     map[string]*Entry // documents that the disk did not take
	unsavedOrgs map[string]*Org
	again       map[string]*Entry // whose newest documents Retry compiles
}

type failure struct {
	contract.FailedGateway
	loc *disklog.Loc
}

type quarantine struct {
	version uint64
	loc     *disklog.Loc
}

// ErrTampered says that a document is not what its place in Redis says: its
// signature does not verify, or it is another's.
var ErrTampered = errors.New("document was tampered with")

// New makes an empty Store.
func New(cfg Config) *Store {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 256 << 20
	}
	if cfg.CompileTime == 0 {
		cfg.CompileTime = 5 * time.Second
	}
	return &Store{
		cfg: cfg, table: newTable(), compiling: make(chan struct{}, 1),
		failed:      map[string]failure{},
		quarantined: map[string]quarantine{}, unsaved: map[string]*Entry{}, unsavedOrgs: map[string]*Org{}, again: map[string]*Entry{},
	}
}

// Table returns what requests are looked up in.
func (s *Store) Table() *Table { return s.table }

// Fresh returns when the edge was last up to date.
func (s *Store) Fresh() *Freshness { return &s.fresh }

// entry returns the entry of a gateway, made if need be.
func (s *Store) entry(id string) *Entry {
	if e := s.table.Get(id); e != nil {
		return e
	}
	e, _ := s.table.byID.LoadOrStore(id, newEntry(id, s))
	return e.(*Entry)
}

// Failed returns every gateway whose newest document is not in force.
func (s *Store) Failed() []contract.FailedGateway {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]contract.FailedGateway, 0, len(s.failed))
	for _, f := range s.failed {
		out = append(out, f.FailedGateway)
	}
	return out
}

// maxReason bounds what is told of a failure, in bytes.
const maxReason = 1000

// failedAt remembers that the newest version is not in force, on disk too: after
// a restart the next document must not push out the last good one.
func (s *Store) failedAt(e *Entry, version, serving uint64, err error) {
	reason := err.Error()
	if len(reason) > maxReason {
		reason = reason[:maxReason] + "…"
	}
	var loc *disklog.Loc
	s.mu.Lock()
	old, known := s.failed[e.id]
	s.mu.Unlock()
	if known && old.Version == version {
		loc = old.loc
	} else if s.cfg.Disk != nil {
		s.dropLoc(old.loc)
		var derr error
		loc, derr = s.cfg.Disk.Append(&disklog.Record{Kind: disklog.Failure, ID: e.id, Version: version, Doc: []byte(reason)})
		if derr != nil {
			s.cfg.Logger.Error("failure of a gateway can't be saved", "gateway", e.id, "error", derr)
		}
	}
	f := failure{contract.FailedGateway{Gateway: e.id, Version: version, Serving: serving, Reason: reason}, loc}
	s.mu.Lock()
	s.failed[e.id] = f
	s.mu.Unlock()
	if !known || old.FailedGateway != f.FailedGateway {
		s.cfg.Logger.Warn("gateway's newest version is not in force", "gateway", e.id, "version", version, "serving", serving, "reason", reason)
	}
}

// cleared forgets that a version failed.
func (s *Store) cleared(e *Entry) {
	s.mu.Lock()
	delete(s.again, e.id)
	f, failed := s.failed[e.id]
	delete(s.failed, e.id)
	s.mu.Unlock()
	if !failed || s.cfg.Disk == nil {
		return
	}
	s.dropLoc(f.loc)
	// A record that was dropped is found again until the log is compacted: another one
	// behind it takes it back.
	loc, err := s.cfg.Disk.Append(&disklog.Record{Kind: disklog.Failure, ID: e.id})
	if err != nil {
		s.cfg.Logger.Warn("a gateway counts as failed after a restart, until it is used", "gateway", e.id, "error", err)
		return
	}
	s.dropLoc(loc)
}

// Stats are figures for metrics.
type Stats struct {
	Gateways, Compiled, Failed, Unsaved int
	Bytes                               int64
}

// Stats counts what is there; it walks all entries.
func (s *Store) Stats() Stats {
	st := Stats{Bytes: s.bytes.Load()}
	s.table.each(func(e *Entry) bool {
		if e.live.Load() {
			st.Gateways++
		}
		if e.current.Load() != nil {
			st.Compiled++
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Failed, st.Unsaved = len(s.failed), len(s.unsaved)+len(s.unsavedOrgs)
	return st
}

// Sweep drops compiled forms that were not used since the last sweep until all
// together are within the bound. Call it each second or so.
func (s *Store) Sweep() {
	for range 2 { // the second round finds what the first one marked
		if s.bytes.Load() <= s.cfg.MaxBytes {
			return
		}
		s.table.each(func(e *Entry) bool {
			if e.current.Load() == nil || e.used.Swap(false) {
				return true
			}
			select {
			case e.lock <- struct{}{}:
				e.drop()
				e.release()
			default: // it is changing: it is in use
			}
			return s.bytes.Load() > s.cfg.MaxBytes
		})
	}
}
