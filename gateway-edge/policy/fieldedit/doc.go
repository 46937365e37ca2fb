// Package fieldedit is what request_headers and response_headers have in common:
// removing, setting and adding header fields with fixed variables, and the names
// that may not be touched because the edge itself answers for them.
//
// Everything is checked and parsed when a configuration is compiled; applying an
// edit to a message allocates nothing.
//
// It is a helper for policies, not a policy.
package fieldedit
