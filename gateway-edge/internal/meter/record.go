package meter

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// counterRecord is one counter as it stands in the mapped file. The first cache
// line holds the identity, written once, and what refusals touch; the second
// what a served request touches. state is stored last: a record without it was
// never handed out.
type counterRecord struct {
	state                                  atomic.Uint32
	crc                                    uint32 // CRC-32C of the identity
	organization, gateway, route, consumer uint64
	key                                    uint64
	plan, hour                             uint32
	refused                                atomic.Uint64

	admitted, billed  atomic.Uint64
	c2xx, c3xx        atomic.Uint64
	c4xx, c5xx        atomic.Uint64
	bytesIn, bytesOut atomic.Uint64
}

// routeRecord is the latency and the status codes of one route in one hour.
// Pair statusOther collects the codes that found no free pair.
type routeRecord struct {
	state                        atomic.Uint32
	crc                          uint32
	organization, gateway, route uint64
	hour                         uint32
	_                            [28]byte // to the end of the line
	codes                        [statusPairs]atomic.Uint32
	counts                       [statusPairs]atomic.Uint64
	edge, upstream               [contract.LatencyBuckets]atomic.Uint32
}

// Exact status codes kept for a route and hour; the last pair counts the rest,
// and is shipped as status 0.
const (
	statusPairs = 16
	statusOther = statusPairs - 1
)

// Sizes of the records in the file, and where their identities lie.
const (
	counterSize  = 128
	counterIDEnd = 56
	routeSize    = 1024
	routeIDEnd   = 40
	idStart      = 8
)

// The layout is a file format: it must not move.
var (
	_ [counterSize]struct{} = [unsafe.Sizeof(counterRecord{})]struct{}{}
	_ [routeSize]struct{}   = [unsafe.Sizeof(routeRecord{})]struct{}{}
	_ [56]struct{}          = [unsafe.Offsetof(counterRecord{}.refused)]struct{}{}
	_ [64]struct{}          = [unsafe.Offsetof(routeRecord{}.codes)]struct{}{}
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// class is the counter of a status class.
func (r *counterRecord) class(status int) *atomic.Uint64 {
	switch {
	case status < 300:
		return &r.c2xx
	case status < 400:
		return &r.c3xx
	case status < 500:
		return &r.c4xx
	}
	return &r.c5xx
}

// counts reads the totals.
func (r *counterRecord) totals() contract.Counts {
	return contract.Counts{
		Admitted: r.admitted.Load(), Billed: r.billed.Load(),
		C2xx: r.c2xx.Load(), C3xx: r.c3xx.Load(), C4xx: r.c4xx.Load(), C5xx: r.c5xx.Load(),
		Refused: r.refused.Load(), BytesIn: r.bytesIn.Load(), BytesOut: r.bytesOut.Load(),
	}
}

// status counts one exact status code. A free pair is claimed by compare and
// swap; a route rarely has more than a few codes, found in the first steps.
func (r *routeRecord) status(code int) {
	c := uint32(code)
	for i := range statusOther {
		have := r.codes[i].Load()
		if have == 0 {
			if r.codes[i].CompareAndSwap(0, c) {
				have = c
			} else {
				have = r.codes[i].Load()
			}
		}
		if have == c {
			r.counts[i].Add(1)
			return
		}
	}
	r.counts[statusOther].Add(1)
}

// Bucket is the histogram bucket of a duration in microseconds: log-linear, four
// an octave from 16 µs (bucket 0 holds 0 to 15 µs), so a bucket is at most 12 %
// off its middle; the last one holds everything from 111 s on.
func Bucket(micros uint64) int {
	v := micros >> 4
	if v < 4 {
		return int(v)
	}
	e := bits.Len64(v) - 3
	return min(e*4+int(v>>e), contract.LatencyBuckets-1)
}

// putCounterID writes a counter's identity into record memory, the state last.
func putCounterID(b []byte, id contract.CounterID) {
	ne := binary.NativeEndian
	ne.PutUint64(b[8:], id.Organization)
	ne.PutUint64(b[16:], id.Gateway)
	ne.PutUint64(b[24:], id.Route)
	ne.PutUint64(b[32:], id.Consumer)
	ne.PutUint64(b[40:], id.Key)
	ne.PutUint32(b[48:], id.Plan)
	ne.PutUint32(b[52:], id.Hour)
	seal(b, counterIDEnd)
}

func getCounterID(b []byte) contract.CounterID {
	ne := binary.NativeEndian
	return contract.CounterID{
		Organization: ne.Uint64(b[8:]), Gateway: ne.Uint64(b[16:]), Route: ne.Uint64(b[24:]),
		Consumer: ne.Uint64(b[32:]), Key: ne.Uint64(b[40:]), Plan: ne.Uint32(b[48:]), Hour: ne.Uint32(b[52:]),
	}
}

// routeID is the identity of a routeRecord.
type routeID struct {
	organization, gateway, route uint64
	hour                         uint32
}

func putRouteID(b []byte, id routeID) {
	ne := binary.NativeEndian
	ne.PutUint64(b[8:], id.organization)
	ne.PutUint64(b[16:], id.gateway)
	ne.PutUint64(b[24:], id.route)
	ne.PutUint32(b[32:], id.hour)
	seal(b, routeIDEnd)
}

func getRouteID(b []byte) routeID {
	ne := binary.NativeEndian
	return routeID{ne.Uint64(b[8:]), ne.Uint64(b[16:]), ne.Uint64(b[24:]), ne.Uint32(b[32:])}
}

// seal writes the identity's checksum, then the state.
func seal(b []byte, idEnd int) {
	binary.NativeEndian.PutUint32(b[4:], crcOf(b[idStart:idEnd]))
	failpoint.Hit(failpoint.EdgeSlotDirAppend)
	(*atomic.Uint32)(unsafe.Pointer(&b[0])).Store(1)
}

// valid reports whether a record was finished and its identity is whole.
func valid(b []byte, idEnd int) bool {
	ne := binary.NativeEndian
	return ne.Uint32(b) == 1 && ne.Uint32(b[4:]) == crcOf(b[idStart:idEnd])
}

// copyRecord copies a live record word by word with atomic loads, so that no
// counter in the copy is torn.
func copyRecord(dst, src []byte) {
	for i := 0; i < len(src); i += 8 {
		v := (*atomic.Uint64)(unsafe.Pointer(&src[i])).Load()
		binary.NativeEndian.PutUint64(dst[i:], v)
	}
}
