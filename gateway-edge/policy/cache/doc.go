// Package cache is the policy "cache": a shared HTTP cache (RFC 9111) with
// extensions for stale answers (RFC 5861) and the field Cache-Status (RFC 9211).
//
// The package knows HTTP's rules: what may be stored, for whom, how long, and what
// must be asked again. Where bytes are kept is a policy.Cache's to know.
//
// A request goes one way through it: OnRequest makes the key and looks it up
// (handler.go); what is fresh is answered at once, without a copy and without an
// allocation. Else the request goes on, with the stored validators where there are
// some, and others for the same key wait for what comes of it (flight.go). OnResponse
// judges what came back (judge.go) and puts a filter on the body's way, which keeps
// a copy while the bytes pass (fill.go).
//
// It never stores what RFC 9111 forbids to a shared cache, nothing that sets
// cookies, and nothing of a caller for another one unless the configuration says
// that answers do not depend on callers.
package cache
