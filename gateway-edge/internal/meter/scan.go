package meter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/tollgate/tollgate/services/contract"
)

func native64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func nativeBytes(v uint64) []byte { return binary.NativeEndian.AppendUint64(nil, v) }

// load reads the epoch's oldest file into batches; with no file left it makes
// the closing batch.
func (f *former) load(key *[32]byte) ([]contract.Batch, error) {
	if len(f.files) == 0 {
		return []contract.Batch{{}}, nil
	}
	p := &parcel{}
	if err := scanFile(f.files[0], key, p); err != nil {
		return nil, err
	}
	if len(p.batches) == 0 {
		p.batches = []contract.Batch{{}}
	}
	return p.batches, nil
}

// scanFile reads a file left behind by a former process. One of this boot is
// whole, whatever killed its writer. After a power failure pages may be missing
// or old, and the journal fills them: the greater value of each counter wins.
func scanFile(name string, key *[32]byte, p *parcel) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	h, err := readHeader(b, key)
	if err != nil {
		return err
	}
	if h.boot == [16]byte{} || h.boot != bootID() {
		j, err := os.ReadFile(name + journalSuffix)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("read journal: %w", err)
		default:
			b = mergeJournal(b, j, h, key)
		}
	}
	return scan(b, h, p)
}

// mergeJournal returns the file's bytes with the journal's greater counters and
// missing records. A journal of another file is ignored.
func mergeJournal(b, j []byte, h header, key *[32]byte) []byte {
	jh, err := readHeader(j, key)
	if err != nil || jh != h {
		return b
	}
	k := layoutOf(h.size)
	if k.size == 0 {
		return b
	}
	for o := headSize; o+k.size <= len(j); o += k.size {
		r := j[o : o+k.size]
		if !valid(r, k.idEnd) {
			continue
		}
		for o+k.size > len(b) {
			b = append(b, make([]byte, k.size)...)
		}
		if d := b[o : o+k.size]; !valid(d, k.idEnd) {
			copy(d, r)
		} else if string(d[idStart:k.idEnd]) == string(r[idStart:k.idEnd]) {
			k.merge(d, r)
		}
	}
	return b
}

// layout is how the records of one size are read without their type.
type layout struct {
	size, idEnd int
	merge       func(dst, src []byte)
}

func layoutOf(size uint32) layout {
	switch size {
	case counterSize:
		return layout{counterSize, counterIDEnd, func(d, s []byte) { greater64(d, s, counterIDEnd, counterSize) }}
	case routeSize:
		return layout{routeSize, routeIDEnd, func(d, s []byte) {
			greater32(d, s, 64, 128) // a code is claimed once: one side may lack it
			greater64(d, s, 128, 256)
			greater32(d, s, 256, routeSize)
		}}
	case splitSize:
		return layout{splitSize, splitIDEnd, func(d, s []byte) {
			greater64(d, s, 64, 128)
			greater32(d, s, 128, splitSize)
		}}
	}
	return layout{}
}

func greater64(d, s []byte, from, to int) {
	ne := binary.NativeEndian
	for i := from; i < to; i += 8 {
		ne.PutUint64(d[i:], max(ne.Uint64(d[i:]), ne.Uint64(s[i:])))
	}
}

func greater32(d, s []byte, from, to int) {
	ne := binary.NativeEndian
	for i := from; i < to; i += 4 {
		ne.PutUint32(d[i:], max(ne.Uint32(d[i:]), ne.Uint32(s[i:])))
	}
}

// errSize says that a file's records have a size that nobody wrote.
var errSize = errors.New("counter file: unknown record size")

// scan reads every finished record into the parcel. A record whose identity is
// torn is skipped: it can only be one that no request was counted in before the
// journal had it.
func scan(b []byte, h header, p *parcel) error {
	k := layoutOf(h.size)
	if k.size == 0 {
		return errSize
	}
	for o := headSize; o+k.size <= len(b); o += k.size {
		r := b[o : o+k.size]
		if !valid(r, k.idEnd) {
			continue
		}
		switch k.size {
		case counterSize:
			b := p.batch(func(b *contract.Batch) bool { return len(b.Counters) < batchCounters })
			b.Counters = append(b.Counters, contract.Counter{ID: getCounterID(r), Counts: readCounts(r)})
		case splitSize:
			b := p.batch(func(b *contract.Batch) bool { return len(b.Splits) < batchSplits })
			b.Splits = append(b.Splits, readSplit(r))
		default:
			b := p.batch(func(b *contract.Batch) bool { return len(b.Latency) < batchRoutes })
			readRoute(b, r)
		}
	}
	return nil
}

// readCounts reads the totals of a record's copy.
func readCounts(r []byte) contract.Counts {
	u := func(i int) uint64 { return native64(r[counterIDEnd+8*i:]) }
	return contract.Counts{
		Refused: u(0), Admitted: u(1), Billed: u(2),
		C2xx: u(3), C3xx: u(4), C4xx: u(5), C5xx: u(6), BytesIn: u(7), BytesOut: u(8),
	}
}

// readRoute reads a route record's copy.
func readRoute(b *contract.Batch, r []byte) {
	ne := binary.NativeEndian
	id := getRouteID(r)
	l := contract.Latency{Organization: id.organization, Gateway: id.gateway, Route: id.route, Hour: id.hour}
	for i := range contract.LatencyBuckets {
		l.Edge[i] = ne.Uint32(r[256+4*i:])
		l.Upstream[i] = ne.Uint32(r[256+4*contract.LatencyBuckets+4*i:])
	}
	b.Latency = append(b.Latency, l)
	for i := range statusPairs {
		if n := ne.Uint64(r[128+8*i:]); n != 0 {
			b.Statuses = append(b.Statuses, contract.StatusCount{
				Organization: id.organization, Gateway: id.gateway, Route: id.route, Hour: id.hour,
				Status: uint16(ne.Uint32(r[64+4*i:])), Count: n,
			})
		}
	}
}
