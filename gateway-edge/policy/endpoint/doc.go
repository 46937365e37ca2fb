// Package endpoint checks what policies' configurations say of the services that
// they ask: addresses that begin with https, references to secrets, texts that may
// stand in header fields.
//
// It is a helper for policies, not a policy. It opens nothing: whether an address
// may be reached is the guard's to say, behind policy.Fetch.
package endpoint
