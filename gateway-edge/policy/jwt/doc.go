// Package jwt is the policy "jwt": a request must carry a token that an OpenID
// Connect provider has signed.
//
// The way of a token. OnRequest looks it up, by a SHA-256 over the policy's
// configuration and the whole token, among those verified before: that is the
// hot path, without lock or allocation. Anything else goes on in Await: the token
// is decoded strictly, its claims are judged (claims.go), its key is found by kid in
// the issuer's key set and verifies it (package provider), and the verdict is kept until the token expires or its key dies (verdict.go).
//
// What an issuer's keys are is learned through policy.Fetch only, which guards
// against private addresses, and only in Await: the discovery document, then the
// JWKS. Keys and verdicts hang on policy.Deps.State, by issuer and inside one
// organization, so that a new version of the configuration starts warm and no
// tenant sees another's. While the provider is away the last good keys serve for
// 24 hours.
//
// The package reads no network, no clock of its own and no file.
package jwt
