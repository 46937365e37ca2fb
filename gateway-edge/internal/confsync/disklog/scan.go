package disklog

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/tollgate/tollgate/services/contract/failpoint"
)

func crc32c(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Scan reads the file from its head to its end and hands every readable record to
// fn, in the order in which they were written. Records that fn does not Drop are
// live. A damaged record is reported to the logger and skipped.
func (l *Log) Scan(fn func(*Record, *Loc)) error {
	data, err := l.readAll()
	if err != nil {
		return err
	}
	pos, good, damaged := int64(fileHead), int64(fileHead), 0
	for pos < int64(len(data)) {
		body, ok := checkRecord(data[pos:])
		if !ok {
			next := bytes.Index(data[pos+1:], []byte(mark))
			if next < 0 {
				break
			}
			damaged++
			pos += 1 + int64(next)
			continue
		}
		loc := &Loc{off: pos, size: int64(recordHead + len(body))}
		pos += loc.size
		good = pos
		r, err := decode(l.aead, body)
		if err != nil {
			damaged++
			l.cfg.Logger.Error("damaged record in the configuration log", "offset", loc.off, "error", err)
			continue
		}
		l.mu.Lock()
		l.link(loc)
		l.mu.Unlock()
		fn(r, loc)
	}
	l.end = good
	if good < int64(len(data)) {
		// What is behind the last whole record is a torn append.
		l.cfg.Logger.Warn("torn end of the configuration log cut off", "bytes", int64(len(data))-good)
		if err := l.f.Truncate(good); err != nil {
			return fmt.Errorf("cut torn end: %w", err)
		}
	}
	if damaged > 0 {
		l.cfg.Logger.Error("configuration log has damaged records; what they held is fetched anew", "count", damaged)
	}
	return nil
}

// readAll reads the whole file: a hundred thousand gateways are some 40 MB, and
// reading at once is both faster and simpler than in pieces. The file may be
// shorter than its head.
func (l *Log) readAll() ([]byte, error) {
	st, err := l.f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat configuration log: %w", err)
	}
	data := make([]byte, st.Size())
	n, err := l.f.ReadAt(data, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read configuration log: %w", err)
	}
	return data[:n], nil
}

// compactMin is the size below which compaction is not worth its write.
const compactMin = 1 << 20

// NeedsCompaction says that half of the file, or more, is garbage.
func (l *Log) NeedsCompaction() bool {
	total, live := l.Size()
	return total >= compactMin && live*2 <= total
}

// Compact rewrites the file with its live records only, in order. Appends wait
// for it, reads do not. A crash at any moment leaves the old file or the new one.
func (l *Log) Compact() (err error) {
	l.write.Lock()
	defer l.write.Unlock()
	tmp := l.path() + ".new"
	f, err := l.newFile(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
		}
	}()
	moved, end, err := l.copyLive(f)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync compacted log: %w", err)
	}
	failpoint.Hit(failpoint.LKGAfterTmp)
	if err := os.Rename(tmp, l.path()); err != nil {
		return fmt.Errorf("replace configuration log: %w", err)
	}
	failpoint.Hit(failpoint.LKGAfterRename)
	l.mu.Lock()
	old := l.f
	l.f = f
	for loc, off := range moved {
		loc.off = off
	}
	l.mu.Unlock()
	l.end, l.dirty = end, false
	_ = old.Close()
	if err := syncDir(l.cfg.Dir); err != nil {
		l.cfg.Logger.Warn("directory of the configuration log can't be synced", "error", err)
	}
	return nil
}

// copyLive copies every live record to f and returns the new offsets. Records
// dropped meanwhile are copied too: they are garbage of the new file.
func (l *Log) copyLive(f *os.File) (moved map[*Loc]int64, end int64, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	moved, end = map[*Loc]int64{}, int64(fileHead)
	buf := make([]byte, 0, 1<<20)
	flush := func() error {
		if _, err := f.WriteAt(buf, end-int64(len(buf))); err != nil {
			return fmt.Errorf("write compacted log: %w", err)
		}
		buf = buf[:0]
		return nil
	}
	for loc := l.first; loc != nil; loc = loc.next {
		n := len(buf)
		buf = append(buf, make([]byte, loc.size)...)
		if _, err := l.f.ReadAt(buf[n:], loc.off); err != nil {
			return nil, 0, fmt.Errorf("read configuration log: %w", err)
		}
		moved[loc] = end
		end += loc.size
		if len(buf) >= 1<<20 {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	return moved, end, flush()
}
