package meter

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A counter file is a header page and records of one size. Everything is in the
// machine's own byte order: the file never leaves its host.
//
//	0    magic "TGMETER1"
//	8    version u32, record size u32
//	16   epoch u64
//	24   incarnation [16]
//	40   boot id [16]: of the boot in which the file was made
//	56   hour u32, number u32
//	64   edge id: length byte and up to 127 bytes
//	192  CRC-32C of the above u32
//	196  HMAC-SHA-256 of the above, first 16 bytes
//	1024 last shipped batch u64 (changes; not under the CRC)
//	1032 acknowledged u64: 1 when the database has everything of the file
//	4096 records
const (
	headSize   = 4096
	headFixed  = 192
	headMAC    = 196
	headSeq    = 1024
	headAcked  = 1032
	fileSize   = 4 << 20
	fileMagic  = "TGMETER1"
	fileFormat = 1
	maxEdgeID  = 127
)

// Errors of reading a counter file.
var (
	errBadHeader = errors.New("counter file: header is damaged or not of this edge")
	errFormat    = errors.New("counter file: written by a newer version")
)

// header is the fixed part of a file's header.
type header struct {
	edge        string
	epoch       uint64
	incarnation [16]byte
	boot        [16]byte
	hour        uint32
	number      uint32
	size        uint32 // of a record
}

func (h *header) put(b []byte, key *[32]byte) {
	ne := binary.NativeEndian
	clear(b[:headMAC+16])
	copy(b, fileMagic)
	ne.PutUint32(b[8:], fileFormat)
	ne.PutUint32(b[12:], h.size)
	ne.PutUint64(b[16:], h.epoch)
	copy(b[24:], h.incarnation[:])
	copy(b[40:], h.boot[:])
	ne.PutUint32(b[56:], h.hour)
	ne.PutUint32(b[60:], h.number)
	b[64] = byte(len(h.edge))
	copy(b[65:headFixed], h.edge)
	ne.PutUint32(b[headFixed:], crcOf(b[:headFixed]))
	m := headerMAC(key, b[:headFixed])
	copy(b[headMAC:], m[:])
}

// readHeader checks and reads a header: a torn one, and one that was not made
// with this edge secret, are refused.
func readHeader(b []byte, key *[32]byte) (h header, err error) {
	ne := binary.NativeEndian
	if len(b) < headSize || string(b[:8]) != fileMagic || ne.Uint32(b[headFixed:]) != crcOf(b[:headFixed]) {
		return h, errBadHeader
	}
	if ne.Uint32(b[8:]) != fileFormat {
		return h, errFormat
	}
	if m := headerMAC(key, b[:headFixed]); !hmac.Equal(m[:], b[headMAC:headMAC+16]) || b[64] > maxEdgeID {
		return h, errBadHeader
	}
	h = header{
		edge: string(b[65 : 65+int(b[64])]), epoch: ne.Uint64(b[16:]),
		hour: ne.Uint32(b[56:]), number: ne.Uint32(b[60:]), size: ne.Uint32(b[12:]),
	}
	copy(h.incarnation[:], b[24:])
	copy(h.boot[:], b[40:])
	return h, nil
}

func headerMAC(key *[32]byte, b []byte) (m [16]byte) {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("tollgate counter file header\x00"))
	h.Write(b)
	copy(m[:], h.Sum(nil))
	return m
}

// file is one mapped counter file, or, with an empty path, memory that takes
// its place while the disk is full.
type file struct {
	path   string
	hour   uint32
	number uint32
	size   int // of a record
	cap    int // records that fit
	mem    []byte
	used   atomic.Uint32   // records handed out; grows only under the pool's lock
	dirty  []atomic.Uint32 // a bit for each record that moved

	// Guarded by the pool's lock.
	first, last uint32 // hours of its records
	shut        bool   // no record will be added

	// Guarded by Meter.mu.
	journal *journal
	unsaved bitmap    // moved since the last journal write
	unsent  bitmap    // moved since they were last shipped
	sent    []uint64  // batch in which each record was last shipped
	ended   time.Time // when it was synced and cut to what is used; zero: not yet
	acked   bool      // the database has all of it, and it has ended
}

