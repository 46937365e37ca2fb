package balance

import (
	"cmp"
	"math/bits"
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
	hash   uint32
	target uint16
}

// Enough points that no target's share is far from the mean: with p points each a
// share varies by 1/√p of itself. They don't follow the number of targets, else
// every one that comes or goes would move the others' keys.
const (
	ringPoints = 4096 // of a target of the greatest weight
	manyPoints = 512  // where there are more targets than fewTargets
	fewTargets = 8
)

func newRing(targets []*Target, share []int) ring {
	most, n := 0, 0
	for _, w := range share {
		most = max(most, w)
		if w > 0 {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	per := ringPoints
	if n > fewTargets {
		per = manyPoints
	}
	unit := 1 << bits.Len(uint(most-1)) // changes only when the greatest weight doubles
	var r ring
	for i, t := range targets {
		points := 0
		if share[i] > 0 {
			points = max(1, share[i]*per/unit)
		}
		for k := range points {
			r = append(r, point{uint32(HashString(t.state.url+"#"+strconv.Itoa(k)) >> 32), uint16(i)})
		}
	}
	slices.SortFunc(r, func(a, b point) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.target, b.target)) })
	return r
}

// pick walks the ring from the call's hash on, past targets that are not usable or
// were tried, and past those without room, which a session waits for. For
// consistent_hash it also passes those that hold more than 1.25 times their share
// of the requests in flight (Mirrokni and others, "Consistent Hashing with Bounded
// Loads").
func (r ring) pick(u *Upstream, s *set, c *Call) *Target {
	var spare *Target
	bounded := u.algorithm == contract.ConsistentHash
	var load bound
	from, last := r.from(c.Hash), -1
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
		t := s.targets[k]
		if c.has(t) {
			continue
		}
		if !bounded || t.Inflight() == 0 || load.admits(s, k) {
			if u.enter(t, c) {
				return t
			}
			if c.sticky && c.full {
				return nil
			}
			continue
		}
		if spare == nil {
			spare = t
		}
	}
	if spare != nil && u.enter(spare, c) {
		return spare
	}
	return nil
}

// owner is the target that a session belongs to now.
func (r ring) owner(s *set, c *Call) *Target {
	from := r.from(c.Hash)
	for i := range r {
		p := r[(from+i)%len(r)]
		if t := s.targets[p.target]; s.usable[p.target] && !c.has(t) {
			return t
		}
	}
	return nil
}

// from is the place of the first point at or after a hash.
func (r ring) from(h Hash) int {
	from, _ := slices.BinarySearchFunc(r, uint32(h>>32), func(p point, h uint32) int { return cmp.Compare(p.hash, h) })
	return from
}

// bound computes how many requests a target may hold, once it is needed.
type bound struct {
	inflight, weight int64
	known            bool
}

func (b *bound) admits(s *set, k int) bool {
	if !b.known {
		b.known = true
		for i, x := range s.targets {
			if s.usable[i] {
				b.inflight += x.Inflight()
				b.weight += int64(s.share[i])
			}
		}
	}
	// inflight(t) + 1 <= ceil(1.25 × (inflight + 1) × weight share)
	return s.targets[k].Inflight()*4*b.weight < 5*(b.inflight+1)*int64(s.share[k])
}
