package usage

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
)

// Writer is who counted: one edge's process.
type Writer struct {
	Edge        string
	Epoch       uint64
	Incarnation [16]byte
}

// Writer returns who sent the batch.
func (b *Batch) Writer() Writer { return Writer{b.Edge, b.Epoch, b.Incarnation} }

// ErrRange says that a batch holds a number that the ledger's 64-bit integers
// can't: no edge counts that far.
var ErrRange = errors.New("usage batch holds a number out of range")

// maxTotal leaves room for sums over many writers.
const maxTotal = math.MaxInt64 >> 10

// Check refuses a batch whose numbers the ledger can't hold.
func (b *Batch) Check() error {
	ok := b.Epoch <= math.MaxInt64 && b.Seq <= math.MaxInt64 && b.Edge != "" && b.Arrived >= 0
	for i := range b.Counters {
		id, c := &b.Counters[i].ID, &b.Counters[i].Counts
		ok = ok && max(id.Organization, id.Gateway, id.Route, id.Consumer, id.Key) <= math.MaxInt64 &&
			max(c.Admitted, c.Billed, c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Refused, c.BytesIn, c.BytesOut) <= maxTotal
	}
	for i := range b.Statuses {
		s := &b.Statuses[i]
		ok = ok && max(s.Organization, s.Gateway, s.Route) <= math.MaxInt64 && s.Count <= maxTotal
	}
	for i := range b.Latency {
		l := &b.Latency[i]
		ok = ok && max(l.Organization, l.Gateway, l.Route) <= math.MaxInt64
	}
	for i := range b.Splits {
		d, c := &b.Splits[i].ID, &b.Splits[i].Counts
		ok = ok && max(d.Organization, d.Gateway, d.Route, d.Value) <= math.MaxInt64 &&
			max(c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Failed, c.BytesIn, c.BytesOut) <= maxTotal
	}
	if !ok {
		return ErrRange
	}
	return nil
}

// Round is what arrived within one minute, merged to one total a counter.
type Round struct {
	Minute    int64 // Unix minutes
	Counters  []CounterTotal
	Statuses  []StatusTotal
	Latencies []LatencyTotal
	Splits    []SplitTotal
}

// CounterTotal is one writer's total of a counter, with the number of the batch
// that its Admitted is from.
type CounterTotal struct {
	Writer Writer
	Seq    uint64
	contract.Counter
}

// StatusTotal is one writer's total of a status code.
type StatusTotal struct {
	Writer Writer
	contract.StatusCount
}

// LatencyTotal is one writer's histogram.
type LatencyTotal struct {
	Writer Writer
	contract.Latency
}

// SplitTotal is one writer's total of a target or an error code.
type SplitTotal struct {
	Writer Writer
	contract.Split
}

type splitKey struct {
	w  Writer
	id contract.SplitID
}

type counterKey struct {
	w  Writer
	id contract.CounterID
}

type routeKey struct {
	w       Writer
	gateway uint64
	route   uint64
	hour    uint32
	status  uint16
}

// Fold merges batches into rounds, the earliest minute first.
func Fold(batches []Batch) []Round {
	byMinute := map[int64][]*Batch{}
	for i := range batches {
		m := batches[i].Arrived / 60_000
		byMinute[m] = append(byMinute[m], &batches[i])
	}
	rounds := make([]Round, 0, len(byMinute))
	for m, list := range byMinute {
		r := foldMinute(list)
		r.Minute = m
		rounds = append(rounds, r)
	}
	slices.SortFunc(rounds, func(a, b Round) int { return cmp.Compare(a.Minute, b.Minute) })
	return rounds
}

