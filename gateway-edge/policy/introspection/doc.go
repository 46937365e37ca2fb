// Package introspection is the policy "introspection": a request must carry a
// bearer token that an authorization server says is active (RFC 7662).
//
// OnRequest looks the token up, by a SHA-256 over the policy's configuration and
// the token, among those that were asked about before: that is the hot path,
// without lock or allocation. Anything else goes on in Await: the server is asked
// once for all requests with the token, through policy.Fetch, and its answer is
// kept, for an active token until it expires or the configured time is over, for
// another one for a short time. A token itself is never kept.
//
// When the server can't be asked, a token that is not known is refused with 503.
package introspection
