// Package clock is the edge's clock: CLOCK_BOOTTIME and the time of day without
// a system call for each reading.
//
// Both are the runtime's monotonic clock plus an offset that Refresh measures
// again; the engine's sweeper calls it ten times a second. After a suspended or
// paused machine the readings are therefore late by 100 ms at most, and never go
// back by themselves.
package clock
