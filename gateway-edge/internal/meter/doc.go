// Package meter counts what passed: one cumulative counter for each
// (organization, gateway, route, consumer, key, plan, hour), latency and status
// codes for each (gateway, route, hour), and for each of those what every target
// answered and how often the edge itself refused with each code.
//
// Counters live in memory-mapped, preallocated files, so that a count costs a few
// atomic additions (no system call, no allocation, no shared lock) and survives
// SIGKILL. A twin file, written with fdatasync every 100 ms, bounds what a power
// failure of the host can take. Every second the counters that moved are shipped
// as totals, never as differences, to the usage stream, and a counter stays
// dirty until the database (not Redis) has acknowledged it: duplicates, losses
// and reordering on the way change nothing. Files of former epochs found at the
// start are shipped in the same way until they are acknowledged.
//
// The package never refuses a request: a full disk, a dead Redis or a full file
// only narrows what a crash may lose, and Stats says so. It decides neither what
// is billable nor who the caller is; the engine does.
package meter
