// Package caller is what policies that know a caller by an issuer and a subject
// have in common: the principal of a credential, and the consumer of the gateway
// that owns its identity, found by policy.Identities, kept, and asked for again.
//
// A Known hangs on a verdict that its policy keeps. What is known of the consumer
// changes while the verdict stands: an identity that is given, moved or taken away
// shows with the next request.
//
// It is a helper for policies, not a policy; it makes no request of its own.
package caller
