package balance

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
)

// ring is a consistent hash: every target with a weight stands on it many times,
// and a hash belongs to the first point at or after it. Taking a target away moves
// only what belonged to it. It is built from the configuration alone, the same on
// every edge; targets that are down are passed over.
type ring []point

type point struct {
	hash   uint64
	target uint16
}

const (
	pointsPerTarget = 160
	maxPoints       = 1 << 15
)

func newRing(targets []*Target) ring {
	sum, n := 0, 0
	for _, t := range targets {
		if t.Weight > 0 {
			sum += t.Weight
			n++
		}
	}
	if n == 0 {
		return nil
	}
	per := min(pointsPerTarget, maxPoints/n)
	var r ring
	for i, t := range targets {
		points := 0
		if t.Weight > 0 {
			points = max(1, (t.Weight*n*per+sum/2)/sum)
		}
		for k := range points {
			r = append(r, point{uint64(HashString(t.URL.String() + "#" + strconv.Itoa(k))), uint16(i)})
		}
	}
	slices.SortFunc(r, func(a, b point) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.target, b.target)) })
	return r
}

// pick walks the ring from h on, past targets that are not usable or were tried
// and, for consistent_hash, past those that hold more than 1.25 times their share
// of the requests in flight (Mirrokni and others, "Consistent Hashing with Bounded
// Loads").
func (r ring) pick(u *Upstream, s *set, h Hash, tried *Tried) *Target {
	from, _ := slices.BinarySearchFunc(r, uint64(h), func(p point, h uint64) int { return cmp.Compare(p.hash, h) })
	var spare *Target
	bounded := u.algorithm == contract.ConsistentHash
	var load bound
	last := -1
	for i := range r {
		j := from + i
		if j >= len(r) {
			j -= len(r)
		}
		k := int(r[j].target)
		if k == last || !s.usable[k] {
			continue
		}
		last = k
		t := u.targets[k]
		if tried.Has(t) {
			continue
		}
		if !bounded || t.Inflight() == 0 || load.admits(u, s, t) {
			return t
		}
		if spare == nil {
			spare = t
		}
	}
	return spare
}

// bound computes how many requests a target may hold, once it is needed.
type bound struct {
	inflight, weight int64
	known            bool
}

func (b *bound) admits(u *Upstream, s *set, t *Target) bool {
	if !b.known {
		b.known = true
		for i, x := range u.targets {
			if s.usable[i] {
				b.inflight += x.Inflight()
				b.weight += int64(x.Weight)
			}
		}
	}
	// inflight(t) + 1 <= ceil(1.25 × (inflight + 1) × weight share)
	return t.Inflight()*4*b.weight < 5*(b.inflight+1)*int64(t.Weight)
}
