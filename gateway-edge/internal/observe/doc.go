// Package observe is how an edge is seen from outside: its access log, its
// metrics and its answers to explain questions.
//
// The access log never blocks and never grows: a record is encoded as JSON into
// a pooled buffer on the request's own goroutine, without allocating, then
// copied into a bounded buffer that a loop empties; what finds no room is
// counted and dropped, served requests before refused and failed ones. Text that
// comes from clients is capped, escaped and cleared of credentials here, so that
// no caller can forget it: a key appears as its kid only.
//
// Metrics carry no label whose values a tenant or a client chooses.
//
// The explain loop takes signed questions from Redis and gives them to the
// engine's own function, so that what it says is what would happen.
package observe
