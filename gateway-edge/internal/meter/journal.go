package meter

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
)

// journalSuffix is what a journal's name has more than its counter file's.
const journalSuffix = ".j"

// journal is the twin of a counter file: same layout, but written with pwrite
// and fdatasync. Syncing the mapping itself would write-protect its pages, and
// the next count would pay for the fault. It exists for a power failure of the
// host only, and while its file takes records.
type journal struct {
	f   *os.File
	buf []byte
}

// openJournal makes the twin of a file, header included.
func openJournal(f *file) (*journal, error) {
	fd, err := os.OpenFile(f.path+journalSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	j := &journal{f: fd}
	if _, err := fd.WriteAt(f.mem[:headSeq], 0); err != nil {
		j.discard()
		return nil, fmt.Errorf("write journal header: %w", err)
	}
	return j, nil
}

// maxRun is how many neighbouring records one pwrite takes.
const maxRun = 256

// save writes the records of set, neighbours together, and syncs. The head's
// moving words go with them.
func (j *journal) save(f *file, set bitmap) error {
	var head [16]byte
	copyRecord(head[:], f.mem[headSeq:headSeq+16])
	if _, err := j.f.WriteAt(head[:], headSeq); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	start, n := uint32(0), uint32(0)
	flush := func() error {
		if n == 0 {
			return nil
		}
		_, err := j.f.WriteAt(j.buf, int64(headSize)+int64(start)*int64(f.size))
		j.buf, n = j.buf[:0], 0
		return err
	}
	for i, w := range set {
		for ; w != 0; w &= w - 1 {
			r := uint32(i*32 + bits.TrailingZeros32(w))
			if n > 0 && (r != start+n || n == maxRun) {
				if err := flush(); err != nil {
					return fmt.Errorf("write journal: %w", err)
				}
			}
			if n == 0 {
				start = r
			}
			at := len(j.buf)
			j.buf = append(j.buf, make([]byte, f.size)...)
			copyRecord(j.buf[at:], f.record(r))
			n++
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := datasync(j.f); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// discard closes and deletes the journal: its file is synced, or gone.
func (j *journal) discard() {
	name := j.f.Name()
	j.f.Close()
	os.Remove(name)
}

// restoreHeads gives the counter files of a directory their headers again where only
// the journals have them: the power failed before the kernel had written the file's
// first page, or its name. Which records they lack is seen when they are read.
func restoreHeads(dir string, key *[32]byte, log *slog.Logger) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return // its caller tells
	}
	for _, e := range names {
		main, ok := strings.CutSuffix(filepath.Join(dir, e.Name()), journalSuffix)
		if !ok {
			continue
		}
		if err := restoreHead(main, key); err != nil {
			log.Error("meter: header of a former epoch's counter file can't be restored", "file", main, "error", err)
		}
	}
}

func restoreHead(name string, key *[32]byte) error {
	good, err := readHead(name + journalSuffix)
	if err != nil {
		return err
	}
	if _, err := readHeader(good, key); err != nil {
		return nil // the journal has none either, or is not this edge's
	}
	have, err := readHead(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := readHeader(have, key); err == nil || errors.Is(err, errFormat) {
		return nil
	}
	fd, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	clear(good[headAcked:])
	_, err = fd.WriteAt(good, 0)
	return errors.Join(err, fd.Sync(), fd.Close())
}

// readHead reads the first page of a file; what is missing of it is zero.
func readHead(name string) ([]byte, error) {
	b := make([]byte, headSize)
	fd, err := os.Open(name)
	if err != nil {
		return b, err
	}
	defer fd.Close()
	if _, err := fd.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return b, err
	}
	return b, nil
}
