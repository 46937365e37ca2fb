// Package provider is what policies know of an OpenID Connect provider: its
// document (Metadata), its public keys, and tokens in the one form that is accepted
// (ParseToken).
//
// What a provider publishes is learned through policy.Fetch only, which guards
// against private addresses, and only where waiting is allowed: the discovery
// document, then the JWKS. Many requests that need keys wait for one fetch; keys
// that nobody has are asked for at most once in 30 seconds; while the provider is
// away the last good keys serve for 24 hours, also those that a former process kept
// (policy.Keep). go-oidc verifies signatures, with a key that was chosen by kid and
// algorithm before.
//
// It is a helper for policies, not a policy: whether a token is good for this
// gateway is not its matter. It reads no network, no clock of its own and no file.
package provider