func foldMinute(list []*Batch) (r Round) {
	counters, statuses, latencies := map[counterKey]int{}, map[routeKey]int{}, map[routeKey]int{}
	splits := map[splitKey]int{}
	for _, b := range list {
		w := b.Writer()
		for _, c := range b.Counters {
			k := counterKey{w, c.ID}
			if i, ok := counters[k]; ok {
				r.Counters[i].merge(b.Seq, c.Counts)
				continue
			}
			counters[k] = len(r.Counters)
			r.Counters = append(r.Counters, CounterTotal{w, b.Seq, c})
		}
		for _, s := range b.Statuses {
			k := routeKey{w, s.Gateway, s.Route, s.Hour, s.Status}
			if i, ok := statuses[k]; ok {
				r.Statuses[i].Count = max(r.Statuses[i].Count, s.Count)
				continue
			}
			statuses[k] = len(r.Statuses)
			r.Statuses = append(r.Statuses, StatusTotal{w, s})
		}
		for _, l := range b.Latency {
			k := routeKey{w, l.Gateway, l.Route, l.Hour, 0}
			if i, ok := latencies[k]; ok {
				have := &r.Latencies[i]
				for n := range contract.LatencyBuckets {
					have.Edge[n] = max(have.Edge[n], l.Edge[n])
					have.Upstream[n] = max(have.Upstream[n], l.Upstream[n])
				}
				continue
			}
			latencies[k] = len(r.Latencies)
			r.Latencies = append(r.Latencies, LatencyTotal{w, l})
		}
		for _, s := range b.Splits {
			k := splitKey{w, s.ID}
			if i, ok := splits[k]; ok {
				r.Splits[i].merge(&s)
				continue
			}
			splits[k] = len(r.Splits)
			r.Splits = append(r.Splits, SplitTotal{w, s})
		}
	}
	return r
}

// merge takes the greater of each total; Admitted, from which credits are taken,
// comes from the later batch.
func (t *CounterTotal) merge(seq uint64, c contract.Counts) {
	have := &t.Counts
	if seq >= t.Seq {
		t.Seq, have.Admitted = seq, c.Admitted
	}
	have.Billed = max(have.Billed, c.Billed)
	have.C2xx, have.C3xx = max(have.C2xx, c.C2xx), max(have.C3xx, c.C3xx)
	have.C4xx, have.C5xx = max(have.C4xx, c.C4xx), max(have.C5xx, c.C5xx)
	have.Refused = max(have.Refused, c.Refused)
	have.BytesIn, have.BytesOut = max(have.BytesIn, c.BytesIn), max(have.BytesOut, c.BytesOut)
}

// merge takes the greater of each total.
func (t *SplitTotal) merge(s *contract.Split) {
	have, c := &t.Counts, &s.Counts
	have.C2xx, have.C3xx = max(have.C2xx, c.C2xx), max(have.C3xx, c.C3xx)
	have.C4xx, have.C5xx = max(have.C4xx, c.C4xx), max(have.C5xx, c.C5xx)
	have.Failed = max(have.Failed, c.Failed)
	have.BytesIn, have.BytesOut = max(have.BytesIn, c.BytesIn), max(have.BytesOut, c.BytesOut)
	for i := range t.Upstream {
		t.Upstream[i] = max(t.Upstream[i], s.Upstream[i])
	}
}

// aheadBits is how many batches after Acked are remembered when they are applied
// before their turn (several workers take from one stream).
const aheadBits = 63

// Progress is how far one writer's batches have been applied.
type Progress struct {
	Acked  uint64 // all up to it
	Ahead  uint64 // bit i: batch Acked+1+i too
	Sealed uint32 // hours before it don't change any more
}

// Apply records that a writer's batches were applied, in any order.
func (p *Progress) Apply(batches []Batch) {
	slices.SortStableFunc(batches, func(a, b Batch) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range batches {
		p.apply(batches[i].Seq, batches[i].Complete)
	}
	for i := range batches {
		// A seal holds once everything before it is there.
		if b := &batches[i]; b.Seq <= p.Acked {
			p.Sealed = max(p.Sealed, b.Sealed)
		}
	}
}

func (p *Progress) apply(seq uint64, complete bool) {
	if seq <= p.Acked {
		return
	}
	switch d := seq - p.Acked - 1; {
	case complete:
		p.shift(d + 1)
	case d < aheadBits:
		p.Ahead |= 1 << d
	}
	for p.Ahead&1 != 0 {
		p.shift(1)
	}
}

func (p *Progress) shift(n uint64) {
	p.Acked += n
	if n >= 64 {
		p.Ahead = 0
		return
	}
	p.Ahead >>= n
}
