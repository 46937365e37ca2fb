// Package arch holds the architecture as tests: which room may import which,
// with the reason for each ban. It reads the import graph from the go command
// and imports nothing of the product.
package arch
