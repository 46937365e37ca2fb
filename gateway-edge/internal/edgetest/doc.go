// Package edgetest stands in for the control plane and Redis in the edge's tests:
// a redis-server child of the test on a socket of its own, and a Publisher that
// writes what the real one would, in the same order: document, index, notice,
// head. It can also do what no publisher does (forge, replay, skip, lose), so that
// a test can see the edge refuse it.
package edgetest
