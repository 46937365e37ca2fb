// Package shed keeps an edge that has more work than it can do from failing all
// its tenants, or failing at all: it says early which requests are refused, and
// refuses those of organizations that use more than their share first.
//
// A Guard senses distress by what a request would notice: how long goroutines wait
// for a processor while more of them are ready than processors, and how much of the
// memory limit the collector can't free. Its loop turns that into what the hot path
// reads: a pace for each organization that wants more than its share of the
// processors, and a bound on the requests that any organization may have open. An
// organization within its share meets neither. Hard bounds on an organization's open
// requests and connections hold at all times.
//
// The hot path (Enter, Leave, Charge) takes no lock, allocates nothing and touches
// the organization's own counters only. Nothing here knows HTTP, sockets or the
// clock: time comes with each call.
//
// The control follows CoDel (RFC 8289) in what it looks at, a queue that stands
// rather than one that passes, and max-min fairness (Bertsekas and Gallager, Data
// Networks, 6.5.2) in how it shares.
package shed
