// Package respcache keeps responses in memory for the policy "cache": bytes under
// keys, with budgets. What may be stored and for how long is the policy's to know.
//
// Each gateway has maps of its own, so that no key of one tenant can ever find
// what another stored. An organization has a budget over all its gateways, the
// edge has one over all organizations. Over the first, the organization's own
// items go; over the second, those of the organization that holds most: who fills
// the cache never pushes out who uses little of it.
//
// Items go by SIEVE (Zhang et al., NSDI '24): a queue in order of arrival and a
// hand that walks from the oldest, spares what served since it last passed, and
// takes the first that did not. A hit sets one bit and moves nothing, so that
// lookups take a read lock of one of many shards and no other.
//
// It must not know HTTP, sockets or Redis. Items come by Put and leave by
// eviction, by Purge and Invalidate, or when Run finds them past their use.
package respcache
