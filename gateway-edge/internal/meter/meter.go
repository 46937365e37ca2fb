package meter

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
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
	hour     atomic.Uint32 // the present one, Unix seconds / 3600
	counters *pool[counterID]
	routes   *pool[routeID]

	mu sync.Mutex // guards the ship and journal state of files, and ship
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
	dir := filepath.Join(c.Dir, strconv.FormatUint(c.Epoch, 10))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("meter: make directory: %w", err)
	}
	h := header{edge: c.Edge, epoch: c.Epoch, incarnation: c.Incarnation, boot: bootID()}
	m := &Meter{
		cfg:      c,
		counters: &pool[counterID]{kind: counterKind, dir: dir, header: h, key: &c.Keys.BatchMAC, log: c.Logger},
		routes:   &pool[routeID]{kind: routeKind, dir: dir, header: h, key: &c.Keys.BatchMAC, log: c.Logger},
	}
	m.hour.Store(hourOf(c.Wall()))
	m.counters.prepare()
	m.routes.prepare()
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

func (m *Meter) run(ctx context.Context) error   { <-ctx.Done(); return nil }
func (m *Meter) flush(ctx context.Context) error { return errors.New("meter: no Redis") }

// Stats returns the meter's state.
func (m *Meter) Stats() Stats { return Stats{} }
