package ledger

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, epoch uint64, boot string, at time.Time) *Ledger {
	t.Helper()
	l, err := Open(Config{
		Dir: dir, Edge: "edge-a", Epoch: epoch, Boot: boot, Wall: func() time.Time { return at },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func identity(n int) *Identity {
	return &Identity{
		Counter: fmt.Sprintf("g1.quota0.k.k%d", n), Period: "m202611", Start: noon.Unix() - 1000, End: noon.Unix() + 1000,
		Filter: Filter{Organization: 1, Gateway: 2, Route: 3, Consumer: 4, Key: uint64(n), NoConsumer: true, Live: true},
	}
}

// TestSurvivesAKill: nothing is closed, as after SIGKILL; the next epoch finds
// every word.
func TestSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, 1, "boot", noon)
	for n := range 3000 { // more than one file
		s := l.Slot(identity(n))
		s.Granted.Store(int64(100 + n))
		s.Left.Store(40)
		s.Back.Store(10)
		s.Seq.Store(7)
	}
	if l.Slot(identity(5)).Granted.Load() != 105 {
		t.Error("the same identity is another slot")
	}
	next := open(t, dir, 2, "boot", noon)
	old := next.Old()
	if len(old) != 3000 {
		t.Fatalf("%d records", len(old))
	}
	for _, r := range old {
		if want := *identity(int(r.Filter.Key)); !reflect.DeepEqual(r.Identity, want) {
			t.Fatalf("identity %+v, want %+v", r.Identity, want)
		}
		if r.Epoch != 1 || r.Granted != int64(100+r.Filter.Key) || r.Left != 40 || r.Back != 10 || r.Seq != 7 || r.Spent() != r.Granted-50 || r.Settled || r.Since != noon.Unix() {
			t.Fatalf("record %+v", r)
		}
	}
	if got := next.SpentBefore("g1.quota0.k.k5", "m202611"); got != 55 {
		t.Errorf("spent before: %d", got)
	}
	if err := next.Settle(old[0]); err != nil {
		t.Fatal(err)
	}
	settled := 0
	for _, r := range open(t, dir, 3, "boot", noon).Old() {
		if r.Settled {
			settled++
		}
	}
	if settled != 1 {
		t.Errorf("%d records are settled", settled)
	}
}

// TestAfterPowerLoss: words that may be stale are not believed, unless the file
// was closed in order.
func TestAfterPowerLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		close bool
		boot  string
		spent int64
	}{
		{"same boot", false, "boot", 60},
		{"another boot", false, "other", 100},
		{"unknown boot", false, "", 100},
		{"another boot after a clean close", true, "other", 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			boot := "boot"
			l := open(t, dir, 1, boot, noon)
			s := l.Slot(identity(1))
			s.Granted.Store(100)
			s.Left.Store(40)
			if c.close {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if c.boot == "" { // a machine that does not tell
				rewrite(t, dir, func(h *header) { h.Boot = "" })
				c.boot = bootID()
			}
			old := open(t, dir, 2, c.boot, noon).Old()
			if len(old) != 1 || old[0].Spent() != c.spent {
				t.Errorf("%+v", old)
			}
		})
	}
}

func rewrite(t *testing.T, dir string, change func(*header)) {
	t.Helper()
	for _, path := range files(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := decodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		change(&h)
		head, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		copy(b, head)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestDamage: a flipped bit costs its record only, a foreign or broken file is
// set aside, and the edge starts all the same.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, 1, "boot", noon)
	for n := range 3 {
		l.Slot(identity(n)).Granted.Store(5)
	}
	path := files(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[headerSize+recordSize+textAt] ^= 1
	for name, content := range map[string][]byte{
		filepath.Base(path): b, "short.tgl": b[:100], "empty.tgl": nil, "noise.tgl": bytes.Repeat([]byte("x"), 8192),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := t.TempDir()
	foreign, err := Open(Config{Dir: other, Edge: "edge-b", Epoch: 1, Wall: func() time.Time { return noon }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	foreign.Slot(identity(9))
	fb, _ := os.ReadFile(files(t, other)[0])
	if err := os.WriteFile(filepath.Join(dir, "foreign.tgl"), fb, 0o600); err != nil {
		t.Fatal(err)
	}
	if old := open(t, dir, 2, "boot", noon).Old(); len(old) != 2 {
		t.Errorf("%d records", len(old))
	}
	bad, _ := filepath.Glob(filepath.Join(dir, "*.bad"))
	if len(bad) != 4 {
		t.Errorf("set aside: %q", bad)
	}
}

// TestSweep: records leave an hour after their period's end, files when they hold
// no others.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := noon
	l, err := Open(Config{Dir: dir, Edge: "edge-a", Epoch: 1, Wall: func() time.Time { return at }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * firstRecords {
		l.Slot(identity(n))
	}
	if n := len(files(t, dir)); n != 2 {
		t.Fatalf("%d files", n)
	}
	held := l.Slot(identity(0))
	at = noon.Add(1000*time.Second + 59*time.Minute)
	l.Sweep()
	if n := len(l.Slots()); n != 2*firstRecords {
		t.Fatalf("%d slots before their time", n)
	}
	at = noon.Add(1000*time.Second + 61*time.Minute)
	l.Sweep()
	if n, m := len(files(t, dir)), len(l.Slots()); n != 1 || m != 0 {
		t.Errorf("%d files, %d slots", n, m)
	}
	for range 3 {
		runtime.GC()
	}
	held.Left.Add(1) // a credit that comes very late finds its memory
	if held.Left.Load() != 1 {
		t.Error("the late credit was lost")
	}
	if old := open(t, dir, 2, "x", at).Old(); len(old) != 0 {
		t.Errorf("%d old records", len(old))
	}
	if n := len(files(t, dir)); n != 0 {
		t.Errorf("%d files of ended periods are left", n)
	}
}

// TestWithoutADisk: counting goes on in memory, and says so.
func TestWithoutADisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	l := open(t, dir, 1, "boot", noon)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s := l.Slot(identity(1))
	s.Left.Add(3)
	if s.Left.Load() != 3 || l.Degraded() == "" {
		t.Errorf("left %d, degraded %q", s.Left.Load(), l.Degraded())
	}
	long := identity(2)
	long.Counter = string(bytes.Repeat([]byte("c"), maxText+1))
	l.Slot(long).Left.Add(1)
	if l.Slot(long).Left.Load() != 1 {
		t.Error("a name that is too long has no slot")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestConcurrentSlots(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir(), 1, "boot", noon)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 500 {
				l.Slot(identity(n)).Left.Add(1)
			}
		})
	}
	wg.Wait()
	for n := range 500 {
		if got := l.Slot(identity(n)).Left.Load(); got != 4 {
			t.Fatalf("slot %d: %d", n, got)
		}
	}
}

func FuzzDecodeFile(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir, 3, "boot", noon)
	for n := range 3 {
		l.Slot(identity(n)).Granted.Store(9)
	}
	b, err := os.ReadFile(filepath.Join(dir, "3-1"+suffix))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:headerSize+4*recordSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, records, _, err := DecodeFile(b)
		if err != nil {
			return
		}
		for i := range records {
			r := &records[i]
			again := make([]byte, recordSize)
			if err := encodeIdentity(again, &r.Identity, r.Since); err != nil {
				t.Fatalf("%+v does not encode: %v", r.Identity, err)
			}
			if r.Spent() < 0 {
				t.Fatalf("spent %d", r.Spent())
			}
		}
	})
}
