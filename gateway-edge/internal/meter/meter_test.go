package meter

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// clock is a wall clock that tests set.
type clock struct{ at atomic.Int64 }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.set(t)
	return c
}

func (c *clock) set(t time.Time)         { c.at.Store(t.UnixNano()) }
func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

func testKeys(t testing.TB) *contract.EdgeKeys {
	t.Helper()
	r, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &r.Edge
}

func testConfig(t testing.TB, c *clock) Config {
	return Config{Logger: slog.New(slog.DiscardHandler), Dir: t.TempDir(), Edge: "edge-a", Epoch: 7, Incarnation: [16]byte{1, 2, 3, 4}, Keys: testKeys(t), Wall: c.now}
}

func open(t testing.TB, c Config) *Meter {
	t.Helper()
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// totals sums what the meter's files hold, as a successor would read them.
func totals(t testing.TB, dir string) map[contract.CounterID]contract.Counts {
	t.Helper()
	out := map[contract.CounterID]contract.Counts{}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*"+counterKind.ext))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, _, err := peek(name, &testKeys(t).BatchMAC); err == errUnused {
			continue
		}
		p := &parcel{}
		if err := scanFile(name, &testKeys(t).BatchMAC, p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, b := range p.batches {
			for _, c := range b.Counters {
				if _, twice := out[c.ID]; twice {
					t.Errorf("%+v has two records", c.ID)
				}
				out[c.ID] = c.Counts
			}
		}
	}
	return out
}

func TestCountsAreExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	routes := []*Route{NewRoute(1, 2, 10, false), NewRoute(1, 2, 11, false), NewRoute(1, 2, 12, true)}
	hots := make([]Hot, 5)
	const workers, rounds = 4, 3000
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				k, r := (i+w)%len(hots), routes[(i/2)%len(routes)]
				id := contract.CounterID{Organization: 1, Gateway: 2, Route: r.route, Consumer: 3, Key: uint64(k + 1), Plan: 4}
				ticket := m.Admit(&hots[k], &id)
				switch i % 5 {
				case 0:
					m.Credit(ticket)
					m.Refuse(&hots[k], r, &id, contract.CodeOverloaded, 503)
				case 1:
					m.Commit(&hots[k], r, &id, 404, true)
				default:
					m.Commit(&hots[k], r, &id, 200, true)
				}
				m.Done(&hots[k], r, &id, 10, 100, 50, 1000)
			}
		})
	}
	all.Wait()
	var sum contract.Counts
	for id, c := range totals(t, cfg.Dir) {
		if id.Hour != hourOf(noon) || id.Plan != 4 || id.Consumer != 3 {
			t.Errorf("identity %+v", id)
		}
		if id.Route == 12 && c.Billed != 0 {
			t.Errorf("a test gateway's route was billed: %+v", c)
		}
		if id.Route != 12 && c.Billed != c.C2xx+c.C4xx {
			t.Errorf("billed %d, want every response but the edge's own: %+v", c.Billed, c)
		}
		sum.Admitted += c.Admitted
		sum.C2xx += c.C2xx
		sum.C4xx += c.C4xx
		sum.C5xx += c.C5xx
		sum.Refused += c.Refused
		sum.BytesIn += c.BytesIn
		sum.BytesOut += c.BytesOut
	}
	const n = workers * rounds
	want := contract.Counts{Admitted: n * 4 / 5, C2xx: n * 3 / 5, C4xx: n / 5, C5xx: n / 5, Refused: n / 5, BytesIn: 10 * n, BytesOut: 100 * n}
	if sum != want {
		t.Errorf("totals %+v, want %+v", sum, want)
	}
}

func TestSeveralHotsShareOneCounter(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
	for range 5 {
		r := NewRoute(1, 2, 3, false) // a new version of the gateway
		m.Commit(&r.Hot, r, &id, 200, true)
		m.Done(&r.Hot, r, &id, 1, 2, 3, 4)
	}
	got := totals(t, cfg.Dir)
	id.Hour = hourOf(noon)
	if len(got) != 1 || got[id].Billed != 5 {
		t.Errorf("counters %+v, want one with 5 billed", got)
	}
	if s := m.Stats(); s.Slots != 2 {
		t.Errorf("%d records are in use, want a counter and a route", s.Slots)
	}
}

func TestEachResponseFallsIntoOneHour(t *testing.T) {
	t.Parallel()
	c := newClock(noon)
	cfg := testConfig(t, c)
	m := open(t, cfg)
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	ticket := m.Admit(h, &id)
	c.set(noon.Add(30 * time.Minute)) // the turn of the hour
	m.tick()
	m.Commit(h, r, &id, 200, true)
	second := m.Admit(h, &id)
	m.Credit(ticket) // goes back to the hour in which it was admitted
	c.set(noon.Add(29 * time.Minute))
	m.tick() // a clock set back does not reopen an hour
	m.Commit(h, r, &id, 200, true)
	m.Credit(second)
	got := totals(t, cfg.Dir)
	first, next := id, id
	first.Hour, next.Hour = hourOf(noon), hourOf(noon)+1
	if got[first].Admitted != 0 || got[first].Billed != 0 || got[next].Billed != 2 || got[next].Admitted != 0 {
		t.Errorf("counters %+v", got)
	}
}

