// Package transport makes and keeps the connections to backends: resolving,
// guarded dialling, TLS, and pools keyed by organization, upstream, address and
// TLS identity, so that no connection ever serves two tenants.
//
// HTTP/1.1 connections are raw: the engine's codec writes and reads them, and the
// pool hands them out and takes them back (Conn). HTTP/2 backends are reached
// through RoundTrip. Both dial through one Dialer, which resolves with a cache of
// its own and judges every resolved address with match.Guard; one forbidden
// address refuses the whole answer. No proxy of the environment is ever used and
// no redirect followed.
//
// Every error is an *Error with the contract.Code that the client gets.
package transport
