// Package budget tells what is left of the limits of API keys and consumers: the
// usage plan's, in whose place a key's own stand kind by kind.
//
// Quotas are read from the budgets in Redis that the edges take their leases
// from, many at once in one round trip. What is used is what was granted less
// what edges last said they hold unspent, so it is a few seconds old at most.
// Where Redis is away, or was emptied and not yet filled again, recorded usage
// answers in its place, marked so. Rates under ten a second are kept in Redis
// too; larger ones and slots are spent at the edges, so only their size is told.
//
// The package names counters as the edges do (contract.PlanCounters) and knows
// neither rows nor Redis nor HTTP.
package budget
