package alloctest

import "testing"

// PerRun is how many allocations a call of f makes, averaged over runs calls: the
// least of five measurements, for what other goroutines of the process allocate
// meanwhile, and the pools that a collection empties, are not f's. Under the race
// detector it calls f and answers 0: there a sync.Pool forgets at random.
func PerRun(runs int, f func()) float64 {
	if Raced {
		f()
		return 0
	}
	least := testing.AllocsPerRun(runs, f)
	for i := 1; i < 5 && least > 0; i++ {
		least = min(least, testing.AllocsPerRun(runs, f))
	}
	return least
}
