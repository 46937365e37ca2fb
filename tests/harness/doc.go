// Package harness starts Tollgate for end-to-end tests: a throwaway Redis and
// PostgreSQL on free ports, the built binaries of the portal, the worker and any
// number of edges, and counting backends. It hands out clients of the public
// surfaces only: the management API and the edges' addresses.
//
// It must not import any module's internals, nor reach into a database or
// Redis on a test's behalf except to break them. Every process that it starts is
// ended by its own id when the test ends.
package harness
