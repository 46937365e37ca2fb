package contract

import (
	"crypto/sha256"
	"encoding/binary"
)

// Dimensions that requests are split by beside their counters. The billed ledger
// knows nothing of them.
const (
	SplitTarget uint32 = 1 // Value is a TargetID: what a target answered
	SplitCode   uint32 = 2 // Value is a CodeID: what the edge itself answered
)

// SplitID is the identity of one split: one target, or one error code, of one
// route in one hour.
type SplitID struct {
	Organization uint64
	Gateway      uint64
	Route        uint64
	Value        uint64 // 0: what found no place of its own
	Hour         uint32
	Dim          uint32 // SplitTarget or SplitCode
}

// SplitCounts are the totals of a split since its epoch began; each only rises.
type SplitCounts struct {
	C2xx, C3xx, C4xx, C5xx uint64
	Failed                 uint64 // tries at a target that gave no answer which was passed on
	BytesIn, BytesOut      uint64
}

// Split is one split's identity and totals.
type Split struct {
	ID       SplitID
	Counts   SplitCounts
	Upstream [LatencyBuckets]uint32 // a target's answers by the time it took
}

// TargetID is the numeric identity of an upstream's target: it outlives changes
// of its weight and its place in the list, and is another one for the same URL in
// another upstream. It is never 0.
func TargetID(upstream uint64, url string) uint64 {
	return splitValue(append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(url)), upstream), url...))
}

// CodeID is the numeric identity of an error code: of its name, since the order
// of codes changes from release to release. It is never 0.
func CodeID(c Code) uint64 {
	if c >= numCodes {
		c = CodeInternal
	}
	return codeIDs[c]
}

// CodeByID finds a code by its CodeID.
func CodeByID(id uint64) (Code, bool) {
	for i, have := range codeIDs {
		if have == id {
			return Code(i), true
		}
	}
	return 0, false
}

var codeIDs = func() (ids [numCodes]uint64) {
	for i := range ids {
		ids[i] = splitValue([]byte("code " + codes[i].Name))
	}
	return ids
}()

// splitValue is an odd number of 63 bits, as the database's integers hold, made
// of a name.
func splitValue(name []byte) uint64 {
	sum := sha256.Sum256(name)
	return binary.BigEndian.Uint64(sum[:8])>>1 | 1
}

// appendSplits writes the part of a batch that edges of the first release did
// not send: its magic says that it is there.
func appendSplits(w []byte, splits []Split) []byte {
	put := func(vs ...uint64) {
		for _, v := range vs {
			w = binary.AppendUvarint(w, v)
		}
	}
	put(uint64(len(splits)))
	for i := range splits {
		d, c := &splits[i].ID, &splits[i].Counts
		put(d.Organization, d.Gateway, d.Route, d.Value, uint64(d.Hour), uint64(d.Dim))
		put(c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Failed, c.BytesIn, c.BytesOut)
		w = appendBuckets(w, &splits[i].Upstream)
	}
	return w
}

func (r *reader) splits() (out []Split) {
	for range r.count(MaxBatchCounters) {
		var s Split
		d, c := &s.ID, &s.Counts
		d.Organization, d.Gateway, d.Route, d.Value, d.Hour, d.Dim = r.uint(), r.uint(), r.uint(), r.uint(), uint32(r.uint()), uint32(r.uint())
		c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Failed, c.BytesIn, c.BytesOut = r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint(), r.uint()
		r.buckets(&s.Upstream)
		out = append(out, s)
	}
	return out
}
