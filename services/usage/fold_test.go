package usage

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	b := func(seq uint64, sealed uint32, complete bool) Batch {
		return Batch{Batch: contract.Batch{Seq: seq, Sealed: sealed, Complete: complete}}
	}
	for _, c := range []struct {
		name   string
		in     [][]Batch
		acked  uint64
		sealed uint32
	}{
		{"in order", [][]Batch{{b(1, 5, false)}, {b(2, 6, false)}}, 2, 6},
		{"one gap", [][]Batch{{b(1, 5, false), b(3, 7, false)}}, 1, 5},
		{"gap filled", [][]Batch{{b(3, 7, false)}, {b(1, 5, false)}, {b(2, 6, false)}}, 3, 6},
		{"repeated", [][]Batch{{b(1, 5, false)}, {b(1, 5, false)}, {b(2, 5, false), b(1, 5, false)}}, 2, 5},
		{"complete jumps", [][]Batch{{b(1, 5, false)}, {b(9, 8, true)}}, 9, 8},
		{"what follows a complete one early", [][]Batch{{b(10, 8, false)}, {b(9, 8, true)}}, 10, 8},
		{"old complete", [][]Batch{{b(5, 5, true)}, {b(3, 9, true)}}, 5, 9},
		{"a seal beyond a gap waits", [][]Batch{{b(4, 9, false)}}, 0, 0},
		{"far ahead is forgotten", [][]Batch{{b(100, 9, false)}, {b(1, 1, false)}}, 1, 1},
		{"a jump past all", [][]Batch{{b(2, 1, false), b(1<<40, 3, true)}}, 1 << 40, 3},
	} {
		var p Progress
		for _, batches := range c.in {
			p.Apply(batches)
		}
		if p.Acked != c.acked || p.Sealed != c.sealed {
			t.Errorf("%s: acked %d, sealed %d; want %d, %d", c.name, p.Acked, p.Sealed, c.acked, c.sealed)
		}
	}
}

// TestProgressNeverClaimsWhatIsMissing: whatever the order, loss and repetition,
// the acknowledgement covers only batches that were applied, or that a complete
// one made superfluous.
func TestProgressNeverClaimsWhatIsMissing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var p Progress
		applied := map[uint64]bool{}
		base := uint64(0)
		for range 200 {
			var batches []Batch
			for range rng.IntN(4) {
				seq := rng.Uint64N(150) + 1
				b := Batch{Batch: contract.Batch{Seq: seq, Complete: rng.IntN(40) == 0}}
				batches = append(batches, b)
				applied[seq] = true
				if b.Complete {
					base = max(base, seq)
				}
			}
			was := p.Acked
			p.Apply(batches)
			if p.Acked < was {
				t.Fatalf("seed %d: acknowledgement fell from %d to %d", seed, was, p.Acked)
			}
			for s := base + 1; s <= p.Acked; s++ {
				if !applied[s] {
					t.Fatalf("seed %d: %d is acknowledged, %d was never applied", seed, p.Acked, s)
				}
			}
		}
	}
}

func TestFoldKeepsTheGreaterAndTheMinutes(t *testing.T) {
	t.Parallel()
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Hour: 4}
	b := func(seq uint64, at int64, billed, admitted uint64) Batch {
		return Batch{Arrived: at, Batch: contract.Batch{
			Edge: "e", Epoch: 1, Seq: seq, Counters: []contract.Counter{{ID: id, Counts: contract.Counts{Billed: billed, Admitted: admitted}}},
			Statuses: []contract.StatusCount{{Gateway: 2, Route: 3, Hour: 4, Status: 200, Count: billed}},
			Latency:  []contract.Latency{{Gateway: 2, Route: 3, Hour: 4, Edge: [contract.LatencyBuckets]uint32{uint32(billed)}}},
		}}
	}
	rounds := Fold([]Batch{b(2, 61_000, 7, 9), b(1, 10_000, 5, 8), b(3, 62_000, 6, 4)})
	if len(rounds) != 2 || rounds[0].Minute != 0 || rounds[1].Minute != 1 {
		t.Fatalf("rounds %+v", rounds)
	}
	c := rounds[1].Counters
	if len(c) != 1 || c[0].Counts.Billed != 7 || c[0].Counts.Admitted != 4 || c[0].Seq != 3 {
		t.Errorf("second round: %+v", c)
	}
	if s := rounds[1].Statuses; len(s) != 1 || s[0].Count != 7 {
		t.Errorf("status codes %+v", s)
	}
	if l := rounds[1].Latencies; len(l) != 1 || l[0].Edge[0] != 7 {
		t.Errorf("latencies %+v", l)
	}
}

func TestCheckRefusesWhatTheLedgerCantHold(t *testing.T) {
	t.Parallel()
	good := func() *Batch {
		return &Batch{Batch: contract.Batch{Edge: "e", Epoch: 1, Counters: []contract.Counter{{}}, Statuses: []contract.StatusCount{{}}, Latency: []contract.Latency{{}}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	bad := map[string]func(*Batch){
		"edge":   func(b *Batch) { b.Edge = "" },
		"epoch":  func(b *Batch) { b.Epoch = 1 << 63 },
		"seq":    func(b *Batch) { b.Seq = math.MaxUint64 },
		"key":    func(b *Batch) { b.Counters[0].ID.Key = 1 << 63 },
		"billed": func(b *Batch) { b.Counters[0].Counts.Billed = 1 << 54 },
		"count":  func(b *Batch) { b.Statuses[0].Count = math.MaxUint64 },
		"route":  func(b *Batch) { b.Latency[0].Route = 1 << 63 },
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		b := good()
		bad[name](b)
		if b.Check() == nil {
			t.Errorf("%s out of range was taken", name)
		}
	}
}

func TestPercentilesAreWithinTheirBucket(t *testing.T) {
	t.Parallel()
	var h Histogram
	if h.Percentiles() != nil {
		t.Error("an empty histogram has percentiles")
	}
	// The edge's bucket of 1 ms, by its own formula: 1000>>4 = 62, e = 3.
	h[3*4+7] = 90
	h[80] = 10
	p := h.Percentiles()
	if p.P50 < 0.88 || p.P50 > 1.03 {
		t.Errorf("p50 is %v ms, want about 1", p.P50)
	}
	if p.P95 <= p.P50 || p.P99 < p.P95 {
		t.Errorf("percentiles are out of order: %+v", p)
	}
	last := 0.0
	for i := range contract.LatencyBuckets {
		from, to := bucketBounds(i)
		if from != last || to <= from {
			t.Fatalf("bucket %d is %v to %v after %v", i, from, to, last)
		}
		last = to
		if i >= 4 && (to-from)/from > 0.2501 {
			t.Errorf("bucket %d is %v wide", i, fmt.Sprint((to-from)/from))
		}
	}
}
