package meter

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// TestSplitsSumToTheirRoute counts from several goroutines against two versions
// of a route, and reads the files as a successor of a killed process would.
func TestSplitsSumToTheirRoute(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, newClock(noon))
	m := open(t, cfg)
	versions := []*Route{NewRoute(1, 2, 3, false), NewRoute(1, 2, 3, false)}
	const workers, rounds = 4, 3000
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				r, target := versions[i%2], uint64(100+i%7)
				id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: uint64(w + 1)}
				switch i % 3 {
				case 0:
					m.Refuse(&r.Hot, r, &id, contract.CodeRateLimited, 429)
				case 1:
					m.Failed(r, target)
					m.Refuse(&r.Hot, r, &id, contract.CodeUpstreamReset, 502)
				default:
					m.Commit(&r.Hot, r, &id, 200, true)
					m.Answered(r, target, 200)
					m.AnsweredDone(r, target, 5, 50, 1000)
				}
			}
		})
	}
	all.Wait()
	names, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*"+splitKind.ext))
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint32]contract.SplitCounts{}
	timed, targets := uint32(0), map[uint64]bool{}
	for _, name := range names {
		if _, _, err := peek(name, &testKeys(t).BatchMAC); err == errUnused {
			continue
		}
		p := &parcel{}
		if err := scanFile(name, &testKeys(t).BatchMAC, p); err != nil {
			t.Fatal(err)
		}
		for _, b := range p.batches {
			for _, s := range b.Splits {
				if targets[s.ID.Value] || s.ID.Route != 3 || s.ID.Hour != hourOf(noon) {
					t.Errorf("%+v is there twice, or not what was counted", s.ID)
				}
				targets[s.ID.Value] = true
				c := got[s.ID.Dim]
				c.C2xx, c.C4xx, c.C5xx, c.Failed = c.C2xx+s.Counts.C2xx, c.C4xx+s.Counts.C4xx, c.C5xx+s.Counts.C5xx, c.Failed+s.Counts.Failed
				c.BytesIn, c.BytesOut = c.BytesIn+s.Counts.BytesIn, c.BytesOut+s.Counts.BytesOut
				got[s.ID.Dim] = c
				timed += s.Upstream[Bucket(1000)]
			}
		}
	}
	const third = workers * rounds / 3
	if want := (contract.SplitCounts{C2xx: third, Failed: third, BytesIn: 5 * third, BytesOut: 50 * third}); got[contract.SplitTarget] != want {
		t.Errorf("targets %+v, want %+v", got[contract.SplitTarget], want)
	}
	if want := (contract.SplitCounts{C4xx: third, C5xx: third}); got[contract.SplitCode] != want {
		t.Errorf("codes %+v, want %+v", got[contract.SplitCode], want)
	}
	if timed != third || len(targets) != 9 {
		t.Errorf("%d times, %d values; want %d and 7 targets with 2 codes", timed, len(targets), third)
	}
}

// TestSplitsBeyondATable outgrows a route's table: nothing is lost or doubled.
func TestSplitsBeyondATable(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("nothing runs beside it, and with the race detector it takes minutes; the whole run has it")
	}
	m := open(t, testConfig(t, newClock(noon)))
	r := NewRoute(1, 2, 3, false)
	const n = tableMax/2 + 50
	for range 2 {
		for v := range uint64(n) {
			m.Answered(r, v+1, 200)
		}
	}
	sum := uint64(0)
	for _, f := range m.splits.list() {
		for i := range f.used.Load() {
			s := readSplit(f.record(i))
			if s.Counts.C2xx != 2 {
				t.Fatalf("%+v", s)
			}
			sum++
		}
	}
	if sum != n {
		t.Errorf("%d records, want %d", sum, n)
	}
}
