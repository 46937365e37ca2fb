// Package route finds the route of a request in an immutable table that was
// built from one gateway's configuration.
//
// Build compiles package match's rules into a tree of path segments for each
// host; Match walks it and allocates nothing. Which route wins follows from the
// routes alone, never from the order in which they were declared: every route
// has a rank, and of all routes that take the request the best rank wins. A
// request that every part but the method would have matched gets the methods
// that would, for a 405 with Allow. Explain says for each route why it was not
// chosen.
//
// A table is read by any number of goroutines and never changes. The package
// knows neither sockets nor the clock.
package route
