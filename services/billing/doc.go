// Package billing is the money: which plan an organization pays for, what it was
// billed, and how that follows from the ledger of usage.
//
// The truth is the database. The Ledger keeps what an organization was billed in
// each hour on each plan, summed from the usage counters, closed when every edge
// that wrote in it has closed it, and then noted in the organization's chain of
// hashes (Entry), again at each later rise. Totals only rise; an hour belongs to
// the billing period that holds its start, and is billed at the plan that it was
// served on. Amounts are computed with exact rationals (Price) and never wrap.
//
// The payment provider (Stripe) is a projection of that behind the Provider interface.
// What it says comes in by hints: a webhook, a look each hour, or somebody who asks
// mark a customer, and the worker fetches the customer's state and applies all of it
// in one transaction. So neither order nor loss nor repetition of hints can matter.
// What the provider was told of the ledger goes out by the Poster; the Comparer looks
// whether it counts that too, and the Settler bills or gives back what an invoice did
// not have. Without a provider the package works too: plans, limits and reconciliation
// are there, payment is not.
//
// The package opens nothing: rows are a Store's and a HourStore's, the network is a
// Provider's, mails are written by others from Notices. Money is whole cents,
// counts are whole numbers, times are UTC and intervals half-open.
package billing
