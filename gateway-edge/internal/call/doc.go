// Package call makes whole requests to upstreams on behalf of policies: parts of
// an aggregate, refreshes of a cache, mirrored requests. A request goes the way
// that the engine's own take (package balance chooses the target and hears how it
// went, package transport has the connections and the SSRF guard), but answer and
// body are held in memory, within bounds, and nothing is streamed.
//
// To upstreams that speak HTTP/1.1 it opens WebSockets too, one message of which is
// held at a time.
//
// It knows no exchange: what is sent is what a policy.CallRequest says.
package call
