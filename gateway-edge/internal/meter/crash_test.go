package meter

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

func fileLength(t testing.TB, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// childVariable tells the test binary that it is the child to be killed, and
// where it counts.
const childVariable = "METER_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child counts requests for ever and says after each how many there were.
func child(dir string) {
	root, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	m, err := Open(Config{Dir: dir, Edge: "edge-a", Epoch: 1, Keys: &root.Edge, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	for i := 1; ; i++ {
		id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: uint64(i%5 + 1)}
		request(m, h, r, &id)
		fmt.Println(i)
	}
}

// TestSIGKILLLosesNothing (E02): a process is killed in the middle of counting;
// every request that it had finished is in its files.
func TestSIGKILLLosesNothing(t *testing.T) {
	t.Parallel()
	for _, stop := range []int{1, 100, 20_000} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				said = n
			}
			if said == stop {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		var billed uint64
		for _, c := range totals(t, dir) {
			billed += c.Billed
			if c.Billed > c.C2xx || c.Billed > c.Admitted {
				t.Errorf("%+v: more was billed than served", c)
			}
		}
		// One request may have been in flight, and one line may have been lost.
		if billed < uint64(said) || billed > uint64(said)+2 {
			t.Errorf("%d requests are in the files, the process said %d", billed, said)
		}
	}
}

// power makes a counter file and its journal, as they may be found after a power
// failure: of another boot, the mapping's pages old or missing.
func power(t *testing.T, damage func(main, journal []byte)) contract.Counts {
	t.Helper()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	m.counters.header.boot = [16]byte{9} // another boot
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	for range 10 {
		request(m, h, r, &id)
	}
	m.save()
	for range 5 { // since the last sync
		request(m, h, r, &id)
	}
	name := m.counters.files[0].path
	main, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(name + journalSuffix)
	if err != nil {
		t.Fatal(err)
	}
	damage(main, journal)
	for file, b := range map[string][]byte{name: main, name + journalSuffix: journal} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &parcel{}
	if err := scanFile(name, &cfg.Keys.BatchMAC, p); err != nil {
		t.Fatal(err)
	}
	if len(p.batches) == 0 {
		return contract.Counts{}
	}
	if len(p.batches) != 1 || len(p.batches[0].Counters) != 1 {
		t.Fatalf("found %+v", p.batches)
	}
	return p.batches[0].Counters[0].Counts
}

func TestPowerFailureKeepsWhatWasSynced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		want   uint64
		damage func(main, journal []byte)
	}{
		{"pages were written", 15, func(main, journal []byte) {}},
		{"record is missing", 10, func(main, journal []byte) { clear(main[headSize:]) }},
		{"identity is torn", 10, func(main, journal []byte) { main[headSize+30] ^= 1 }},
		{"counts are old", 10, func(main, journal []byte) { clear(main[headSize+64 : headSize+128]) }},
		{"journal is torn", 15, func(main, journal []byte) { journal[headSize+20] ^= 1 }},
		{"journal is another file's", 15, func(main, journal []byte) { journal[60] ^= 1 }},
		{"both are gone", 0, func(main, journal []byte) { clear(main[headSize:]); clear(journal[headSize:]) }},
	} {
		if got := power(t, c.damage); got.Billed != c.want {
			t.Errorf("%s: billed %d, want %d", c.name, got.Billed, c.want)
		}
	}
}

// TestPowerFailureBeforeAFileWasWritten: the power fails before the kernel has
// written anything of a counter file, its header neither. The journal has both.
func TestPowerFailureBeforeAFileWasWritten(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, main string){
		"nothing was written": func(t *testing.T, main string) { overwrite(t, main, make([]byte, fileSize)) },
		"its length neither":  func(t *testing.T, main string) { overwrite(t, main, nil) },
		"half of the header": func(t *testing.T, main string) {
			b := make([]byte, fileSize)
			copy(b, fileMagic)
			overwrite(t, main, b)
		},
		"it has its old name": func(t *testing.T, main string) {
			overwrite(t, main, make([]byte, fileSize))
			if err := os.Rename(main, filepath.Join(filepath.Dir(main), "spare-9"+filepath.Ext(main))); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t, newClock(noon))
			m := open(t, cfg)
			m.counters.header.boot, m.routes.header.boot = [16]byte{9}, [16]byte{9}
			h, r := &Hot{}, NewRoute(1, 2, 3, false)
			for range 10 {
				request(m, h, r, &contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9})
			}
			m.save()
			damage(t, m.counters.files[0].path)
			damage(t, m.routes.files[0].path)
			cfg.Epoch++
			next := open(t, cfg)
			var billed, answered uint64
			for _, f := range next.formers {
				for len(f.files) > 0 {
					batches, err := f.load(&cfg.Keys.BatchMAC)
					if err != nil {
						t.Fatal(err)
					}
					for _, b := range batches {
						for _, c := range b.Counters {
							billed += c.Counts.Billed
						}
						for _, s := range b.Statuses {
							answered += s.Count
						}
					}
					if err := markAcked(f.files[0]); err != nil {
						t.Error(err)
					}
					next.dropFormerFile(f)
				}
			}
			if billed != 10 || answered != 10 {
				t.Errorf("the next start finds %d billed and %d answers of the 10 that were synced", billed, answered)
			}
		})
	}
}

