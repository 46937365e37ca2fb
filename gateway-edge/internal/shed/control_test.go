package shed

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// seeds is how many seeds a simulation is run with: it is one goroutine, in which the
// race detector has little to find and much to slow down.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return min(n, 2)
	}
	return n
}

// TestHeavyAndLight lets one organization ask for ten times what the processors can
// do beside light ones: none of theirs is refused, their waits stay short but for the
// beginning, and what can be done is.
func TestHeavyAndLight(t *testing.T) {
	t.Parallel()
	for seed := range seeds(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		procs := 1 + int(seed%4)
		cost := time.Duration(50+r.IntN(900)) * time.Microsecond
		capacity := float64(procs) / cost.Seconds()
		s := newSim(procs)
		heavy := &caller{name: "heavy", cost: cost, rate: between(2*time.Second, 12*time.Second, min(10*capacity, 20_000*float64(procs)), 0)}
		all := []*caller{heavy}
		for i := range 1 + r.IntN(10) {
			all = append(all, &caller{name: fmt.Sprint("light ", i), cost: 40 * time.Microsecond, rate: always(200)})
		}
		s.run(r, 16*time.Second, all...)
		for _, c := range all[1:] {
			if c.refused > 0 {
				t.Errorf("seed %d: %s: %d refused of %d", seed, c.name, c.refused, c.refused+c.served)
			}
			if p := quantile(c.waits, 0.99); p > 8*time.Millisecond {
				t.Errorf("seed %d: %s: p99 of the wait is %v", seed, c.name, p)
			}
		}
		did := (float64(heavy.served)*cost.Seconds() + float64(heavy.refused)*s.refusal.Seconds()) / (10 * float64(procs))
		t.Logf("seed %d: %d processors, %v: heavy served %d refused %d, uses %.2f; light p99 %v p50 %v; began %d times, first at %v, ended %v",
			seed, procs, cost, heavy.served, heavy.refused, did, quantile(all[1].waits, 0.99), quantile(all[1].waits, 0.5), s.switches, s.onAt, s.g.stats.Overloaded)
		if did < 0.5 {
			t.Errorf("seed %d: the processors are used for %.2f", seed, did)
		}
		if s.switches != 1 || s.g.stats.Overloaded {
			t.Errorf("seed %d: the overload began %d times, and lasts: %v", seed, s.switches, s.g.stats.Overloaded)
		}
	}
}

// TestEqualsShareEqually gives twenty organizations twice what can be done in all:
// each gets the same (Jain's index, R. Jain et al. 1984).
func TestEqualsShareEqually(t *testing.T) {
	t.Parallel()
	for seed := range seeds(5) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := newSim(2)
		var all []*caller
		for i := range 20 {
			cost := time.Duration(100+100*(i%4)) * time.Microsecond
			all = append(all, &caller{cost: cost, rate: always(2 * 2 / 20.0 / cost.Seconds())})
		}
		s.run(r, 10*time.Second, all...)
		sum, squares, refused := 0.0, 0.0, 0.0
		for _, c := range all {
			x := float64(c.served) * c.cost.Seconds()
			sum += x
			squares += x * x
			refused += float64(c.refused) * s.refusal.Seconds()
		}
		jain := sum * sum / (20 * squares)
		text := fmt.Sprintf("seed %d: Jain's index %.4f, served %.2f and refused %.2f of 2 processors' time", seed, jain, sum/10, refused/10)
		t.Log(text)
		if jain < 0.95 || sum+refused < 0.65*2*10 {
			t.Error(text)
		}
	}
}

