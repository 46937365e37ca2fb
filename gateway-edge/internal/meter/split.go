package meter

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tollgate/tollgate/services/contract"
)

// splitRecord is one target, or one error code, of one route in one hour. The
// billed ledger is made of counterRecords alone.
type splitRecord struct {
	state                               atomic.Uint32
	crc                                 uint32
	organization, gateway, route, value uint64
	hour, dim                           uint32
	_                                   [16]byte // to the end of the line
	c2xx, c3xx, c4xx, c5xx              atomic.Uint64
	failed, bytesIn, bytesOut           atomic.Uint64
	_                                   uint64
	upstream                            [contract.LatencyBuckets]atomic.Uint32
}

// Size of a splitRecord in the file, and where its identity ends.
const (
	splitSize  = 512
	splitIDEnd = 48
)

// The layout is a file format: it must not move.
var (
	_ [splitSize]struct{} = [unsafe.Sizeof(splitRecord{})]struct{}{}
	_ [64]struct{}        = [unsafe.Offsetof(splitRecord{}.c2xx)]struct{}{}
	_ [128]struct{}       = [unsafe.Offsetof(splitRecord{}.upstream)]struct{}{}
)

func putSplitID(b []byte, id contract.SplitID) {
	ne := binary.NativeEndian
	ne.PutUint64(b[8:], id.Organization)
	ne.PutUint64(b[16:], id.Gateway)
	ne.PutUint64(b[24:], id.Route)
	ne.PutUint64(b[32:], id.Value)
	ne.PutUint32(b[40:], id.Hour)
	ne.PutUint32(b[44:], id.Dim)
	seal(b, splitIDEnd)
}

func getSplitID(b []byte) contract.SplitID {
	ne := binary.NativeEndian
	return contract.SplitID{
		Organization: ne.Uint64(b[8:]), Gateway: ne.Uint64(b[16:]), Route: ne.Uint64(b[24:]),
		Value: ne.Uint64(b[32:]), Hour: ne.Uint32(b[40:]), Dim: ne.Uint32(b[44:]),
	}
}

var splitKind = kind[contract.SplitID]{
	ext: ".tgs", size: splitSize, idEnd: splitIDEnd,
	hourOf: func(k contract.SplitID) uint32 { return k.Hour },
	put:    putSplitID, get: getSplitID,
	coarse: func(k contract.SplitID) contract.SplitID {
		return contract.SplitID{Organization: k.Organization, Gateway: k.Gateway, Hour: k.Hour, Dim: k.Dim}
	},
}

func (f *file) split(n uint32) *splitRecord {
	return (*splitRecord)(unsafe.Pointer(&f.record(n)[0]))
}

// readSplit reads a record or a copy of one. The words of a live record are read
// atomically.
func readSplit(r []byte) contract.Split {
	var b [splitSize]byte
	copyRecord(b[:], r)
	u := func(i int) uint64 { return native64(b[64+8*i:]) }
	s := contract.Split{ID: getSplitID(b[:]), Counts: contract.SplitCounts{
		C2xx: u(0), C3xx: u(1), C4xx: u(2), C5xx: u(3), Failed: u(4), BytesIn: u(5), BytesOut: u(6),
	}}
	for i := range s.Upstream {
		s.Upstream[i] = binary.NativeEndian.Uint32(b[128+4*i:])
	}
	return s
}

// splits finds a route's split records without a lock: a table that is replaced
// whole when a new one comes, as Hot's is.
type splits struct {
	table atomic.Pointer[splitTable]
	mu    sync.Mutex // guards the replacement of table
}

// splitTable is an immutable open-addressing table, at most half full.
type splitTable struct {
	hour  uint32
	used  int
	slots []splitSlot
}

// splitSlot is one record as the hot path sees it. The zero slot is empty.
type splitSlot struct {
	value uint64
	dim   uint32
	bit   uint32
	rec   *splitRecord
	dirty *atomic.Uint32
}

