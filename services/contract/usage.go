package contract

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

// CounterID is the identity of one usage counter: numeric ids only; names live
// in the database.
type CounterID struct {
	Organization uint64
	Gateway      uint64
	Route        uint64
	Consumer     uint64 // 0: none (public route)
	Key          uint64 // kid; 0: none
	Plan         uint32 // the organization's subscription plan
	Hour         uint32 // Unix seconds / 3600, at commit
}

// Counts are the totals of one counter since its epoch began; each only rises,
// but Admitted, which falls when a credit comes back.
type Counts struct {
	Admitted, Billed       uint64
	C2xx, C3xx, C4xx, C5xx uint64
	Refused                uint64 // answered by the edge itself
	BytesIn, BytesOut      uint64
}

// Counter is one counter's identity and totals.
type Counter struct {
	ID     CounterID
	Counts Counts
}

// LatencyBuckets is the number of buckets of a histogram: log-linear, four an
// octave from 16 µs, at most 12 % wide, merged by addition.
const LatencyBuckets = 96

// Latency is one route's latency in one hour, as totals.
type Latency struct {
	Organization, Gateway, Route uint64
	Hour                         uint32
	Edge, Upstream               [LatencyBuckets]uint32 // added by the edge; spent by the upstream
}

// StatusCount is the total of one exact status code of a route in an hour.
type StatusCount struct {
	Organization, Gateway, Route uint64
	Hour                         uint32
	Status                       uint16
	Count                        uint64
}

// Batch is what an edge ships each second: totals, never differences, so that a
// batch that comes twice, late or out of order changes nothing.
type Batch struct {
	Edge        string
	Incarnation [16]byte
	Epoch       uint64
	Seq         uint64 // rises by one with each batch of the epoch
	// Complete says that this batch and those after it hold every counter not yet
	// acknowledged, so that an acknowledgement may jump over lost batches to it.
	Complete bool
	Sealed   uint32 // hours before this one are closed at this edge
	Counters []Counter
	Latency  []Latency
	Statuses []StatusCount
	Splits   []Split
}

// Bounds of a batch.
const (
	MaxBatchCounters = 4096
	MaxBatchBytes    = 4 << 20
)

const (
	batchMagic  = "TGU1"
	splitsMagic = "TGU2" // with splits at the end
	batchMAC    = 32
)

// ErrBadBatch says that a batch is malformed or its MAC does not verify.
var ErrBadBatch = errors.New("usage batch is malformed or was tampered with")

// Encode writes the batch with a MAC that binds it to its edge and epoch.
func (b *Batch) Encode(keys *EdgeKeys) ([]byte, error) {
	if max(len(b.Counters), len(b.Latency), len(b.Splits)) > MaxBatchCounters || len(b.Statuses) > 4*MaxBatchCounters {
		return nil, fmt.Errorf("usage batch holds more than %d counters", MaxBatchCounters)
	}
	w := make([]byte, 0, 256+48*len(b.Counters))
	if len(b.Splits) > 0 {
		w = append(w, splitsMagic...)
	} else {
		w = append(w, batchMagic...)
	}
	w = binary.AppendUvarint(w, uint64(len(b.Edge)))
	w = append(w, b.Edge...)
	w = append(w, b.Incarnation[:]...)
	put := func(vs ...uint64) {
		for _, v := range vs {
			w = binary.AppendUvarint(w, v)
		}
	}
	put(b.Epoch, b.Seq, uint64(boolByte(b.Complete)), uint64(b.Sealed))
	put(uint64(len(b.Counters)))
	for i := range b.Counters {
		d, c := &b.Counters[i].ID, &b.Counters[i].Counts
		put(d.Organization, d.Gateway, d.Route, d.Consumer, d.Key, uint64(d.Plan), uint64(d.Hour))
		put(c.Admitted, c.Billed, c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Refused, c.BytesIn, c.BytesOut)
	}
	put(uint64(len(b.Latency)))
	for i := range b.Latency {
		l := &b.Latency[i]
		put(l.Organization, l.Gateway, l.Route, uint64(l.Hour))
		w = appendBuckets(w, &l.Edge)
		w = appendBuckets(w, &l.Upstream)
	}
	put(uint64(len(b.Statuses)))
	for i := range b.Statuses {
		s := &b.Statuses[i]
		put(s.Organization, s.Gateway, s.Route, uint64(s.Hour), uint64(s.Status), s.Count)
	}
	if len(b.Splits) > 0 {
		w = appendSplits(w, b.Splits)
	}
	if len(w) > MaxBatchBytes {
		return nil, fmt.Errorf("usage batch is %d bytes, at most %d are allowed", len(w), MaxBatchBytes)
	}
	m := mac(&keys.BatchMAC, "usage batch", w)
	return append(w, m[:]...), nil
}

