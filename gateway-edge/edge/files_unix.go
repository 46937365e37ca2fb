//go:build unix

package edge

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// maxFiles is the number of files that the process may open, 0 where there is no
// bound that matters.
func maxFiles() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur <= 0 || uint64(files.Cur) >= 1<<30 {
		return 0
	}
	return int(files.Cur)
}

// processorTime is what the process has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentBytes is the memory that the process has, 0 where the system does not say
// (proc(5), statm).
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident uint64
	if n, _ := fmt.Sscan(string(b), &size, &resident); n != 2 {
		return 0
	}
	return resident * uint64(os.Getpagesize())
}