func (s *splitSlot) mark() {
	if s.dirty.Load()&s.bit == 0 {
		s.dirty.Or(s.bit)
	}
}

// find returns a slot, or nil. Values are hashes whose last bit is set: the bits
// above it spread well enough.
func (t *splitTable) find(dim uint32, value uint64) *splitSlot {
	mask := len(t.slots) - 1
	for i := int(value>>1) & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.rec == nil || s.value == value && s.dim == dim {
			if s.rec == nil {
				return nil
			}
			return s
		}
	}
}

func (t *splitTable) put(s splitSlot) {
	mask := len(t.slots) - 1
	i := int(s.value>>1) & mask
	for t.slots[i].rec != nil {
		i = (i + 1) & mask
	}
	t.slots[i] = s
	t.used++
}

// with returns a table that also holds s.
func (t *splitTable) with(hour uint32, s splitSlot) *splitTable {
	n := &splitTable{hour: hour, slots: make([]splitSlot, tableMin)}
	if t != nil && t.hour == hour && t.used < tableMax/2 {
		size := len(t.slots)
		if 2*(t.used+1) > size {
			size *= 2
		}
		n.slots = make([]splitSlot, size)
		for i := range t.slots {
			if t.slots[i].rec != nil {
				n.put(t.slots[i])
			}
		}
	}
	n.put(s)
	return n
}

// split returns the record of a route's target or code in the present hour.
func (m *Meter) split(r *Route, dim uint32, value uint64) *splitSlot {
	hour := m.hour.Load()
	if t := r.splits.table.Load(); t != nil && t.hour == hour {
		if s := t.find(dim, value); s != nil {
			return s
		}
	}
	return m.splitSlow(r, dim, value, hour)
}

func (m *Meter) splitSlow(r *Route, dim uint32, value uint64, hour uint32) *splitSlot {
	r.splits.mu.Lock()
	defer r.splits.mu.Unlock()
	t := r.splits.table.Load()
	if t != nil && t.hour == hour {
		if s := t.find(dim, value); s != nil {
			return s
		}
	}
	pl := m.splits.open(contract.SplitID{
		Organization: r.organization, Gateway: r.gateway, Route: r.route, Value: value, Hour: hour, Dim: dim,
	})
	s := splitSlot{value: value, dim: dim, rec: pl.file.split(pl.n)}
	s.dirty, s.bit = pl.file.bit(pl.n)
	n := t.with(hour, s)
	r.splits.table.Store(n)
	return n.find(dim, value)
}

func (s *splitSlot) status(status int) {
	switch {
	case status < 300:
		s.rec.c2xx.Add(1)
	case status < 400:
		s.rec.c3xx.Add(1)
	case status < 500:
		s.rec.c4xx.Add(1)
	default:
		s.rec.c5xx.Add(1)
	}
	s.mark()
}

// Answered counts an answer that came from a target, at the moment Commit counts
// it. target is a contract.TargetID.
func (m *Meter) Answered(r *Route, target uint64, status int) {
	m.split(r, contract.SplitTarget, target).status(status)
}

// AnsweredDone adds what is known at the end of an exchange that a target
// answered: bytes on the client's side and the time it took, in microseconds.
func (m *Meter) AnsweredDone(r *Route, target uint64, in, out, upstreamMicros int64) {
	s := m.split(r, contract.SplitTarget, target)
	s.rec.bytesIn.Add(uint64(max(in, 0)))
	s.rec.bytesOut.Add(uint64(max(out, 0)))
	s.rec.upstream[Bucket(uint64(max(upstreamMicros, 0)))].Add(1)
	s.mark()
}

// Failed counts a try at a target whose answer was not passed on, or that gave
// none.
func (m *Meter) Failed(r *Route, target uint64) {
	s := m.split(r, contract.SplitTarget, target)
	s.rec.failed.Add(1)
	s.mark()
}

// refused counts an error that the edge itself answered with.
func (m *Meter) refused(r *Route, code contract.Code, status int) {
	m.split(r, contract.SplitCode, contract.CodeID(code)).status(status)
}
