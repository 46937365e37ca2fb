package disklog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

const (
	fileName   = "config.log"
	fileMagic  = "TGLOG"
	fileFormat = 1
	fileHead   = len(fileMagic) + 1 + 16 // magic, format, owner
)

// Config says where the log is and whose it is.
type Config struct {
	Dir    string
	EdgeID string
	Key    [32]byte // the edges' sealing key; the log's own key is derived from it and EdgeID
	Logger *slog.Logger
}

// Loc is where a record stands. It stays valid through compaction until Drop.
type Loc struct {
	off        int64
	size       int64
	prev, next *Loc // live records in the order of the file
}

// Log is the open file. All methods are safe for concurrent use.
type Log struct {
	cfg   Config
	aead  cipher.AEAD
	owner [16]byte
	flush func(*os.File) error // makes a file's data durable

	syncing sync.Mutex // held by Sync

	// write guards the tail: one append or compaction at a time.
	write sync.Mutex
	end   int64
	dirty bool

	// mu guards the file handle, the live list and every Loc's offset.
	mu    sync.RWMutex
	f     *os.File
	first *Loc
	last  *Loc
	live  int64 // bytes of live records
}

// Open opens or makes the log in cfg.Dir. Scan must be called before anything else.
func Open(cfg Config) (*Log, error) {
	key, err := hkdf.Key(sha256.New, cfg.Key[:], []byte("tollgate"), "edge disk v1 "+cfg.EdgeID, 32+16)
	if err != nil {
		return nil, fmt.Errorf("derive disk key: %w", err)
	}
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, owner: [16]byte(key[32:]), flush: datasync}
	if l.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	return l, l.open()
}

func (l *Log) path() string { return filepath.Join(l.cfg.Dir, fileName) }

// open opens the file if it is ours; one that is not is moved aside.
func (l *Log) open() error {
	f, err := os.OpenFile(l.path(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return l.create()
	}
	if err != nil {
		return fmt.Errorf("open configuration log: %w", err)
	}
	head := make([]byte, fileHead)
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return errors.Join(fmt.Errorf("read configuration log: %w", err), f.Close())
	}
	aside := ""
	switch {
	case string(head[:len(fileMagic)]) != fileMagic:
		aside = "damaged"
	case head[len(fileMagic)] != fileFormat:
		aside = fmt.Sprintf("format%d", head[len(fileMagic)])
	case [16]byte(head[len(fileMagic)+1:]) != l.owner:
		aside = "foreign"
	default:
		l.f = f
		return nil
	}
	if err := f.Close(); err != nil {
		return err
	}
	l.cfg.Logger.Error("configuration log can't be used, it is kept aside and fetched anew", "why", aside)
	if err := os.Rename(l.path(), l.path()+"."+aside); err != nil {
		return fmt.Errorf("move configuration log aside: %w", err)
	}
	return l.create()
}

func (l *Log) create() error {
	f, err := l.newFile(l.path())
	if err != nil {
		return err
	}
	l.f = f
	return syncDir(l.cfg.Dir)
}

// newFile makes an empty log file with its head.
func (l *Log) newFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create configuration log: %w", err)
	}
	head := append([]byte(fileMagic), fileFormat)
	head = append(head, l.owner[:]...)
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("write configuration log: %w", err), f.Close())
	}
	return f, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Append writes r at the end. It is in the file when Append returns, and safe
// from a power failure after the next Sync.
func (l *Log) Append(r *Record) (*Loc, error) {
	nonce := make([]byte, l.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("read random: %w", err)
	}
	b, err := r.encode(l.aead, nonce)
	if err != nil {
		return nil, err
	}
	l.write.Lock()
	defer l.write.Unlock()
	if _, err := l.f.WriteAt(b, l.end); err != nil {
		// A part of it may stand there: cut it off, or overwrite it next time.
		_ = l.f.Truncate(l.end)
		return nil, fmt.Errorf("append to configuration log: %w", err)
	}
	loc := &Loc{off: l.end, size: int64(len(b))}
	l.end += loc.size
	l.dirty = true
	l.mu.Lock()
	l.link(loc)
	l.mu.Unlock()
	return loc, nil
}

func (l *Log) link(loc *Loc) {
	loc.prev = l.last
	if l.last != nil {
		l.last.next = loc
	} else {
		l.first = loc
	}
	l.last = loc
	l.live += loc.size
}

// Drop says that the record is no longer needed; nil is allowed.
func (l *Log) Drop(loc *Loc) {
	if loc == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if loc.prev == nil && l.first != loc {
		return // dropped before
	}
	if loc.prev != nil {
		loc.prev.next = loc.next
	} else {
		l.first = loc.next
	}
	if loc.next != nil {
		loc.next.prev = loc.prev
	} else {
		l.last = loc.prev
	}
	loc.prev, loc.next = nil, nil
	l.live -= loc.size
}

// Read reads and opens the record at loc.
func (l *Log) Read(loc *Loc) (*Record, error) {
	l.mu.RLock()
	b := make([]byte, loc.size)
	_, err := l.f.ReadAt(b, loc.off)
	l.mu.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("read configuration log: %w", err)
	}
	body, ok := checkRecord(b)
	if !ok || int64(len(body)+recordHead) != loc.size {
		return nil, ErrDamaged
	}
	return decode(l.aead, body)
}

// Sync makes everything appended so far durable (fdatasync).
//
// Records are appended and read meanwhile.
func (l *Log) Sync() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.write.Lock()
	dirty, f := l.dirty, l.f
	l.dirty = false
	l.write.Unlock()
	if !dirty {
		return nil
	}
	if err := l.flush(f); err != nil {
		l.write.Lock()
		defer l.write.Unlock()
		if l.f != f {
			return nil // compacted: the new file was made durable as a whole
		}
		l.dirty = true
		return fmt.Errorf("sync configuration log: %w", err)
	}
	return nil
}

// Size returns the bytes of the file and of its live records.
func (l *Log) Size() (total, live int64) {
	l.write.Lock()
	total = l.end
	l.write.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	return total, l.live
}

// Close closes the file without syncing it.
func (l *Log) Close() error {
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

// checkRecord returns the body of the record at the beginning of b if it stands
// there whole.
func checkRecord(b []byte) (body []byte, ok bool) {
	if len(b) < recordHead || string(b[:len(mark)]) != mark {
		return nil, false
	}
	n := binary.BigEndian.Uint32(b[len(mark):])
	if n > maxRecord || int64(len(b)) < int64(recordHead)+int64(n) {
		return nil, false
	}
	body = b[recordHead : recordHead+int(n)]
	return body, crc32c(body) == binary.BigEndian.Uint32(b[len(mark)+4:])
}
