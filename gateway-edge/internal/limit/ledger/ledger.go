package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a ledger needs.
type Config struct {
	Dir    string
	Edge   string
	Epoch  uint64
	Wall   func() time.Time
	Logger *slog.Logger
	Boot   string // tests only; "": the machine's
	// Shared says that another process still counts in Dir: only what was spent of
	// counters that are this edge's own is taken from its files, until Look.
	Shared bool
}

// Slot is one counter in one period in the present epoch.
type Slot struct {
	*Words
	Identity
	Since int64
	// Told is set once Redis has heard of this epoch's lease in this process.
	Told  atomic.Bool
	chunk *chunk // keeps the mapping
}

// Spent is what was certainly or possibly spent, as Record.Spent.
func (s *Slot) Spent() int64 {
	return max(0, s.Granted.Load()-s.Left.Load()-s.Back.Load()+s.Debt.Load())
}

// Settled reports whether the slot's epoch is over and Redis knows its last word.
func (s *Slot) Settled() bool { return s.settled.Load() == 1 }

// MarkSettled notes that it does.
func (s *Slot) MarkSettled() { s.settled.Store(1) }

// Ledger is the files of one edge.
type Ledger struct {
	cfg  Config
	boot string

	mu       sync.Mutex // guards what follows
	open     [2]*chunk  // by class: periods up to a day, longer ones
	full     []*chunk
	number   uint64
	slots    map[slotKey]*Slot
	old      map[string][]*Record // of former epochs, by file
	before   map[slotKey]int64    // what former epochs spent
	glimpsed map[slotKey]int64    // the part of it that was read while another process still counted
	former   map[slotKey][]*Record
	retry    time.Time    // not before: making a file after a failure
	degraded atomic.Value // string
}

type slotKey struct{ counter, period string }

// Records in the first file of an epoch, and in each later one.
const (
	firstRecords = 1024
	laterRecords = 16 * 1024
)

// keepAfter is how long records stay after their period ended: credits and the
// worker's questions come late.
const keepAfter = time.Hour

const suffix = ".tgl"

// Open reads the files of former epochs in dir, deletes those whose periods are
// over and begins a new epoch. Files that can't be read are set aside with the
// suffix .bad, not deleted.
func Open(c Config) (*Ledger, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	l := &Ledger{cfg: c, boot: c.Boot, slots: map[slotKey]*Slot{}, old: map[string][]*Record{}, before: map[slotKey]int64{}, former: map[slotKey][]*Record{}}
	if l.boot == "" {
		l.boot = bootID()
	}
	l.degraded.Store("")
	if err := l.read(); err != nil {
		return nil, err
	}
	l.Sweep()
	return l, nil
}

// Look takes in the files that another process left which had still counted when
// this one was opened: it has ended.
func (l *Ledger) Look() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg.Shared = false
	for key, n := range l.glimpsed {
		l.before[key] -= n
	}
	l.glimpsed = nil
	return l.read()
}

func (l *Ledger) read() error {
	names, err := os.ReadDir(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		epoch, _, _ := strings.Cut(n.Name(), "-")
		if e, err := strconv.ParseUint(epoch, 10, 64); err == nil && e > l.cfg.Epoch {
			continue // a successor's
		}
		path := filepath.Join(l.cfg.Dir, n.Name())
		switch {
		case !strings.HasSuffix(n.Name(), suffix) || !n.Type().IsRegular() || l.own(path):
		case l.cfg.Shared:
			l.glimpse(path)
		default:
			l.readOld(path)
		}
	}
	return nil
}

// own reports whether a file is of this epoch's.
func (l *Ledger) own(path string) bool {
	for _, c := range append(l.open[:], l.full...) {
		if c != nil && c.path == path {
			return true
		}
	}
	return false
}

// glimpse counts what another process has spent so far of counters that are this
// edge's own. Of shared ones Redis knows.
func (l *Ledger) glimpse(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return // it ends, or its periods are over
	}
	_, _, records, _, err := DecodeFile(b)
	if err != nil {
		return
	}
	if l.glimpsed == nil {
		l.glimpsed = map[slotKey]int64{}
	}
	for i := range records {
		if r := &records[i]; r.Local {
			key := slotKey{r.Counter, r.Period}
			l.before[key] += r.Spent()
			l.glimpsed[key] += r.Spent()
		}
	}
}

