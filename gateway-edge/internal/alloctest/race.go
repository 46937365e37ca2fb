//go:build race

package alloctest

// Raced says that the race detector watches this process.
const Raced = true
