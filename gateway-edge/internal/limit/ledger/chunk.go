package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunk is one file of the present epoch, or plain memory when no file could be
// made. Its mapping is given back only when nothing refers to the chunk any more,
// so that a credit that comes very late never touches another's memory.
type chunk struct {
	mem  []byte
	path string // "" for plain memory
	used int    // records handed out
	end  int64  // of the last of its records' periods, Unix seconds
}

// newChunk makes a preallocated, mapped file with room for n records.
func newChunk(path string, h *header, n int) (*chunk, error) {
	head, err := h.encode()
	if err != nil {
		return nil, err
	}
	size := int64(headerSize + n*recordSize)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mem, err := mapFile(f, head, size)
	if err != nil {
		_ = os.Remove(path)
		return nil, fmt.Errorf("make %s: %w", filepath.Base(path), err)
	}
	c := &chunk{mem: mem, path: path}
	runtime.AddCleanup(c, func(mem []byte) { _ = unix.Munmap(mem) }, mem)
	return c, nil
}

func mapFile(f *os.File, head []byte, size int64) ([]byte, error) {
	if err := allocate(f, size); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, err
	}
	// The header must be durable before records refer to it; records are not
	// synced (see the package's comment).
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// allocate reserves the blocks. Where the file system can't, zeros are written:
// a hole would be a SIGBUS when the disk is full.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == nil || !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	_, err = f.WriteAt(make([]byte, size), 0)
	return err
}

// memoryChunk is the fallback without a file. The words need 8-byte alignment.
func memoryChunk(n int) *chunk {
	words := make([]uint64, (headerSize+n*recordSize)/8)
	return &chunk{mem: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)}
}

func (c *chunk) full() bool { return headerSize+(c.used+1)*recordSize > len(c.mem) }

// take hands out the next record with its identity written.
func (c *chunk) take(id *Identity, since int64) (*Slot, error) {
	at := headerSize + c.used*recordSize
	b := c.mem[at : at+recordSize]
	if err := encodeIdentity(b, id, since); err != nil {
		return nil, err
	}
	(*atomic.Uint32)(unsafe.Pointer(&b[0])).Store(stateUsed)
	c.used++
	c.end = max(c.end, id.End)
	return &Slot{Words: (*Words)(unsafe.Pointer(&b[wordsAt])), Identity: *id, Since: since, chunk: c}, nil
}

// close marks the file as complete on disk.
func (c *chunk) close() error {
	if c.path == "" {
		return nil
	}
	if err := unix.Msync(c.mem, unix.MS_SYNC); err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Base(c.path), err)
	}
	c.mem[cleanAt] = 1
	return unix.Msync(c.mem[:headerSize], unix.MS_SYNC)
}
