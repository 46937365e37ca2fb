package balance

import (
	"math/rand/v2"

	"github.com/tollgate/tollgate/services/contract"
)

// scanned is how many targets the algorithms that compare all of them look at,
// from another one on each time: more would cost a cache miss each.
const scanned = 16

// random is a place in a set's order.
func (u *Upstream) random() uint64 { return rand.Uint64() >> 1 }

// choose picks one of the usable targets for the n-th request, whether it has room
// or not. The set is not empty.
func (u *Upstream) choose(s *set, n uint64) *Target {
	switch u.algorithm {
	case contract.LeastRequest:
		return s.least(u, n)
	case contract.LeastTime:
		return s.quickest(u, n)
	case contract.Random:
		return s.targets[s.order[rand.Uint64N(uint64(len(s.order)))]]
	case contract.RandomOfTwo:
		return s.ofTwo(u)
	}
	return s.targets[s.order[n%uint64(len(s.order))]]
}

// least is the target with the fewest requests in flight for its weight; the one
// whose turn it is where several have, so that at rest the shares are the weights.
func (s *set) least(u *Upstream, n uint64) *Target {
	best := s.order[n%uint64(len(s.order))]
	have := s.targets[best].Inflight()
	at := n % uint64(len(s.list))
	for range min(len(s.list), scanned) {
		i := s.list[at]
		if at++; at == uint64(len(s.list)) {
			at = 0
		}
		if k := s.targets[i].Inflight(); k*s.weight[best] < have*s.weight[i] {
			best, have = i, k
		}
	}
	return s.targets[best]
}

// quickest is the target that is expected to answer first, by its peak average and
// what it has in flight, for its weight.
func (s *set) quickest(u *Upstream, n uint64) *Target {
	now := u.group.now()
	best := s.order[n%uint64(len(s.order))]
	cost := s.cost(u, best, now)
	at := n % uint64(len(s.list))
	for range min(len(s.list), scanned) {
		i := s.list[at]
		if at++; at == uint64(len(s.list)) {
			at = 0
		}
		if i == best {
			continue
		}
		if c := s.cost(u, i, now); c < cost {
			best, cost = i, c
		}
	}
	return s.targets[best]
}

func (s *set) cost(u *Upstream, i uint16, now int64) float64 {
	t := s.targets[i]
	return t.state.peak.cost(now, t.Inflight()) / float64(s.weight[i])
}

// ofTwo is the power of two choices: of two targets drawn by weight, the one with
// fewer requests in flight for its weight (Mitzenmacher, "The Power of Two Choices
// in Randomized Load Balancing"). Equal ones keep the first, so that at rest the
// shares are the weights.
func (s *set) ofTwo(u *Upstream) *Target {
	n := uint64(len(s.order))
	r := rand.Uint64()
	a := s.order[(r>>32)%n]
	b := a
	for i := range uint64(4) { // neighbours in the order are mostly different
		if b = s.order[(r&(1<<32-1)+i)%n]; b != a {
			break
		}
	}
	if s.targets[b].Inflight()*s.weight[a] < s.targets[a].Inflight()*s.weight[b] {
		return s.targets[b]
	}
	return s.targets[a]
}
