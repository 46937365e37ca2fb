//go:build !linux

package engine

import "time"

// threadTime is the time that passes, where a thread's own is not at hand.
func threadTime() (thread int, ns int64) { return 0, int64(time.Since(processStart)) + 1 }

var processStart = time.Now()
