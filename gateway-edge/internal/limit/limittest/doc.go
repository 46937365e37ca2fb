// Package limittest makes limits for tests of policies: without Redis, every
// counter is the edge's own.
package limittest
