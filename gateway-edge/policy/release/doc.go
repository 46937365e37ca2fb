// Package release is the policy release: it sends a part of a route's requests to
// other upstreams, by a condition or by a share. A share is one of callers, not of
// requests: a caller's place is a hash of who they are, the same on every edge and
// in every version, and a share takes the places below it. So nobody who is in is
// out again when it grows.
package release
