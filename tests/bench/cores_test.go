package bench

import (
	"os"
	"runtime"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// apart gives the candidates a core of their own, as an operator would: nginx's
// worker_cpu_affinity, HAProxy's cpu-map. Everything that this process starts from
// now on (clients, origin, Redis, PostgreSQL, the control plane) shares the other
// cores, so that no candidate pays for a neighbour that took its cache. On one
// core nothing is moved.
func apart(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		return
	}
	var others []int
	for i := 1; i < runtime.NumCPU(); i++ {
		others = append(others, i)
	}
	harness.Settle(t, os.Getpid(), others...)
}

// alone moves a candidate to the first core.
func (c candidate) alone(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		return
	}
	for _, pid := range c.pids {
		harness.Settle(t, pid, 0)
	}
}