// appendBuckets writes the buckets that are not zero as (index, count) pairs.
func appendBuckets(w []byte, b *[LatencyBuckets]uint32) []byte {
	n := uint64(0)
	for _, v := range b {
		if v != 0 {
			n++
		}
	}
	w = binary.AppendUvarint(w, n)
	for i, v := range b {
		if v != 0 {
			w = binary.AppendUvarint(w, uint64(i))
			w = binary.AppendUvarint(w, uint64(v))
		}
	}
	return w
}

// DecodeBatch checks the MAC and reads a batch.
func DecodeBatch(keys *EdgeKeys, p []byte) (*Batch, error) {
	if len(p) < len(batchMagic)+batchMAC || len(p) > MaxBatchBytes+batchMAC {
		return nil, ErrBadBatch
	}
	magic := string(p[:len(batchMagic)])
	if magic != batchMagic && magic != splitsMagic {
		return nil, ErrBadBatch
	}
	body, sum := p[:len(p)-batchMAC], p[len(p)-batchMAC:]
	if m := mac(&keys.BatchMAC, "usage batch", body); subtle.ConstantTimeCompare(m[:], sum) != 1 {
		return nil, ErrBadBatch
	}
	r := reader{b: body[4:]}
	b := &Batch{Edge: string(r.bytes(r.count(256)))}
	copy(b.Incarnation[:], r.bytes(16))
	b.Epoch, b.Seq, b.Complete, b.Sealed = r.uint(), r.uint(), r.uint() == 1, uint32(r.uint())
	for range r.count(MaxBatchCounters) {
		var c Counter
		d, n := &c.ID, &c.Counts
		d.Organization, d.Gateway, d.Route, d.Consumer, d.Key, d.Plan, d.Hour = r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), uint32(r.uint()), uint32(r.uint())
		n.Admitted, n.Billed, n.C2xx, n.C3xx, n.C4xx, n.C5xx, n.Refused, n.BytesIn, n.BytesOut = r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint()
		b.Counters = append(b.Counters, c)
	}
	for range r.count(MaxBatchCounters) {
		l := Latency{Organization: r.uint(), Gateway: r.uint(), Route: r.uint(), Hour: uint32(r.uint())}
		r.buckets(&l.Edge)
		r.buckets(&l.Upstream)
		b.Latency = append(b.Latency, l)
	}
	for range r.count(4 * MaxBatchCounters) {
		b.Statuses = append(b.Statuses, StatusCount{r.uint(), r.uint(), r.uint(), uint32(r.uint()), uint16(r.uint()), r.uint()})
	}
	if magic == splitsMagic {
		b.Splits = r.splits()
		r.bad = r.bad || len(b.Splits) == 0
	}
	if r.bad || len(r.b) != 0 {
		return nil, ErrBadBatch
	}
	return b, nil
}

// reader reads varints; after the first error everything is zero and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) count(most int) int {
	v := r.uint()
	if v > uint64(most) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(v)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) buckets(dst *[LatencyBuckets]uint32) {
	for range r.count(LatencyBuckets) {
		i, v := r.uint(), r.uint()
		if i >= LatencyBuckets {
			r.bad = true
			return
		}
		dst[i] = uint32(v)
	}
}
