// Package signin speaks to sign-in providers: OpenID Connect (authorization code
// with PKCE S256, state, nonce, RFC 9207's iss) and GitHub (OAuth 2.0 with PKCE
// and state, addresses by its API).
//
// A Flow is what a browser was sent out with; the caller seals it into a cookie
// and gives it back with what the provider answered. What comes out is a
// tenant.External: who the provider says it is. Whether that is somebody here is
// the tenant domain's business.
//
// Nothing that a provider says is shown to anybody: errors of this package name
// what did not fit in words of its own.
package signin
