package clock

import "golang.org/x/sys/unix"

// boottime reads CLOCK_BOOTTIME, which goes on while the machine is suspended.
func boottime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return t.Nano()
}