// readOld takes in one file of a former epoch.
func (l *Ledger) readOld(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		l.cfg.Logger.Error("lease ledger can't be read", "file", filepath.Base(path), "error", err)
		return
	}
	h, err := decodeHeader(b)
	if err == nil && (h.Edge != l.cfg.Edge || h.Epoch >= l.cfg.Epoch) {
		err = fmt.Errorf("it belongs to edge %q, epoch %d", h.Edge, h.Epoch)
	}
	if err != nil {
		l.cfg.Logger.Error("lease ledger set aside", "file", filepath.Base(path), "error", err)
		_ = os.Rename(path, path+".bad")
		return
	}
	_, _, records, bad, _ := DecodeFile(b)
	if bad > 0 {
		l.cfg.Logger.Error("lease ledger has damaged records: their leases stay spent", "file", filepath.Base(path), "records", bad)
	}
	trust := h.Clean || h.Boot != "" && h.Boot == l.boot
	list := make([]*Record, 0, len(records))
	for i := range records {
		r := &records[i]
		r.file = path
		r.Stale = !trust
		if r.Stale && r.Spent() < r.Granted {
			r.Left, r.Back = 0, 0
		}
		key := slotKey{r.Counter, r.Period}
		l.before[key] += r.Spent()
		l.former[key] = append(l.former[key], r)
		list = append(list, r)
	}
	l.old[path] = list
}

// Old returns the records of former epochs whose periods are not over. Their
// identities may be read freely, their numbers are guarded by the ledger.
func (l *Ledger) Old() []*Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Wall().Unix()
	var out []*Record
	for _, list := range l.old {
		for _, r := range list {
			if r.End > now {
				out = append(out, r)
			}
		}
	}
	return out
}

// Former returns copies of the records that Old returns, as they are now.
func (l *Ledger) Former() []Record {
	old := l.Old()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Record, len(old))
	for i, r := range old {
		out[i] = *r
	}
	return out
}

// SpentBefore is what former epochs spent of a counter in a period.
func (l *Ledger) SpentBefore(counter, period string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.before[slotKey{counter, period}]
}

// Slot returns the record of an identity in this epoch, made when it is new. It
// is safe for concurrent use and always returns one.
func (l *Ledger) Slot(id *Identity) *Slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := slotKey{id.Counter, id.Period}
	if s := l.slots[key]; s != nil {
		return s
	}
	now := l.cfg.Wall().Unix()
	s, err := l.chunkFor(id).take(id, now)
	if err != nil { // an identity too long for a record: it lives in memory only
		s = &Slot{Words: &Words{}, Identity: *id, Since: now}
		l.degraded.Store("a counter's name is too long for the ledger: " + id.Counter)
	}
	l.slots[key] = s
	return s
}

// Slots returns every record of this epoch.
func (l *Ledger) Slots() []*Slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*Slot, 0, len(l.slots))
	for _, s := range l.slots {
		out = append(out, s)
	}
	return out
}

// chunkFor returns a chunk with room. Callers hold mu.
func (l *Ledger) chunkFor(id *Identity) *chunk {
	class := 0
	if id.End-id.Start > 86400 {
		class = 1
	}
	c := l.open[class]
	if c != nil && !c.full() && (c.path != "" || l.cfg.Wall().Before(l.retry)) {
		return c
	}
	n := firstRecords
	if c != nil {
		l.full = append(l.full, c)
		n = laterRecords
	}
	l.number++
	h := &header{Edge: l.cfg.Edge, Epoch: l.cfg.Epoch, Boot: l.boot, Number: l.number}
	path := filepath.Join(l.cfg.Dir, fmt.Sprintf("%d-%d%s", l.cfg.Epoch, l.number, suffix))
	fresh, err := newChunk(path, h, n)
	if err != nil {
		l.cfg.Logger.Error("leases are kept in memory only: a kill would strand them until their period ends", "error", err)
		l.degraded.Store(err.Error())
		l.retry = l.cfg.Wall().Add(time.Minute)
		fresh = memoryChunk(firstRecords)
	} else {
		l.degraded.Store("")
	}
	l.open[class] = fresh
	return fresh
}

// Degraded says why leases would not survive a kill; "" when they do.
func (l *Ledger) Degraded() string { s, _ := l.degraded.Load().(string); return s }

// Sweep forgets records whose period ended an hour ago and deletes files that
// hold no others.
func (l *Ledger) Sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.cfg.Wall().Add(-keepAfter).Unix()
	for key, s := range l.slots {
		if s.End < before {
			delete(l.slots, key)
		}
	}
	kept := l.full[:0]
	for _, c := range l.full {
		if c.end >= before {
			kept = append(kept, c)
			continue
		}
		l.remove(c.path)
	}
	clear(l.full[len(kept):])
	l.full = kept
	for path, list := range l.old {
		last := int64(0)
		for _, r := range list {
			last = max(last, r.End)
		}
		if last < before {
			for _, r := range list {
				delete(l.before, slotKey{r.Counter, r.Period})
				delete(l.former, slotKey{r.Counter, r.Period})
			}
			delete(l.old, path)
			l.remove(path)
		}
	}
}

func (l *Ledger) remove(path string) {
	if path == "" {
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.cfg.Logger.Warn("lease ledger can't be deleted", "file", filepath.Base(path), "error", err)
	}
}

// Close writes everything to disk and marks the files as complete, so that their
// words are believed even after the machine was restarted. Slots stay usable;
// what they count from now on may be lost with the machine.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, c := range append(l.open[:], l.full...) {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}
