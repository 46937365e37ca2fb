// Package redistest starts a redis-server of a test's own, on a socket in a
// temporary directory, so that the test may empty, kill and restart it. It needs
// the program redis-server on the PATH and fails the test without it.
package redistest
