// Package usage answers what passed through a gateway: time series of requests,
// errors, bytes and latency from the ledger, access logs, kept decisions of
// single requests, and explain questions asked of a live edge. It also folds the
// batches that edges ship into the ledger (Batch, Ledger), which invoices and
// restored quotas are made from.
//
// The ledger holds totals by (edge, epoch, incarnation, counter, hour); the
// greater total wins, so that a batch that comes twice, late or out of order
// changes nothing. What a total grew by is added to the minute in which it
// arrived, in the same transaction: minutes sum to their hour by construction.
//
// Every question is bound to the organization that asks. Ranges, groups and
// page sizes are capped; input that breaks a bound is an error that names the
// field. The package knows neither GORM nor Redis: see Store and Asker.
package usage
