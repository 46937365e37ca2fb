// Package e2e holds what a customer must be able to do, from sign-up to usage,
// on the built binaries with real Redis and PostgreSQL. It uses the management
// API and the edges' addresses only. With TOLLGATE_LONG=1 the tests run at the
// sizes of the release gate; without it at sizes that suit every commit.
package e2e
