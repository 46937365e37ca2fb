//go:build !linux

package harness

import "testing"

// Settle does nothing where processes can't be bound to cores.
func Settle(testing.TB, int, ...int) {}
