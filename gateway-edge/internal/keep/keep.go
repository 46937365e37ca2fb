package keep

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of what is kept.
const (
	maxValue = 512 << 10
	maxFiles = 10_000
	maxAge   = 7 * 24 * time.Hour
	suffix   = ".tgv"
)

// Config is what Open needs.
type Config struct {
	Dir    string
	Keys   *contract.EdgeKeys
	Wall   func() time.Time
	Logger *slog.Logger
}

// Store keeps values. Load and Save are safe for concurrent use.
type Store struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex        // guards what follows
	waiting map[string][]byte // file → sealed, to be written
	files   int
}

// Open looks at the directory and removes what is old.
func Open(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, wake: make(chan struct{}, 1), waiting: map[string][]byte{}}
	list, err := os.ReadDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open kept values: %w", err)
	}
	for _, f := range list {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if !strings.HasSuffix(f.Name(), suffix) || cfg.Wall().Sub(info.ModTime()) > maxAge {
			_ = os.Remove(filepath.Join(cfg.Dir, f.Name())) // it stays for the next start
			continue
		}
		s.files++
	}
	return s, nil
}

// Of returns the values of one tenant.
func (s *Store) Of(organization uint64) policy.Keep { return &tenant{s, organization} }

type tenant struct {
	s   *Store
	num uint64
}

// name is the file of a key, and what its content is sealed for.
func (t *tenant) name(key string) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, t.num))
	h.Write([]byte(key))
	return hex.EncodeToString(h.Sum(nil)[:20]) + suffix
}

// Load implements policy.Keep. A file that can't be read or was not written by
// an edge of this installation counts as none.
func (t *tenant) Load(key string) (value []byte, saved time.Time) {
	name := t.name(key)
	t.s.mu.Lock()
	sealed := t.s.waiting[name]
	t.s.mu.Unlock()
	if sealed == nil {
		var err error
		if sealed, err = os.ReadFile(filepath.Join(t.s.cfg.Dir, name)); err != nil {
			return nil, time.Time{}
		}
	}
	b, err := contract.Open(t.s.cfg.Keys.Sealing, "kept value "+name, sealed)
	if err != nil || len(b) < 8 {
		t.s.cfg.Logger.Warn("a kept value is damaged", "file", name)
		return nil, time.Time{}
	}
	return b[8:], time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
}

// Save implements policy.Keep.
func (t *tenant) Save(key string, value []byte) {
	if len(value) > maxValue {
		return
	}
	s, name := t.s, t.name(key)
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(s.cfg.Wall().UnixMilli()))
	sealed, err := contract.Seal(s.cfg.Keys.Sealing, "kept value "+name, append(b, value...))
	if err != nil {
		s.cfg.Logger.Error("a value can't be sealed", "error", err)
		return
	}
	s.mu.Lock()
	if len(s.waiting) < maxFiles {
		s.waiting[name] = sealed
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run writes what is saved until ctx ends, and what is left then.
func (s *Store) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			s.flush()
			return nil
		case <-s.wake:
			s.flush()
		}
	}
}

// flush writes what waits.
func (s *Store) flush() {
	for {
		s.mu.Lock()
		var name string
		var sealed []byte
		for name, sealed = range s.waiting {
			break
		}
		s.mu.Unlock()
		if sealed == nil {
			return
		}
		if err := s.write(name, sealed); err != nil {
			s.cfg.Logger.Warn("a value can't be kept for the next start", "error", err)
		}
		s.mu.Lock()
		if now := s.waiting[name]; len(now) == len(sealed) && &now[0] == &sealed[0] {
			delete(s.waiting, name) // else a newer one came meanwhile
		}
		s.mu.Unlock()
	}
}

// write replaces a file as a whole: a kill leaves the old one or the new one.
func (s *Store) write(name string, sealed []byte) error {
	path := filepath.Join(s.cfg.Dir, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if s.files >= maxFiles {
			return fmt.Errorf("%d values are kept already", s.files)
		}
		s.files++
	}
	f, err := os.CreateTemp(s.cfg.Dir, name+".*") // the process before this one may still write the same
	if err != nil {
		return err
	}
	_, err = f.Write(sealed)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