// createFile allocates and maps a new file under a name. Its blocks are
// allocated at once: a hole would turn a full disk into a SIGBUS.
func createFile(path string, size int) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create counter file: %w", err)
	}
	defer f.Close()
	if err := allocate(f, fileSize); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("allocate counter file: %w", err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, fileSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("map counter file: %w", err)
	}
	return newFile(path, mem, size), nil
}

// memoryFile is a file without a disk.
func memoryFile(size int) (*file, error) {
	mem, err := unix.Mmap(-1, 0, fileSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("map memory for counters: %w", err)
	}
	return newFile("", mem, size), nil
}

func newFile(path string, mem []byte, size int) *file {
	n := (len(mem) - headSize) / size
	words := (n + 31) / 32
	return &file{
		path: path, size: size, cap: n, mem: mem,
		dirty: make([]atomic.Uint32, words), unsaved: make(bitmap, words), unsent: make(bitmap, words),
	}
}

// begin gives a fresh or spare file its identity.
func (f *file) begin(h header, key *[32]byte) {
	h.size = uint32(f.size)
	f.hour, f.number = h.hour, h.number
	h.put(f.mem, key)
}

// record is the memory of record n.
func (f *file) record(n uint32) []byte {
	o := headSize + int(n)*f.size
	return f.mem[o : o+f.size : o+f.size]
}

func (f *file) counter(n uint32) *counterRecord {
	return (*counterRecord)(unsafe.Pointer(&f.record(n)[0]))
}

func (f *file) route(n uint32) *routeRecord {
	return (*routeRecord)(unsafe.Pointer(&f.record(n)[0]))
}

// bit is where the dirty bit of record n is.
func (f *file) bit(n uint32) (*atomic.Uint32, uint32) { return &f.dirty[n/32], 1 << (n % 32) }

func (f *file) word(off int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&f.mem[off]))
}

// harvest moves the dirty bits to the journal's and the shipper's.
func (f *file) harvest() (moved bool) {
	for i := range (f.used.Load() + 31) / 32 {
		if f.dirty[i].Load() == 0 {
			continue
		}
		w := f.dirty[i].Swap(0)
		f.unsaved[i] |= w
		f.unsent[i] |= w
		moved = true
	}
	return moved
}

// close syncs the file and cuts it to the used records. Nothing adds records to
// it any more; those it has stay mapped and may still move.
func (f *file) close() error {
	if f.path == "" {
		return nil
	}
	fd, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("close counter file: %w", err)
	}
	defer fd.Close()
	page := int64(os.Getpagesize())
	end := int64(headSize) + int64(f.used.Load())*int64(f.size)
	if err := fd.Truncate((end + page - 1) / page * page); err != nil {
		return fmt.Errorf("cut counter file: %w", err)
	}
	if err := fd.Sync(); err != nil {
		return fmt.Errorf("sync counter file: %w", err)
	}
	return nil
}

// remove unmaps and deletes the file.
func (f *file) remove() error {
	if err := unix.Munmap(f.mem); err != nil {
		return fmt.Errorf("unmap counter file: %w", err)
	}
	f.mem = nil
	if f.path == "" {
		return nil
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("delete counter file: %w", err)
	}
	return nil
}

// bitmap is a set of record numbers.
type bitmap []uint32

func (b bitmap) has(n uint32) bool { return b[n/32]&(1<<(n%32)) != 0 }
func (b bitmap) set(n uint32)      { b[n/32] |= 1 << (n % 32) }
func (b bitmap) clear(n uint32)    { b[n/32] &^= 1 << (n % 32) }

func (b bitmap) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}
