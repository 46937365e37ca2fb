package clock

import (
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// Clock reads times. Make one with New; it is safe for concurrent use.
type Clock struct {
	base   time.Time
	boot   atomic.Int64 // offset from the monotonic clock to CLOCK_BOOTTIME, ns
	wall   atomic.Int64 // offset from the monotonic clock to Unix time, ns
	coarse atomic.Int64 // Boot of the last Refresh
}

// New makes a clock and measures its offsets.
func New() *Clock {
	c := &Clock{base: time.Now()}
	c.Refresh()
	return c
}

// Refresh measures the offsets again.
func (c *Clock) Refresh() {
	now := time.Now()
	mono := int64(now.Sub(c.base))
	c.boot.Store(boottime() - mono)
	c.wall.Store(now.UnixNano() + int64(failpoint.Ahead()) - mono)
	c.coarse.Store(mono + c.boot.Load())
}

// Boot is CLOCK_BOOTTIME in nanoseconds.
func (c *Clock) Boot() int64 { return int64(time.Since(c.base)) + c.boot.Load() }

// Coarse is Boot as of the last Refresh: for deadlines that need not be exact.
func (c *Clock) Coarse() int64 { return c.coarse.Load() }

// Milli is the Unix time in milliseconds at a reading of Boot.
func (c *Clock) Milli(boot int64) int64 {
	return (boot - c.boot.Load() + c.wall.Load()) / 1_000_000
}

// Wall is the time of day.
func (c *Clock) Wall() time.Time { return time.UnixMilli(c.Milli(c.Boot())) }
