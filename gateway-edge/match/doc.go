// Package match holds what the control plane and the edge must judge alike: the
// one canonical form of a host and of a path, what a query may look like, the
// syntax of a route's path, which routes conflict, and which addresses a backend
// may never have (the SSRF guard).
//
// The edge runs CanonHost, CanonPath and CheckQuery on every request; they
// allocate nothing when the input is canonical already, and append to the
// caller's buffer otherwise. Everything else runs when a configuration is
// written or compiled, or when a connection is dialled.
//
// The canonical form is used for matching, authentication, limits, cache, log
// and forwarding alike: two requests that a backend could take for the same one
// must not be two requests to us. Canonical forms are stable: the canonical form
// of a canonical form is itself.
//
// It opens no connection, resolves no name and reads no clock. Errors of the
// parsers are *Error with the byte offset and the reason; errors about a
// configuration are contract.FieldError with a JSON pointer.
package match
