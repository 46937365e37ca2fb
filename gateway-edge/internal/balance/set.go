package balance

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
)

// set is the targets that requests go to, at one moment. It is immutable.
type set struct {
	generation uint64
	// order has every usable target as often as its weight says, spread evenly.
	order     []uint16
	usable    []bool // by index of the target
	desperate bool   // all are down, and all are used
	code      contract.Code
}

// maxOrder bounds the length of order. Weights that need more are rounded to
// shares of it, which is exact to 1/4096.
const maxOrder = 4096

// current returns the set, making it anew when states have changed. Only one
// goroutine makes it; the others go on with the old one meanwhile.
func (u *Upstream) current() *set {
	s := u.set.Load()
	if s != nil && s.generation == u.group.generation.Load() {
		return s
	}
	if s == nil {
		u.mu.Lock()
	} else if !u.mu.TryLock() {
		return s
	}
	defer u.mu.Unlock()
	generation := u.group.generation.Load()
	if s = u.set.Load(); s != nil && s.generation == generation {
		return s
	}
	s = u.makeSet(generation)
	u.set.Store(s)
	return s
}

func (u *Upstream) makeSet(generation uint64) *set {
	s := &set{generation: generation, usable: make([]bool, len(u.targets))}
	found := false
	for i, t := range u.targets {
		s.usable[i] = t.Weight > 0 && t.state.usable.Load()
		found = found || s.usable[i]
	}
	if !found && !u.refuse && (u.Check == nil || u.group.everHealthy.Load()) {
		s.desperate = true
		for i, t := range u.targets {
			s.usable[i] = t.Weight > 0
		}
	}
	weights := make([]int, len(u.targets))
	for i, t := range u.targets {
		if s.usable[i] {
			weights[i] = t.Weight
		}
	}
	s.order = spread(weights)
	if len(s.order) == 0 {
		s.code = contract.CodeUpstreamUnavailable
	}
	return s
}

// lesser is the power of two choices: of two targets drawn by weight, the one
// with fewer requests in flight for its weight (Mitzenmacher, "The Power of Two
// Choices in Randomized Load Balancing"). Equal ones keep the first, so that at
// rest the shares are the weights.
func (s *set) lesser(u *Upstream) *Target {
	n := uint64(len(s.order))
	r := rand.Uint64()
	a := u.targets[s.order[(r>>32)%n]]
	b := a
	for i := range uint64(4) { // neighbours in the order are mostly different
		if b = u.targets[s.order[(r&(1<<32-1)+i)%n]]; b != a {
			break
		}
	}
	if b.Inflight()*int64(a.Weight) < a.Inflight()*int64(b.Weight) {
		return b
	}
	return a
}

// spread returns a list in which i stands weights[i] times (divided by what they
// have in common), in the order of nginx's smooth weighted round robin: each turn
// every target gains its weight, and the one that has most pays the sum. It takes
// up to maxOrder × MaxTargets steps, a millisecond, when a set is made.
func spread(weights []int) []uint16 {
	weights = reduce(weights)
	total := 0
	for _, w := range weights {
		total += w
	}
	have := make([]int, len(weights))
	out := make([]uint16, total)
	for k := range out {
		best := 0
		for i, w := range weights {
			have[i] += w
			if have[i] > have[best] {
				best = i
			}
		}
		have[best] -= total
		out[k] = uint16(best)
	}
	return out
}

// reduce divides weights by their greatest common divisor, and rounds them when
// their sum is still more than maxOrder. No weight becomes zero.
func reduce(in []int) []int {
	d, total := 0, 0
	for _, w := range in {
		for a, b := d, w; ; a, b = b, a%b {
			if b == 0 {
				d = a
				break
			}
		}
	}
	out := slices.Clone(in)
	if d == 0 {
		return out
	}
	for i := range out {
		out[i] /= d
		total += out[i]
	}
	if total <= maxOrder {
		return out
	}
	for i, w := range out {
		if w > 0 {
			out[i] = max(1, (w*maxOrder+total/2)/total)
		}
	}
	return out
}

func why(algorithm string, usable, all int, desperate bool, t *Target) string {
	text := algorithm + ": one of " + strconv.Itoa(usable) + " usable targets of " + strconv.Itoa(all)
	if desperate {
		text = algorithm + ": all " + strconv.Itoa(all) + " targets are down, all are tried"
	}
	return text + "; weight " + strconv.Itoa(t.Weight) + ", " + strconv.FormatInt(t.Inflight(), 10) + " in flight"
}
