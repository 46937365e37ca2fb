// Package relay sends one HTTP request through an edge for somebody who is signed
// in at the portal: the "send a test request" panel and the console of developer
// portals.
//
// It can reach one address only, that of the configured edge: the dialler ignores
// every other name, redirects are answered and never followed, no proxy is asked.
// The Host is the gateway's, set by the caller of this package from what the
// database says, never from the request. Header fields that frame a message,
// name a host or claim an origin are refused.
//
// What passes through is never logged or kept: it may hold API keys.
package relay
