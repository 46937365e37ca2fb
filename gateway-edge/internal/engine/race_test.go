//go:build race

package engine_test

// raceEnabled: under the race detector sync.Pool drops what it is given at
// random, so that allocations can't be counted.
const raceEnabled = true
