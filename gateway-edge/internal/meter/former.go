package meter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// sealedName marks the directory of an epoch whose closing batch the database
// has: nothing of it is shipped any more.
const sealedName = "sealed"

// former is an epoch of an earlier process: its files are shipped one by one,
// the next when the database has the one before, then a closing batch.
type former struct {
	dir    string
	stream stream
	files  []string // not yet acknowledged, oldest first
	sentIn uint64   // last batch that files[0], or the closing, went out in; 0: not sent
	closed bool     // the closing batch is acknowledged
}

// left is the number of files that the database may not have.
func (f *former) left() int { return len(f.files) }

// search looks for the directories of former epochs, once: as soon as no other
// process runs here that may still count in them or ship them.
func (m *Meter) search() error {
	if m.searched.Load() || !m.cfg.Alone() {
		return nil
	}
	found, err := findFormers(m.cfg.Dir, m.cfg.Epoch, m.counters.dir, &m.cfg.Keys.BatchMAC, m.cfg.Logger)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.formers = append(m.formers, found...)
	m.mu.Unlock()
	m.searched.Store(true)
	return nil
}

// findFormers looks for the directories of former epochs. Files that can't be
// read are reported and left alone; a process that died before it counted
// anything leaves a directory that is removed. Later epochs are a successor's.
func findFormers(root string, epoch uint64, own string, key *[32]byte, log *slog.Logger) ([]*former, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("meter: read directory: %w", err)
	}
	var out []*former
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if !e.IsDir() || dir == own {
			continue
		}
		if text, _, _ := strings.Cut(e.Name(), "-"); text != "" {
			if n, err := strconv.ParseUint(text, 10, 64); err == nil && n > epoch {
				continue
			}
		}
		if f := openFormer(dir, key, log); f != nil {
			out = append(out, f)
		}
	}
	return out, nil
}

func openFormer(dir string, key *[32]byte, log *slog.Logger) *former {
	restoreHeads(dir, key, log)
	names, err := os.ReadDir(dir)
	if err != nil {
		log.Error("meter: former epoch", "error", err)
		return nil
	}
	f := &former{dir: dir}
	sealed := false
	for _, e := range names {
		name := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == sealedName:
			sealed = true
			continue
		case !strings.HasSuffix(name, counterKind.ext) && !strings.HasSuffix(name, routeKind.ext) && !strings.HasSuffix(name, splitKind.ext):
			continue
		}
		h, info, err := peek(name, key)
		if errors.Is(err, errUnused) {
			_ = os.Remove(name)
			continue
		}
		if err != nil {
			log.Error("meter: counter file of a former epoch can't be read", "file", name, "error", err)
			continue
		}
		f.stream.edge, f.stream.epoch, f.stream.incarnation = h.edge, h.epoch, h.incarnation
		f.stream.seq = max(f.stream.seq, info.seq)
		if !info.acked {
			f.files = append(f.files, name)
		}
	}
	if f.stream.epoch == 0 {
		// Nothing was ever counted, or nothing can be read: only an empty
		// directory goes away.
		_ = os.Remove(dir)
		return nil
	}
	if sealed && len(f.files) == 0 {
		return &former{dir: dir, closed: true}
	}
	sort.Strings(f.files)
	f.stream.seq += seqJump
	f.stream.acked, f.stream.stall = f.stream.seq, stallMin
	return f
}

// errUnused says that a file was allocated but never begun.
var errUnused = errors.New("counter file was never used")

// moving is the part of a header that changes.
type moving struct {
	seq   uint64
	acked bool
}

// peek reads a file's header. A journal that is still there means that the file
// had not ended: its acknowledged word says nothing then.
func peek(name string, key *[32]byte) (h header, mv moving, err error) {
	b := make([]byte, headSize)
	fd, err := os.Open(name)
	if err != nil {
		return h, mv, err
	}
	defer fd.Close()
	if _, err := fd.ReadAt(b, 0); err != nil {
		return h, mv, err
	}
	if string(b[:8]) == strings.Repeat("\x00", 8) {
		return h, mv, errUnused
	}
	if h, err = readHeader(b, key); err != nil {
		return h, mv, err
	}
	mv.seq, mv.acked = native64(b[headSeq:]), native64(b[headAcked:]) == 1
	var head [16]byte
	if j, err := os.Open(name + journalSuffix); err == nil {
		mv.acked = false
		if _, err := j.ReadAt(head[:], headSeq); err == nil {
			mv.seq = max(mv.seq, native64(head[:]))
		}
		j.Close()
	}
	return h, mv, nil
}

