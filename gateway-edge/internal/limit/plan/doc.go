// Package plan is the implicit first step of phase limit on every route: the
// organization's own limits (its subscription's), then those of the consumer's
// usage plan, in whose place the limits of the caller's key stand kind by kind. A request debits all of them or none.
//
// It is a policy.Policy like any other, but nobody configures it: the edge puts
// it into every chain. It knows the counters of package limit and no Redis.
package plan
