package keystore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// tombstoneAge is how long a key that is no longer active is remembered by its
// version alone, in seconds: longer than any replica or disk stays behind.
const tombstoneAge = 30 * 24 * 3600

// A tombstone on disk is: kid (8), version (8), Unix seconds (8), CRC-32C (4),
// zero (4), all big endian.
const tombstoneSize = 32

type tombstone struct {
	kid, version uint64
	at           int64
}

// tombstones is the append-only file of them.
type tombstones struct {
	path  string
	flush func(*os.File) error // makes a file's data durable
	f     *os.File             // set once it was opened

	syncing sync.Mutex // held by sync

	mu    sync.Mutex // guards what follows
	end   int64
	dirty bool
}

// openTombstones reads the file, hands every tombstone that is not too old to fn,
// and rewrites the file without the others when they are many.
func openTombstones(path string, now int64, fn func(tombstone)) (*tombstones, error) {
	t := &tombstones{path: path, flush: datasync}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open tombstones: %w", err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read tombstones: %w", err), f.Close())
	}
	t.f = f
	t.end = int64(len(data) / tombstoneSize * tombstoneSize)
	var keep []tombstone
	for b := data; len(b) >= tombstoneSize; b = b[tombstoneSize:] {
		if ts, ok := parseTombstone(b); ok && now-ts.at < tombstoneAge {
			keep = append(keep, ts)
			fn(ts)
		}
	}
	if old := int(t.end/tombstoneSize) - len(keep); old > 1024 && old > len(keep) {
		return t, t.rewrite(keep)
	}
	return t, nil
}

func parseTombstone(b []byte) (tombstone, bool) {
	be := binary.BigEndian
	if be.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli) {
		return tombstone{}, false
	}
	return tombstone{be.Uint64(b), be.Uint64(b[8:]), int64(be.Uint64(b[16:]))}, true
}

func (ts tombstone) append(b []byte) []byte {
	be := binary.BigEndian
	n := len(b)
	b = be.AppendUint64(b, ts.kid)
	b = be.AppendUint64(b, ts.version)
	b = be.AppendUint64(b, uint64(ts.at))
	b = be.AppendUint32(b, crc32.Checksum(b[n:], castagnoli))
	return append(b, 0, 0, 0, 0)
}

func (t *tombstones) rewrite(keep []tombstone) error {
	b := make([]byte, 0, len(keep)*tombstoneSize)
	for _, ts := range keep {
		b = ts.append(b)
	}
	tmp := t.path + ".new"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("rewrite tombstones: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync()); err == nil {
		err = os.Rename(tmp, t.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite tombstones: %w", err), f.Close())
	}
	old := t.f
	t.f, t.end = f, int64(len(b))
	return old.Close()
}

// add writes one tombstone; Sync makes it durable.
func (t *tombstones) add(ts tombstone) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.f.WriteAt(ts.append(nil), t.end); err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	t.end += tombstoneSize
	t.dirty = true
	return nil
}

// sync makes all that was added durable. Others are added meanwhile.
func (t *tombstones) sync() error {
	t.syncing.Lock()
	defer t.syncing.Unlock()
	t.mu.Lock()
	dirty := t.dirty
	t.dirty = false
	t.mu.Unlock()
	if !dirty {
		return nil
	}
	if err := t.flush(t.f); err != nil {
		t.mu.Lock()
		t.dirty = true
		t.mu.Unlock()
		return fmt.Errorf("sync tombstones: %w", err)
	}
	return nil
}

func (t *tombstones) close() error {
	err := t.sync()
	return errors.Join(err, t.f.Close())
}
