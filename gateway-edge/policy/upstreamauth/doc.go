// Package upstreamauth is the policy "upstream_auth": a request goes to the backend
// with a credential of the gateway's own, in the place of the caller's.
//
// It writes the Authorization field from the gateway's secrets: Basic, a bearer
// token, a token that an authorization server gives for client credentials
// (token.go: kept, fetched again ahead of its end by one request while the others
// go on, RFC 6749 4.4), or a signature for AWS over the request as it is sent on
// (sigv4.go, which needs the whole body). Neither a secret nor a token stands in a
// trace, an error or a log.
//
// The server is asked through policy.Fetch only, and only in Await. What it gave
// hangs on policy.Deps.State under a hash of the configuration and the secret.
package upstreamauth
