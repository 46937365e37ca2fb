//go:build !linux

package clock

import "time"

var start = time.Now()

// boottime is the monotonic clock where there is no CLOCK_BOOTTIME.
func boottime() int64 { return int64(time.Since(start)) + 1 }
