package keystore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The slab is a sequence of chunks of 64 Ki units of 16 bytes. A block is a head
// of one unit and an encoded key record; it never crosses a chunk.
//
//	head: magic (2), units (2), length of the record (2; 0: free), zero (2),
//	epoch (4), CRC-32C of the first 8 bytes and the kid (4)
const (
	unit       = 16
	chunkUnits = 1 << 16
	chunkSize  = unit * chunkUnits
	slabHead   = 4096
	slabMagic  = "TGKEYS"
	slabFormat = 1
	blockMagic = 0x7A6B
	kidAt      = 1 // of the encoded record
)

// ref names a block: chunk<<16 | first unit.
type ref uint32

// slab allocates blocks. Methods are safe for concurrent use; the bytes of a
// block belong to whoever holds its kid's shard.
type slab struct {
	maxChunks int

	mu     sync.Mutex
	f      *os.File // nil: memory only
	head   []byte   // the file's first page, mapped
	chunks atomic.Pointer[[][]byte]
	next   uint32 // first unallocated unit of the last chunk
	free   map[uint16][]ref
	used   int64 // bytes of blocks in use
	broken error // why new chunks are not in the file
}

// openSlab maps the file at path, or makes it. A file that is not a slab of this
// format begins anew: everything in it can be read from Redis again.
func openSlab(path string, maxBytes int64) (*slab, error) {
	s := &slab{maxChunks: int(max(1, min(maxBytes/chunkSize, 1<<16-1))), free: map[uint16][]ref{}, next: chunkUnits}
	s.chunks.Store(&[][]byte{})
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open key slab: %w", err)
	}
	s.f = f
	if err := s.mapHead(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if string(s.head[:6]) != slabMagic || s.head[6] != slabFormat {
		if err := f.Truncate(slabHead); err != nil {
			return nil, errors.Join(fmt.Errorf("clear key slab: %w", err), s.close())
		}
		clear(s.head)
		copy(s.head, slabMagic)
		s.head[6] = slabFormat
		s.setEpoch(1)
	}
	return s, s.mapChunks()
}

func (s *slab) mapHead() error {
	st, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("stat key slab: %w", err)
	}
	if st.Size() < slabHead {
		if err := allocate(s.f, 0, slabHead); err != nil {
			return fmt.Errorf("size key slab: %w", err)
		}
	}
	s.head, err = unix.Mmap(int(s.f.Fd()), 0, slabHead, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map key slab: %w", err)
	}
	return nil
}

func (s *slab) mapChunks() error {
	st, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("stat key slab: %w", err)
	}
	n := int((st.Size() - slabHead) / chunkSize)
	for range min(n, s.maxChunks) {
		if _, err := s.addFileChunk(); err != nil {
			return err
		}
	}
	return nil
}

func (s *slab) epoch() uint32     { return atomic.LoadUint32((*uint32)(unsafe.Pointer(&s.head[8]))) }
func (s *slab) setEpoch(e uint32) { atomic.StoreUint32((*uint32)(unsafe.Pointer(&s.head[8])), e) }
func (s *slab) base() uint32      { return binary.LittleEndian.Uint32(s.head[12:]) }
func (s *slab) boot() [16]byte    { return [16]byte(s.head[16:]) }

// setBase writes the epoch in which the lineage began, durably: nothing else tells
// versions of one from those of another after a power failure.
func (s *slab) setBase(e uint32) error {
	binary.LittleEndian.PutUint32(s.head[12:], e)
	if err := unix.Msync(s.head, unix.MS_SYNC); err != nil {
		return fmt.Errorf("sync key slab: %w", err)
	}
	return nil
}

func (s *slab) setBoot(b [16]byte) { copy(s.head[16:], b[:]) }

// addFileChunk maps one more chunk of the file, whose blocks must be allocated: a
// hole on a full disk would be a SIGBUS at the first write.
func (s *slab) addFileChunk() (int, error) {
	have := *s.chunks.Load()
	n := len(have)
	off := slabHead + int64(n)*chunkSize
	if err := allocate(s.f, off, chunkSize); err != nil {
		return 0, fmt.Errorf("allocate key slab: %w", err)
	}
	b, err := unix.Mmap(int(s.f.Fd()), off, chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("map key slab: %w", err)
	}
	s.addChunk(have, b)
	return n, nil
}

func (s *slab) addChunk(have [][]byte, b []byte) {
	more := append(have[:len(have):len(have)], b)
	s.chunks.Store(&more)
}

// grow adds a chunk; where the disk is full, one that does not outlive the process.
func (s *slab) grow() bool {
	have := *s.chunks.Load()
	if len(have) >= s.maxChunks {
		return false
	}
	if s.broken == nil {
		if _, err := s.addFileChunk(); err == nil {
			return true
		} else {
			s.broken = err // later chunks would be misplaced in the file
		}
	}
	b, err := unix.Mmap(-1, 0, chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return false
	}
	s.addChunk(have, b)
	return true
}

func (s *slab) at(r ref) []byte {
	return (*s.chunks.Load())[r>>16][int(r&0xffff)*unit:]
}

// record returns the encoded record of a block.
func (s *slab) record(r ref) []byte {
	b := s.at(r)
	n := int(binary.LittleEndian.Uint16(b[4:]))
	return b[unit : unit+n : unit+n]
}

func (s *slab) kid(r ref) uint64 { return binary.BigEndian.Uint64(s.at(r)[unit+kidAt:]) }

