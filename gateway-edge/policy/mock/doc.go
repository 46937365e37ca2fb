// Package mock is the policy "mock": it answers by itself with a fixed answer.
//
// It runs after authentication and limits, so that a mocked route behaves as the
// real one will. The answer is the edge's own: never sent on, never billed.
package mock
