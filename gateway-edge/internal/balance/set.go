package balance

import (
	"slices"
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
)

// set is the targets that requests go to, at one moment. It is immutable.
type set struct {
	*fleet
	generation uint64
	// order has every usable target as often as its weight says, spread evenly.
	order     []uint16
	list      []uint16 // the usable targets, each once
	usable    []bool   // by index of the target
	weight    []int64  // by index: what each has of the load now
	desperate bool     // all are down, and all are used
	open      bool     // some target is left out for its breaker
	backup    bool     // those used are not of the first group
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
	f := u.fleet.Load()
	s := &set{fleet: f, generation: generation, usable: make([]bool, len(f.targets)), weight: make([]int64, len(f.targets))}
	if !s.fill() && !u.refuse && (u.Check == nil || u.group.everHealthy.Load()) {
		for i, t := range s.targets {
			if t.Weight > 0 && !t.state.breaker.is(breakerOpen) {
				s.desperate = s.desperate || !t.inService()
				s.usable[i] = true
			}
		}
	}
	weights := make([]int, len(s.targets))
	for i, t := range s.targets {
		if s.usable[i] {
			s.list = append(s.list, uint16(i))
			weights[i] = s.share[i] * int(t.state.ramp.Load())
			s.weight[i] = int64(weights[i])
		}
	}
	s.order = spread(weights)
	if len(s.order) == 0 {
		s.code = contract.CodeUpstreamUnavailable
		if s.open {
			s.code = contract.CodeCircuitOpen
		}
	}
	return s
}

// fill marks the targets of the first group in which one is in service. Half-open
// ones of the groups before are marked too: they get their probes, and nothing
// that they must be relied on for. found says that there is such a group.
func (s *set) fill() (found bool) {
	for at, group := range s.groups {
		for _, i := range group {
			t := s.targets[i]
			if t.Weight == 0 {
				continue
			}
			half := t.state.breaker.is(breakerHalf)
			if t.state.breaker.is(breakerOpen) || half {
				s.open = true
			}
			if t.inService() {
				s.usable[i] = true
				found = found || !half
			}
		}
		if found {
			s.backup = at > 0
			return true
		}
	}
	return false
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

// Why says in a few words why Pick chose t, for explanations.
func (u *Upstream) Why(t *Target) string {
	s := u.current()
	all := strconv.Itoa(len(s.targets))
	text := u.algorithm + ": one of " + strconv.Itoa(len(s.list)) + " usable targets of " + all
	switch {
	case s.desperate:
		text = u.algorithm + ": all " + all + " targets are down, all are tried"
	case s.backup:
		text += "; those of a lower priority are down"
	}
	if at := t.Address(); at != "" {
		text += "; at " + at
	}
	return text + "; weight " + strconv.Itoa(t.Weight) + ", " + strconv.FormatInt(t.Inflight(), 10) + " in flight"
}
