// Package collector decides how much garbage may lie around before it is collected.
//
// The runtime's own answer is as much as is alive (GOGC=100). For an edge that is
// wrong at both ends: a small heap is collected several times a second under load for
// the sake of a few MiB, and the heap of many idle connections is let grow to twice
// its size over minutes. Here the garbage may be some fixed MiB, or a share of what
// is alive where that is more, so that memory settles soon and is about what the
// connections need.
//
// An operator's GOGC stands; the memory limit holds whatever is decided here. It is
// the process's setting: one Run at a time.
package collector
