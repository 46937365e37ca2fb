// Package deprecation is the policy deprecation: it tells callers of a route that
// it is old, since or from when, and when it will be gone (RFC 9745, RFC 8594).
package deprecation
