// Package oidclogin is the policy "oidc_login": people sign in with their browser at
// an OpenID Connect provider, and the gateway keeps them signed in.
//
// A request without a session that is a page being opened is sent to the provider
// (begin.go): authorization code with PKCE, state and nonce, all three held in a
// sealed cookie of this browser until the provider sends it back (callback.go). The
// session that comes of it is one sealed cookie, in pieces when it is large: the ID
// token, the refresh token, and the access token where the backend is to have it
// (session.go, seal.go, cookies.go). Nothing is kept at the gateway, so that every
// edge knows every session; what one edge opened before is remembered by a hash, and
// that is the hot path, without lock or allocation. Tokens are renewed ahead of their
// end, once for all requests that carry the session (renew.go). Who calls is judged
// from the ID token's claims by package grant, as jwt does.
//
// A cookie is good for one organization, gateway, issuer and client only: they are
// part of what its seal covers. Browsers are sent to the provider and to paths of
// this host, nowhere else. No token and no cookie stands in an error, a trace or a
// log. The provider is asked through policy.Fetch only, and only in Await.
package oidclogin
