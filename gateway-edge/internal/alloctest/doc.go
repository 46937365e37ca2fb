// Package alloctest counts the allocations of a hot path's tests, so that a count
// above zero is always the path's own.
//
// It is for tests alone: no package of the product may import it.
package alloctest
