// Package acme gets the certificates of custom domains from an ACME authority
// (RFC 8555) and renews them.
//
// Several workers may run it. An order is claimed in the database for a time, so
// that one worker makes it, and certmagic's lock, in the database too, is the
// second guard. Accounts, keys, orders under way and certificates are kept by
// certmagic's storage, encrypted with a key of the control plane's own. An order
// that a worker left is gone on with by the next one, not made again.
//
// The edges answer the challenges: what they answer goes through Redis, encrypted
// for them, and is looked up when the authority asks. A domain whose order fails
// waits longer each time, and takes a place only while no other one wants it.
//
// The domains belong to the gateways; this package asks for what is due and says
// what came of it.
package acme
