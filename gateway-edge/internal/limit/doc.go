// Package limit keeps the edge's counters: quotas, rates and concurrency, shared
// by all edges through Redis, or local to this one.
//
// A request never asks Redis in the usual case. Quotas are spent from leases
// taken in advance, rates from a share of the bucket that is renewed in advance,
// concurrency from leased slots; only a first or a last lease, a rate under ten a
// second and a very small concurrency limit make a request wait (Cell.Wait). While
// Redis answers, what all edges together admit never exceeds the limit: a unit is
// debited in Redis before an edge may spend it, every message is absolute (claims
// and holds, never differences) and numbered, so that one that is lost, late or
// repeated changes nothing.
//
// One refiller (Limits.Run) talks to Redis for all cells: the hot path only pushes
// a cell onto its queue. What a lease has spent lives in a mapped file (package
// ledger), so that an edge that was killed gives the rest of its leases back when
// it starts again. When Redis was emptied, edges publish what they hold and only
// the worker seeds the budgets again; meanwhile they spend what they have.
//
// The package knows cells and Redis, not who spends them: it must not import the
// engine. Package plan has the implicit step of organization and usage plan
// limits.
package limit