// shipFormer takes the next step for the oldest former epoch that is not done.
func (m *Meter) shipFormer(ctx context.Context) error {
	m.shipping.Lock()
	defer m.shipping.Unlock()
	m.mu.Lock()
	var f *former
	for _, x := range m.formers {
		if !x.done() {
			f = x
			break
		}
	}
	m.mu.Unlock()
	if f == nil {
		return nil
	}
	seq, err := m.readAck(ctx, &f.stream)
	if err != nil {
		return err
	}
	now := m.now()
	if f.stream.ack(seq, now) {
		f.sentIn = 0
	}
	if f.sentIn != 0 && f.stream.acked >= f.sentIn {
		return m.formerAcked(f)
	}
	if full, _ := f.stream.plan(now); f.sentIn != 0 && !full {
		return nil
	}
	batches, err := f.load(&m.cfg.Keys.BatchMAC)
	if err != nil {
		m.cfg.Logger.Error("meter: counter file of a former epoch can't be read; it is left", "file", f.files[0], "error", err)
		m.dropFormerFile(f)
		return nil
	}
	sealed := uint32(0)
	if len(f.files) == 0 {
		sealed = contract.SealedAll
	}
	f.stream.number(batches, true, sealed, now)
	if err := m.post(ctx, f.stream.edge, batches); err != nil {
		return err
	}
	failpoint.Hit(failpoint.EdgeAfterXaddBeforeMark)
	f.sentIn = f.stream.seq
	f.stream.sentNow(true, now)
	return nil
}

// done reports whether nothing of the epoch has to be sent.
func (f *former) done() bool { return f.closed && len(f.files) == 0 }

// formerAcked goes on to the next file, or closes the epoch.
func (m *Meter) formerAcked(f *former) error {
	f.sentIn = 0
	if len(f.files) > 0 {
		if err := markAcked(f.files[0]); err != nil {
			m.cfg.Logger.Warn("meter: counter file of a former epoch", "error", err)
		}
		m.dropFormerFile(f)
		return nil
	}
	m.mu.Lock()
	f.closed = true
	m.mu.Unlock()
	if err := os.WriteFile(filepath.Join(f.dir, sealedName), nil, 0o600); err != nil {
		m.cfg.Logger.Warn("meter: former epoch", "error", err)
	}
	m.cfg.Logger.Info("meter: a former epoch's counts are all in the database", "epoch", f.stream.epoch)
	return nil
}

func (m *Meter) dropFormerFile(f *former) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.files = f.files[1:]
}

// markAcked writes into a file's header that the database has it.
func markAcked(name string) error {
	fd, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer fd.Close()
	if _, err := fd.WriteAt(nativeBytes(1), headAcked); err != nil {
		return err
	}
	if err := fd.Sync(); err != nil {
		return err
	}
	if err := os.Remove(name + journalSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// houseFormers deletes acknowledged files of former epochs after keepHours.
func (m *Meter) houseFormers(hour uint32) {
	m.mu.Lock()
	all := append([]*former(nil), m.formers...)
	m.mu.Unlock()
	for _, f := range all {
		if f.expire(hour, &m.cfg.Keys.BatchMAC) {
			m.mu.Lock()
			for i := range m.formers {
				if m.formers[i] == f {
					m.formers = append(m.formers[:i], m.formers[i+1:]...)
					break
				}
			}
			m.mu.Unlock()
		}
	}
}

// expire deletes what is old and acknowledged, and reports whether nothing is
// left of the epoch.
func (f *former) expire(hour uint32, key *[32]byte) bool {
	if !f.done() {
		return false
	}
	names, err := os.ReadDir(f.dir)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	kept := 0
	for _, e := range names {
		name := filepath.Join(f.dir, e.Name())
		if e.Name() == sealedName {
			continue
		}
		if main, ok := strings.CutSuffix(name, journalSuffix); ok {
			if _, err := os.Stat(main); errors.Is(err, os.ErrNotExist) {
				_ = os.Remove(name)
				continue
			}
		}
		if h, mv, err := peek(name, key); err != nil || !mv.acked || h.hour+keepHours >= hour {
			kept++
			continue
		}
		_ = os.Remove(name)
	}
	if kept > 0 {
		return false
	}
	_ = os.Remove(filepath.Join(f.dir, sealedName))
	return os.Remove(f.dir) == nil
}
