package engine

import "golang.org/x/sys/unix"

// threadTime is the present thread, and its processor time in ns, above 0; 0 where it
// can't be told.
func threadTime() (thread int, ns int64) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0, 0
	}
	return unix.Gettid(), t.Nano()
}
