package usage

import (
	"math"

	"github.com/tollgate/tollgate/services/contract"
)

// Histogram is a merged histogram: contract.LatencyBuckets log-linear buckets,
// four an octave from 16 µs.
type Histogram [contract.LatencyBuckets]uint64

// Add merges another histogram into h.
func (h *Histogram) Add(o *Histogram) {
	for i := range h {
		h[i] += o[i]
	}
}

// Percentiles are nil for an empty histogram.
func (h *Histogram) Percentiles() *Percentiles {
	var n uint64
	for _, v := range h {
		n += v
	}
	if n == 0 {
		return nil
	}
	return &Percentiles{P50: h.quantile(n, 0.50), P95: h.quantile(n, 0.95), P99: h.quantile(n, 0.99)}
}

// quantile is the q-quantile of n values in milliseconds: interpolated within
// its bucket.
func (h *Histogram) quantile(n uint64, q float64) float64 {
	rank := q * float64(n)
	below := 0.0
	for i, v := range h {
		if v == 0 {
			continue
		}
		if below+float64(v) >= rank {
			from, to := bucketBounds(i)
			ms := (from + (to-from)*(rank-below)/float64(v)) / 1000
			return math.Round(ms*1000) / 1000
		}
		below += float64(v)
	}
	from, _ := bucketBounds(contract.LatencyBuckets - 1)
	return from / 1000
}

// octave is how many buckets make one: their bounds double from one to the next.
const octave = 4

// Octaves is the histogram with the buckets of each octave in one: counts between
// bounds in seconds, the last above them all.
func (h *Histogram) Octaves() (bounds []float64, counts []uint64) {
	for i := 0; i < len(h); i += octave {
		n := uint64(0)
		for _, v := range h[i:min(i+octave, len(h))] {
			n += v
		}
		counts = append(counts, n)
		if i+octave < len(h) {
			_, to := bucketBounds(i + octave - 1)
			bounds = append(bounds, to/1e6)
		}
	}
	return bounds, counts
}

// bucketBounds are a bucket's lower and upper bound in microseconds. The last
// bucket is open; its upper bound is as far as its width would reach.
func bucketBounds(i int) (from, to float64) {
	if i < 4 {
		return float64(i) * 16, float64(i+1) * 16
	}
	// Bucket i holds v>>4 with e = i/4 - 1 and the two bits below the first.
	e := i/4 - 1
	base := uint64(4+i%4) << e
	return float64(base) * 16, float64(base+1<<e) * 16
}