// TestNothingIsRefusedBelowCapacity: seven tenths of what can be done, and a
// fiftieth of each second one and three quarters of it, are no overload.
func TestNothingIsRefusedBelowCapacity(t *testing.T) {
	t.Parallel()
	for seed := range seeds(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := newSim(1 + int(seed%3))
		cost := 100 * time.Microsecond
		a := &caller{cost: cost, rate: always(0.7 * float64(s.procs) / cost.Seconds())}
		b := &caller{cost: cost, rate: func(at time.Duration) float64 {
			if at%time.Second < 20*time.Millisecond {
				return float64(s.procs) / cost.Seconds()
			}
			return 100
		}}
		s.run(r, 10*time.Second, a, b)
		if s.switches > 0 || a.refused+b.refused > 0 {
			t.Errorf("seed %d: the overload began %d times, %d and %d were refused", seed, s.switches, a.refused, b.refused)
		}
	}
}

// TestStarvedIsNotOverloaded: an edge that is given processors late, with nothing
// queued behind, refuses nobody.
func TestStarvedIsNotOverloaded(t *testing.T) {
	t.Parallel()
	var c control
	for range 1000 {
		c.update(Reading{Delay: 20 * time.Millisecond, Queue: 1, Busy: 1}, 1e9, 1e9, 1e9, shared)
	}
	if c.on {
		t.Error("an edge without a queue is taken for overloaded")
	}
	for range starved - 1 {
		c.update(Reading{Delay: 20 * time.Millisecond, Queue: 10, Busy: 0.5}, 1e9, 1e9, 1e9, shared)
	}
	if c.on {
		t.Error("an edge that was stopped for a moment is taken for overloaded")
	}
	if c.update(Reading{Delay: 20 * time.Millisecond, Queue: 10, Busy: 0.5}, 1e9, 1e9, 1e9, shared); !c.on {
		t.Error("an edge whose processors were taken away for good is not taken for overloaded")
	}
}

// TestStep goes from 200 to 2,000 requests a second on an edge that can do 1,600, and
// compares what is served with a steady load of 2,000.
func TestStep(t *testing.T) {
	t.Parallel()
	cost := 625 * time.Microsecond
	served := func(rate func(time.Duration) float64) int {
		s := newSim(1)
		c := &caller{cost: cost, rate: rate}
		s.run(rand.New(rand.NewPCG(1, 4)), 10*time.Second, c)
		return c.served
	}
	steady := served(always(2000))
	stepped := served(func(at time.Duration) float64 {
		if at < time.Second {
			return 200 + 1800*at.Seconds()
		}
		return 2000
	})
	// The ramp's own second asks for 900 less.
	t.Logf("steady %d, after a step %d", steady, stepped)
	if float64(stepped) < 0.9*float64(steady)-900 || steady < 8_000 {
		t.Errorf("steady %d, after a step %d", steady, stepped)
	}
}

// TestWaterLevel holds levelOf to what it promises, for random wants.
func TestWaterLevel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 5))
	for range 2000 {
		wants := make([]float64, 1+r.IntN(30))
		sum := 0.0
		for i := range wants {
			wants[i] = r.ExpFloat64() * 100
			sum += wants[i]
		}
		total := sum * 1.2 * r.Float64()
		level, short := levelOf(wants, total)
		if short != (sum > total) && max(sum, total)-min(sum, total) > 1e-6 {
			t.Fatalf("short %v of %v for %v", short, total, sum)
		}
		if !short {
			continue
		}
		got := 0.0
		for _, w := range wants {
			got += min(w, level)
		}
		if got < total*(1-1e-9) || got > total*(1+1e-9) {
			t.Fatalf("level %v gives %v of %v", level, got, total)
		}
	}
}

// TestSoleTenantWaits: an organization that has the edge to itself uses up the
// processors and is not refused; where a second one comes, the same line is an
// overload.
func TestSoleTenantWaits(t *testing.T) {
	t.Parallel()
	line := Reading{Delay: 50 * time.Millisecond, Queue: 60, Busy: 1}
	var c control
	for range 500 {
		if c.update(line, 1e9, 1e9, 1e9, sole); c.on {
			t.Fatal("a line of its own callers is taken for an overload")
		}
	}
	for range 2 * standing {
		c.update(line, 1e9, 1e9, 1e9, shared)
	}
	if !c.on {
		t.Error("a line that another organization waits in is none")
	}
}