func TestHourIsFoundAgainAfterTheClockWasSetBackFar(t *testing.T) {
	t.Parallel()
	c := newClock(noon)
	cfg := testConfig(t, c)
	m := open(t, cfg)
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	for _, d := range []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour, 0, 3 * time.Hour} {
		c.set(noon.Add(d))
		m.tick()
		m.Commit(h, r, &id, 200, true)
	}
	var billed uint64
	for _, n := range totals(t, cfg.Dir) { // fails when an identity has two records
		billed += n.Billed
	}
	if billed != 6 {
		t.Errorf("billed %d, want 6", billed)
	}
}

func TestFilesChainAndNothingIsLost(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	const counters = 70_000 // more than two files hold
	h := &Hot{}
	r := NewRoute(1, 2, 3, false)
	for i := range uint64(counters) {
		id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: i + 1}
		if i%8 == 0 {
			h = &Hot{} // one for each principal in life
		}
		m.Commit(h, r, &id, 200, true)
	}
	got := totals(t, cfg.Dir)
	if len(got) != counters {
		t.Fatalf("%d counters on disk, want %d", len(got), counters)
	}
	for id, c := range got {
		if c.Billed != 1 {
			t.Fatalf("%+v billed %d", id, c.Billed)
		}
	}
}

func TestFullDiskStillCounts(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	// The spare files are there; no other can be made from here on.
	if err := os.RemoveAll(m.counters.dir); err != nil {
		t.Fatal(err)
	}
	const counters = 40_000
	r := NewRoute(1, 2, 3, false)
	hots := make([]Hot, counters)
	for i := range hots {
		id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: uint64(i + 1)}
		m.Commit(&hots[i], r, &id, 200, true)
	}
	m.mu.Lock()
	m.harvest()
	p := m.pack(false)
	m.mu.Unlock()
	var billed uint64
	for _, b := range p.batches {
		for _, c := range b.Counters {
			billed += c.Counts.Billed
		}
	}
	if billed != counters {
		t.Errorf("billed %d, want %d", billed, counters)
	}
	if s := m.Stats(); s.Degraded == "" || s.Dropped != 0 {
		t.Errorf("stats %+v, want degraded and nothing dropped", s)
	}
}

func TestMemoryIsBoundedAndThenCoarse(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	if err := os.RemoveAll(m.counters.dir); err != nil {
		t.Fatal(err)
	}
	m.counters.memory = maxMemoryFiles - 1 // as if the others were full
	counters := 3 * (fileSize - headSize) / counterSize
	for i := range counters {
		m.counters.open(contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: uint64(i + 1), Hour: hourOf(noon)})
	}
	if s := m.Stats(); s.Dropped != 0 {
		t.Errorf("%d counters were dropped; a coarse one had room", s.Dropped)
	}
	coarse := contract.CounterID{Organization: 1, Gateway: 2, Hour: hourOf(noon)}
	if _, ok := m.counters.now.place[coarse]; !ok {
		t.Error("there is no coarse counter")
	}
	if n := len(m.counters.files); n != 2 {
		t.Errorf("%d files, want the spare and one of memory", n)
	}
}

func TestBucketsAreFineAndOrdered(t *testing.T) {
	t.Parallel()
	last := -1
	for us := uint64(0); us < 1<<28; us += 1 + us/64 {
		b := Bucket(us)
		if b < last || b >= contract.LatencyBuckets {
			t.Fatalf("%d µs is in bucket %d after %d", us, b, last)
		}
		last = b
	}
	if Bucket(1<<63) != contract.LatencyBuckets-1 || Bucket(0) != 0 || Bucket(16) != 1 {
		t.Error("bounds of the histogram moved")
	}
}

func TestStatusCodesOverflowIntoOther(t *testing.T) {
	t.Parallel()
	r := &routeRecord{}
	for code := 400; code < 430; code++ {
		r.status(code)
		r.status(code)
	}
	for i := range statusOther {
		if r.counts[i].Load() != 2 || r.codes[i].Load() != uint32(400+i) {
			t.Errorf("pair %d is %d × %d", i, r.codes[i].Load(), r.counts[i].Load())
		}
	}
	if n := r.counts[statusOther].Load(); n != 30 || r.codes[statusOther].Load() != 0 {
		t.Errorf("other is %d × %d, want 30", r.codes[statusOther].Load(), n)
	}
}
