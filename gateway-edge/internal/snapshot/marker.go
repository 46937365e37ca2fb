package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
)

// markSlots bounds the compilations that may be under way at once, those that
// ran over their time and were given up included.
const (
	markSlots = 4
	markSize  = 512
)

// Marker is a small file that names the versions being compiled. It is written
// without fsync: it must survive the death of the process, not of the machine,
// and a machine's death is no fault of a document.
type Marker struct {
	boot [16]byte

	mu    sync.Mutex // guards f and used
	f     *os.File
	used  [markSlots]bool
	found []Marked
}

// Marked is a version that was being compiled when a process died.
type Marked struct {
	ID      string
	Version uint64
	slot    int
}

// OpenMarker opens or makes the file. boot identifies the machine's present
// boot; marks of another boot are not believed.
func OpenMarker(path string, boot [16]byte) (*Marker, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open compile marker: %w", err)
	}
	m := &Marker{boot: boot, f: f}
	buf := make([]byte, markSlots*markSize)
	n, _ := f.ReadAt(buf, 0)
	for i := 0; (i+1)*markSize <= n; i++ {
		if mk, ok := m.parse(buf[i*markSize:][:markSize]); ok {
			mk.slot = i
			m.used[i] = true
			m.found = append(m.found, mk)
		}
	}
	if err := f.Truncate(markSlots * markSize); err != nil {
		return nil, errors.Join(fmt.Errorf("size compile marker: %w", err), f.Close())
	}
	return m, nil
}

// A slot is: CRC-32C of the rest (4), set (1), length of id (1), boot (16),
// version (8), id.
const markHead = 4 + 1 + 1 + 16 + 8

func (m *Marker) parse(b []byte) (Marked, bool) {
	n := int(b[5])
	if b[4] != 1 || markHead+n > len(b) || binary.BigEndian.Uint32(b) != markSum(b) || [16]byte(b[6:]) != m.boot {
		return Marked{}, false
	}
	return Marked{ID: string(b[markHead : markHead+n]), Version: binary.BigEndian.Uint64(b[22:])}, true
}

func markSum(b []byte) uint32 {
	return crc32.Checksum(b[4:], crc32.MakeTable(crc32.Castagnoli))
}

// Found returns the marks that a process before this one left.
func (m *Marker) Found() []Marked { return m.found }

// Forget clears a mark of Found once its version is in quarantine.
func (m *Marker) Forget(k Marked) { m.clear(k.slot) }

// set marks a version; the slot is to be cleared when its compilation ended. It
// fails when too many run already.
func (m *Marker) set(id string, version uint64) (slot int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for slot = 0; slot < markSlots && m.used[slot]; slot++ {
	}
	if slot == markSlots {
		return 0, errors.New("too many compilations run over their time")
	}
	b := make([]byte, markSize)
	b[4], b[5] = 1, byte(min(len(id), 255))
	copy(b[6:], m.boot[:])
	binary.BigEndian.PutUint64(b[22:], version)
	copy(b[markHead:], id[:b[5]])
	binary.BigEndian.PutUint32(b, markSum(b))
	m.used[slot] = true
	if _, err := m.f.WriteAt(b, int64(slot)*markSize); err != nil {
		// Without a mark a document that kills the process would be tried again
		// at the next start; a full disk must not stop changes either.
		return slot, nil
	}
	return slot, nil
}

func (m *Marker) clear(slot int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.f.WriteAt(make([]byte, markHead), int64(slot)*markSize)
	m.used[slot] = false
}

// Close closes the file.
func (m *Marker) Close() error { return m.f.Close() }