func overwrite(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestJournalOfThisBootIsIgnored(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	h := &Hot{}
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	ticket := m.Admit(h, &id)
	m.save() // the journal has it admitted
	m.Credit(ticket)
	for id, c := range totals(t, cfg.Dir) {
		if c.Admitted != 0 {
			t.Errorf("%+v: a credited request counts as admitted: %+v", id, c)
		}
	}
}

func TestFilesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	r := NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
	request(m, &r.Hot, r, &id)
	good, err := os.ReadFile(m.counters.files[0].path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    *[32]byte
		change func(b []byte) []byte
	}{
		"another edge secret": {&other.Edge.BatchMAC, func(b []byte) []byte { return b }},
		"edge id changed":     {&cfg.Keys.BatchMAC, func(b []byte) []byte { b[65] ^= 1; return recrc(b) }},
		"epoch changed":       {&cfg.Keys.BatchMAC, func(b []byte) []byte { b[16] ^= 1; return recrc(b) }},
		"torn header":         {&cfg.Keys.BatchMAC, func(b []byte) []byte { b[16] ^= 1; return b }},
		"newer format":        {&cfg.Keys.BatchMAC, func(b []byte) []byte { b[8] = 2; return recrc(b) }},
		"cut in the header":   {&cfg.Keys.BatchMAC, func(b []byte) []byte { return b[:100] }},
		"empty":               {&cfg.Keys.BatchMAC, func(b []byte) []byte { return nil }},
	} {
		file := filepath.Join(t.TempDir(), "f"+counterKind.ext)
		if err := os.WriteFile(file, c.change(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &parcel{}
		if err := scanFile(file, c.key, p); err == nil {
			t.Errorf("%s: the file was read", name)
		}
		if _, _, err := peek(file, c.key); err == nil {
			t.Errorf("%s: the header was read", name)
		}
	}
}

// recrc makes a header's checksum right again, as one who has no key can.
func recrc(b []byte) []byte {
	binary.NativeEndian.PutUint32(b[headFixed:], crcOf(b[:headFixed]))
	return b
}

// FuzzScan gives the scanner of counter files and journals any bytes behind a
// good header: it must not fail but for its own errors, and never give a record
// whose identity does not check.
func FuzzScan(f *testing.F) {
	keys := testKeys(f)
	for _, size := range []uint32{counterSize, routeSize, 77} {
		head := make([]byte, headSize)
		h := header{edge: "e", epoch: 1, hour: 5, size: size}
		h.put(head, &keys.BatchMAC)
		rec := make([]byte, 2*routeSize)
		putCounterID(rec, contract.CounterID{Organization: 1, Gateway: 2, Hour: 5})
		f.Add(size, rec, rec[:counterSize])
		rec = make([]byte, 2*routeSize)
		putRouteID(rec, routeID{1, 2, 3, 5})
		f.Add(size, rec[:routeSize], rec)
	}
	f.Fuzz(func(t *testing.T, size uint32, records, journal []byte) {
		h := header{edge: "e", epoch: 1, hour: 5, size: size}
		file := func(records []byte) []byte {
			b := make([]byte, headSize, headSize+len(records))
			h.put(b, &keys.BatchMAC)
			return append(b, records...)
		}
		got, err := readHeader(file(records), &keys.BatchMAC)
		if err != nil || got != h {
			t.Fatalf("header %+v, %v", got, err)
		}
		p := &parcel{}
		merged := mergeJournal(file(records), file(journal), h, &keys.BatchMAC)
		if err := scan(merged, h, p); err != nil && err != errSize {
			t.Fatal(err)
		}
		for _, b := range p.batches {
			if len(b.Counters) > batchCounters || len(b.Latency) > batchRoutes {
				t.Errorf("batch of %d counters, %d routes", len(b.Counters), len(b.Latency))
			}
		}
	})
}

// FuzzHeader gives the header's reader any bytes.
func FuzzHeader(f *testing.F) {
	keys := testKeys(f)
	head := make([]byte, headSize)
	h := header{edge: "edge-a", epoch: 1, hour: 5, size: counterSize}
	h.put(head, &keys.BatchMAC)
	f.Add(head)
	f.Add(head[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readHeader(b, &keys.BatchMAC)
		if err == nil && got != h {
			t.Errorf("read %+v from %x", got, b[:headMAC+16])
		}
	})
}
