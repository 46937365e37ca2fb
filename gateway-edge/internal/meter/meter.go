package meter

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

type counterID = contract.CounterID

// Meter counts. Its hot methods may be called from any goroutine.
type Meter struct {
	cfg      Config
	now      func() time.Time // monotonic, for waiting
	hour     atomic.Uint32    // the present one, Unix seconds / 3600
	counters *pool[counterID]
	routes   *pool[routeID]
	splits   *pool[contract.SplitID]

	searched atomic.Bool // for former epochs
	shipping sync.Mutex  // held while a parcel is under way
	saving   sync.Mutex  // guards the journals and the end of files

	mu       sync.Mutex // guards everything below, and the marked parts of files
	stream   stream
	formers  []*former
	unacked  int
	lastAck  time.Time
	lastShip time.Time
	failing  string // why the journal can't be written; empty: it can
	errors   struct{ ship, journal uint64 }
}

// Open makes the epoch's directory and its first files, and finds those of
// former epochs. It fails only for a configuration that can't work or a
// directory that can't be read; a full disk degrades it (Stats).
func Open(c Config) (*Meter, error) {
	if c.Edge == "" || len(c.Edge) > maxEdgeID || c.Epoch == 0 || c.Keys == nil {
		return nil, fmt.Errorf("meter: edge id of 1 to %d bytes, an epoch and keys are needed", maxEdgeID)
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Alone == nil {
		c.Alone = func() bool { return true }
	}
	// A restored disk may come with the same epoch's files of another life.
	dir := filepath.Join(c.Dir, fmt.Sprintf("%d-%x", c.Epoch, c.Incarnation[:4]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("meter: make directory: %w", err)
	}
	h := header{edge: c.Edge, epoch: c.Epoch, incarnation: c.Incarnation, boot: bootID()}
	m := &Meter{
		cfg: c, now: time.Now,
		counters: &pool[counterID]{kind: counterKind, dir: dir, header: h, key: &c.Keys.BatchMAC, log: c.Logger},
		routes:   &pool[routeID]{kind: routeKind, dir: dir, header: h, key: &c.Keys.BatchMAC, log: c.Logger},
		splits:   &pool[contract.SplitID]{kind: splitKind, dir: dir, header: h, key: &c.Keys.BatchMAC, log: c.Logger},
	}
	m.stream = stream{edge: c.Edge, epoch: c.Epoch, incarnation: c.Incarnation, stall: stallMin}
	m.hour.Store(hourOf(c.Wall()))
	if err := m.search(); err != nil {
		return nil, err
	}
	m.counters.prepare()
	m.routes.prepare()
	m.splits.prepare()
	return m, nil
}

func hourOf(t time.Time) uint32 { return uint32(t.Unix() / 3600) }

// bootID identifies this boot of the machine: a counter file of the same boot is
// whole, whatever killed its process. All zero: not known.
func bootID() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	_, _ = hex.Decode(id[:], []byte(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", "")))
	return id
}

// Stats returns the meter's state.
func (m *Meter) Stats() Stats {
	s := Stats{}
	for _, p := range []interface{ stats(*Stats) }{m.counters, m.routes, m.splits} {
		p.stats(&s)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.formers {
		s.Old += f.left()
	}
	s.Unacked, s.LastAck, s.LastShip = m.unacked, m.lastAck, m.lastShip
	s.ShipErrors, s.JournalErrors = m.errors.ship, m.errors.journal
	if s.Degraded == "" {
		s.Degraded = m.failing
	}
	return s
}
