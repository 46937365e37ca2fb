package disklog

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(dir string) Config {
	return Config{Dir: dir, EdgeID: "edge-a", Key: [32]byte{1}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

type found struct {
	rec *Record
	loc *Loc
}

func open(t testing.TB, cfg Config) (*Log, []found) {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var all []found
	if err := l.Scan(func(r *Record, loc *Loc) { all = append(all, found{r, loc}) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, all
}

func sample(i int) *Record {
	return &Record{
		Kind: Gateway, ID: fmt.Sprintf("gw_%d", i), Version: uint64(i), Digest: [16]byte{byte(i)}, Deleted: i%5 == 4,
		Hosts: []string{fmt.Sprintf("g%d.edge.test", i), "*.example.com"}, Doc: bytes.Repeat([]byte{byte(i)}, 10*i),
	}
}

func same(a, b *Record) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Version == b.Version && a.Digest == b.Digest && a.Deleted == b.Deleted &&
		slices.Equal(a.Hosts, b.Hosts) && bytes.Equal(a.Doc, b.Doc)
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := open(t, config(dir))
	for i := range 50 {
		loc, err := l.Append(sample(i))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := l.Read(loc); err != nil || !same(r, sample(i)) {
			t.Fatalf("record %d: %+v, %v", i, r, err)
		}
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, sample(40).Doc[:64]) {
		t.Error("a document stands in clear text on disk")
	}
	_, all := open(t, config(dir))
	if len(all) != 50 {
		t.Fatalf("%d records", len(all))
	}
	for i, f := range all {
		if !same(f.rec, sample(i)) {
			t.Errorf("record %d: %+v", i, f.rec)
		}
	}
}

// TestOneDamagedRecord is E08: a flipped bit anywhere costs at most the record it
// is in; nothing wrong is ever read.
func TestOneDamagedRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := open(t, config(dir))
	for i := range 20 {
		if _, err := l.Append(sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, fileName)
	clean, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		data := bytes.Clone(clean)
		at := fileHead + r.IntN(len(data)-fileHead)
		data[at] ^= byte(1 << r.IntN(8))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, all := open(t, config(dir))
		if len(all) < 19 {
			t.Fatalf("a bit at %d of %d cost %d records", at, len(data), 20-len(all))
		}
		for _, f := range all {
			if !same(f.rec, sample(int(f.rec.Version))) {
				t.Fatalf("a bit at %d: record %+v is wrong", at, f.rec)
			}
		}
		l.Close()
	}
}

func TestTornEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := open(t, config(dir))
	for i := range 3 {
		if _, err := l.Append(sample(30 + i)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, fileName)
	clean, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(clean) - 1; cut > len(clean)-200; cut -= 13 {
		if err := os.WriteFile(path, clean[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, all := open(t, config(dir))
		if len(all) != 2 {
			t.Fatalf("cut at %d: %d records", cut, len(all))
		}
		if _, err := l.Append(sample(40)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, all = open(t, config(dir)); len(all) != 3 || all[2].rec.Version != 40 {
			t.Fatalf("cut at %d: a record behind the torn end is lost", cut)
		}
	}
}

// TestFileOfAnother is E09, and MSC15, the binding to the edge: what can't be used is kept
// aside, never overwritten.
func TestFileOfAnother(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, suffix string
		spoil        func([]byte)
		change       func(*Config)
	}{
		{"newer format", ".format9", func(b []byte) { b[len(fileMagic)] = 9 }, nil},
		{"another edge's", ".foreign", nil, func(c *Config) { c.EdgeID = "edge-b" }},
		{"another secret's", ".foreign", nil, func(c *Config) { c.Key[0] = 9 }},
		{"not a log", ".damaged", func(b []byte) { copy(b, "hello") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l, _ := open(t, config(dir))
			if _, err := l.Append(sample(1)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fileName)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(data)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := config(dir)
			if c.change != nil {
				c.change(&cfg)
			}
			l, all := open(t, cfg)
			if len(all) != 0 {
				t.Errorf("%d records were read", len(all))
			}
			if kept, err := os.ReadFile(path + c.suffix); err != nil || !bytes.Equal(kept, data) {
				t.Errorf("the old file was not kept aside: %v", err)
			}
			if _, err := l.Append(sample(2)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := open(t, config(dir))
	big := func(i int) *Record {
		r := sample(i)
		r.Doc = bytes.Repeat([]byte{byte(i)}, 20_000)
		return r
	}
	locs := map[int]*Loc{}
	for i := range 100 {
		loc, err := l.Append(big(i))
		if err != nil {
			t.Fatal(err)
		}
		locs[i] = loc
	}
	for i := range 100 {
		if i%3 != 0 {
			l.Drop(locs[i])
			l.Drop(locs[i]) // twice is harmless
			delete(locs, i)
		}
	}
	if !l.NeedsCompaction() {
		t.Fatal("two thirds are garbage")
	}
	before, live := l.Size()
	if err := l.Compact(); err != nil {
		t.Fatal(err)
	}
	after, liveAfter := l.Size()
	if liveAfter != live || after > live+int64(fileHead) || before < 2*after {
		t.Errorf("size %d → %d, live %d → %d", before, after, live, liveAfter)
	}
	for i, loc := range locs {
		if r, err := l.Read(loc); err != nil || !same(r, big(i)) {
			t.Errorf("record %d after compaction: %v", i, err)
		}
	}
	if _, err := l.Append(big(200)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, all := open(t, config(dir))
	var versions []uint64
	for _, f := range all {
		versions = append(versions, f.rec.Version)
	}
	if len(all) != len(locs)+1 || !slices.IsSorted(versions) {
		t.Errorf("after compaction and a restart: %v", versions)
	}
}

// TestFailedAppend: an append that fails leaves the log as it was.
func TestFailedAppend(t *testing.T) {
	t.Parallel()
	l, _ := open(t, config(t.TempDir()))
	first, err := l.Append(sample(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(&Record{Kind: Gateway, ID: "", Doc: []byte("x")}); err == nil {
		t.Error("a record without an id was taken")
	}
	if _, err := l.Append(&Record{Kind: Gateway, ID: "gw", Doc: make([]byte, maxRecord)}); err == nil {
		t.Error("a record over the bound was taken")
	}
	if r, err := l.Read(first); err != nil || !same(r, sample(1)) {
		t.Errorf("the record before: %v", err)
	}
}

// FuzzScan opens any bytes as the log behind a good head.
func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	l, _ := open(f, config(dir))
	for i := range 3 {
		if _, err := l.Append(sample(i)); err != nil {
			f.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		f.Fatal(err)
	}
	head := data[:fileHead]
	f.Add(data[fileHead:])
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, body []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), append(bytes.Clone(head), body...), 0o600); err != nil {
			t.Fatal(err)
		}
		l, all := open(t, config(dir))
		for _, f := range all {
			if !same(f.rec, sample(int(f.rec.Version))) {
				t.Fatalf("record out of nothing: %+v", f.rec)
			}
		}
		if _, err := l.Append(sample(7)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		_, again := open(t, config(dir))
		if len(again) != len(all)+1 || !same(again[len(again)-1].rec, sample(7)) {
			t.Fatalf("%d records, then %d after an append", len(all), len(again))
		}
	})
}

// TestSlowDisk: while the log is made durable, it is appended to and read.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	l, _ := open(t, config(t.TempDir()))
	loc, err := l.Append(sample(1))
	if err != nil {
		t.Fatal(err)
	}
	slow, entered := make(chan struct{}), make(chan struct{}, 2)
	l.flush = func(*os.File) error {
		entered <- struct{}{}
		<-slow
		return nil
	}
	synced := make(chan error, 1)
	go func() { synced <- l.Sync() }()
	<-entered
	done := make(chan error, 1)
	go func() {
		_, err := l.Append(sample(2))
		if err == nil {
			_, err = l.Read(loc)
		}
		l.Drop(loc)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
		close(slow)
	case <-time.After(10 * time.Second):
		t.Error("an append waits for the disk")
		close(slow)
		<-done
	}
	if err := <-synced; err != nil {
		t.Error(err)
	}
	if err := l.Sync(); err != nil || len(entered) != 1 {
		t.Errorf("what was appended meanwhile was not made durable: %v", err)
	}
}

// TestCompactedWhileSyncing: the file that was to be made durable is gone.
func TestCompactedWhileSyncing(t *testing.T) {
	t.Parallel()
	l, _ := open(t, config(t.TempDir()))
	if _, err := l.Append(sample(1)); err != nil {
		t.Fatal(err)
	}
	l.flush = func(f *os.File) error {
		if err := l.Compact(); err != nil {
			t.Error(err)
		}
		return datasync(f)
	}
	if err := l.Sync(); err != nil {
		t.Error(err)
	}
}
