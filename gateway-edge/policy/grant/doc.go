// Package grant is what policies that take bearer tokens have in common: where the
// token stands, and what its claims grant. Scopes and claims that a caller must
// have, the claim that names the caller, claims that go to the backend as fields.
//
// Config is embedded in a policy's own configuration, Compile makes Rules of it,
// and Judge applies them to the claims of a token that was found good, once for
// each token. Apply acts on what came of it for each request, without allocation.
//
// It is a helper for policies, not a policy. Whether a token is good is not its
// matter.
package grant
