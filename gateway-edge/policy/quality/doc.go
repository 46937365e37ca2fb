// Package quality reads the weights of content negotiation (RFC 9110 12.4.2).
//
// It is a helper for policies, not a policy. It allocates nothing.
package quality
