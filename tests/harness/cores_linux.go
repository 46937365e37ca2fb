package harness

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Settle moves all threads of a process to the given cores; those that it makes
// later follow, as do its children.
func Settle(t testing.TB, pid int, cores ...int) {
	t.Helper()
	var to unix.CPUSet
	for _, c := range cores {
		to.Set(c)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("the threads of process %d can't be listed: %v", pid, err)
	}
	for _, f := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(f))
		if err := unix.SchedSetaffinity(tid, &to); err != nil && err != unix.ESRCH {
			t.Fatalf("process %d can't be moved to other cores: %v", pid, err)
		}
	}
}