// version returns the record's version, which the encoding keeps at offset 9.
func (s *slab) version(r ref) uint64 { return binary.BigEndian.Uint64(s.at(r)[unit+9:]) }

// confirmed is the key epoch in which the block's record was last known to be true.
func (s *slab) confirmed(r ref) *uint32 { return (*uint32)(unsafe.Pointer(&s.at(r)[8])) }

func (s *slab) put(rec []byte, epoch uint32) (ref, bool) {
	units := uint16((unit + len(rec) + unit - 1) / unit)
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.take(units)
	if !ok {
		return 0, false
	}
	b := s.at(r)
	copy(b[unit:], rec)
	clear(b[unit+len(rec) : int(units)*unit])
	writeHead(b, units, len(rec), epoch)
	s.used += int64(units) * unit
	return r, true
}

// take finds room for a block. mu is held.
func (s *slab) take(units uint16) (ref, bool) {
	if l := s.free[units]; len(l) > 0 {
		s.free[units] = l[:len(l)-1]
		return l[len(l)-1], true
	}
	if s.next+uint32(units) > chunkUnits {
		last := len(*s.chunks.Load()) - 1
		if left := chunkUnits - s.next; left > 0 && last >= 0 {
			s.setFree(ref(uint32(last)<<16|s.next), uint16(left))
		}
		s.next = chunkUnits
		if !s.grow() {
			return s.split(units)
		}
		s.next = 0
	}
	r := ref(uint32(len(*s.chunks.Load())-1)<<16 | s.next)
	s.next += uint32(units)
	return r, true
}

// split takes the front of a larger free block, when there is no other room.
func (s *slab) split(units uint16) (ref, bool) {
	for n, l := range s.free {
		if n <= units || len(l) == 0 {
			continue
		}
		r := l[len(l)-1]
		s.free[n] = l[:len(l)-1]
		s.setFree(r+ref(units), n-units)
		return r, true
	}
	return 0, false
}

func (s *slab) setFree(r ref, units uint16) {
	b := s.at(r)
	clear(b[unit:min(len(b), unit+16)])
	writeHead(b, units, 0, 0)
	s.free[units] = append(s.free[units], r)
}

func (s *slab) drop(r ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	units := binary.LittleEndian.Uint16(s.at(r)[2:])
	s.used -= int64(units) * unit
	s.setFree(r, units)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func writeHead(b []byte, units uint16, n int, epoch uint32) {
	le := binary.LittleEndian
	le.PutUint16(b, blockMagic)
	le.PutUint16(b[2:], units)
	le.PutUint16(b[4:], uint16(n))
	le.PutUint16(b[6:], 0)
	le.PutUint32(b[8:], epoch)
	le.PutUint32(b[12:], headSum(b, n))
}

func headSum(b []byte, n int) uint32 {
	c := crc32.Checksum(b[:8], castagnoli)
	if n > 0 {
		c = crc32.Update(c, castagnoli, b[unit+kidAt:unit+kidAt+8])
	}
	return c
}

// block checks the block at unit u of a chunk and returns its size in units and
// its record's length.
func block(chunk []byte, u uint32) (units uint32, n int, ok bool) {
	b := chunk[u*unit:]
	le := binary.LittleEndian
	if le.Uint16(b) != blockMagic {
		return 0, 0, false
	}
	units, n = uint32(le.Uint16(b[2:])), int(le.Uint16(b[4:]))
	if units == 0 || u+units > chunkUnits || unit+n > int(units)*unit || n > 0 && n < kidAt+16 {
		return 0, 0, false
	}
	return units, n, headSum(b, n) == le.Uint32(b[12:])
}

// walk calls fn for every block in use, in no lock, before anything else uses the
// slab; blocks for which fn returns false are freed. What a crash left damaged is
// skipped.
func (s *slab) walk(fn func(r ref, kid uint64) bool) {
	chunks := *s.chunks.Load()
	for c, b := range chunks {
		end := uint32(0)
		for u := uint32(0); u < chunkUnits; {
			units, n, ok := block(b, u)
			if !ok {
				u++
				continue
			}
			r := ref(uint32(c)<<16 | u)
			u += units
			end = u
			switch {
			case n == 0:
				s.free[uint16(units)] = append(s.free[uint16(units)], r)
			case fn(r, s.kid(r)):
				s.used += int64(units) * unit
			default:
				s.setFree(r, uint16(units))
			}
		}
		if c == len(chunks)-1 {
			s.next = end
		}
	}
}

// full reports whether the slab has little room left.
func (s *slab) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used > int64(s.maxChunks)*chunkSize*15/16
}

// blocks returns the blocks in use of chunk number n.
func (s *slab) blocks(n int) (refs []ref, kids []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := (*s.chunks.Load())[n]
	for u := uint32(0); u < chunkUnits; {
		units, size, ok := block(b, u)
		if !ok {
			u++
			continue
		}
		if size > 0 {
			r := ref(uint32(n)<<16 | u)
			refs, kids = append(refs, r), append(kids, s.kid(r))
		}
		u += units
	}
	return refs, kids
}

func (s *slab) close() error {
	var errs []error
	for _, b := range *s.chunks.Load() {
		errs = append(errs, unix.Munmap(b))
	}
	s.chunks.Store(&[][]byte{})
	return errors.Join(append(errs, unix.Munmap(s.head), s.f.Close())...)
}
