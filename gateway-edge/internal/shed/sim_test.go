package shed

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// caller is one organization of a simulation: an open loop of requests.
type caller struct {
	name     string
	cost     time.Duration // of a request that is served
	rate     func(at time.Duration) float64
	tenant   *Tenant
	refused  int
	served   int
	waits    []time.Duration // of all, for a processor
	lastShed time.Duration
}

// sim is an edge in simulated time: requests wait in one line for the first of some
// processors, and are refused or served when they get it.
type sim struct {
	g        *Guard
	procs    int
	refusal  time.Duration // what a refusal costs
	busy     time.Duration // time that processors worked, or will have
	sensed   time.Duration // of it, what the last step has seen
	switches int           // times that the overload began
	onAt     []time.Duration
}

func newSim(procs int) *sim {
	s := &sim{g: New(Config{MaxOpen: 1 << 40, MaxConns: 1 << 40, Logger: slog.New(slog.DiscardHandler)}), procs: procs, refusal: 15 * time.Microsecond}
	s.g.all = 1e9 * float64(procs)
	return s
}

type arrival struct {
	at time.Duration
	of *caller
}

type ending struct {
	at time.Duration
	of *caller
}

// run lets the callers ask for d of simulated time.
func (s *sim) run(r *rand.Rand, d time.Duration, callers ...*caller) {
	var in []arrival
	for _, c := range callers {
		if c.tenant == nil {
			c.tenant = new(Tenant)
		}
		for at := time.Duration(0); at < d; {
			rate := c.rate(at)
			if rate <= 0 {
				at += time.Millisecond
				continue
			}
			at += time.Duration(r.ExpFloat64() / rate * float64(time.Second))
			in = append(in, arrival{at, c})
		}
	}
	slices.SortFunc(in, func(a, b arrival) int { return int(a.at - b.at) })
	free := make([]time.Duration, s.procs)
	var ends []ending
	var waits []time.Duration
	tick, last := step, time.Duration(0)
	settle := func(now time.Duration) {
		ends = slices.DeleteFunc(ends, func(e ending) bool {
			if e.at > now {
				return false
			}
			s.g.Leave(e.of.tenant)
			return true
		})
	}
	for i, a := range in {
		slices.Sort(free)
		start := max(a.at, free[0])
		for ; tick <= start; tick += step {
			settle(tick)
			s.sense(tick-last, tick, waits, in, i)
			waits, last = waits[:0], tick
		}
		settle(start)
		wait := start - a.at
		waits = append(waits, wait)
		a.of.waits = append(a.of.waits, wait)
		cost := a.of.cost
		if s.g.Enter(a.of.tenant, int64(start)+int64(time.Hour), int64(cost)) == Admitted {
			a.of.served++
			ends = append(ends, ending{start + cost, a.of})
		} else {
			a.of.refused++
			a.of.lastShed = start
			cost = s.refusal
		}
		free[0] = start + cost
		s.busy += cost
	}
	settle(time.Duration(1 << 62))
}

// sense takes a step at t; in[from:] has not been started.
func (s *sim) sense(took, t time.Duration, waits []time.Duration, in []arrival, from int) {
	queue := sort.Search(len(in)-from, func(i int) bool { return in[from+i].at > t })
	r := Reading{Delay: -1, Queue: float64(queue) / float64(s.procs)}
	r.Busy = min(1, float64(s.busy-s.sensed)/float64(took)/float64(s.procs))
	s.sensed = s.busy
	if len(waits) > 0 {
		slices.Sort(waits)
		r.Delay = waits[len(waits)*9/10]
	}
	was := s.g.stats.Overloaded
	s.g.step(took, r)
	if s.g.stats.Overloaded && !was {
		s.switches++
		s.onAt = append(s.onAt, t)
	}
}

// always is a constant rate.
func always(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

// between is a rate in a part of the time, and before otherwise.
func between(from, to time.Duration, rate, otherwise float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		if at >= from && at < to {
			return rate
		}
		return otherwise
	}
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}
