package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
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
	var others unix.CPUSet
	for i := 1; i < runtime.NumCPU(); i++ {
		others.Set(i)
	}
	settle(t, os.Getpid(), &others)
}

// alone moves a candidate to the first core.
func (c candidate) alone(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		return
	}
	var first unix.CPUSet
	first.Set(0)
	for _, pid := range c.pids {
		settle(t, pid, &first)
	}
}

// settle moves all threads of a process; those that it makes later follow.
func settle(t *testing.T, pid int, to *unix.CPUSet) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("the threads of process %d can't be listed: %v", pid, err)
	}
	for _, f := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(f))
		if err := unix.SchedSetaffinity(tid, to); err != nil && err != unix.ESRCH {
			t.Fatalf("process %d can't be moved to other cores: %v", pid, err)
		}
	}
}
