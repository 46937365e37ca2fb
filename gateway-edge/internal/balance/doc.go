// Package balance chooses the target of an upstream for a request and keeps what
// is known of each target: whether it is healthy, ejected for failing, how many
// requests are in flight.
//
// What is configured is immutable (Upstream, Target; one set a version of the
// configuration); what is learnt outlives versions and hangs on the identity
// (organization, upstream, target URL) in a Registry. Pick takes no lock that
// requests share: it reads one immutable set of available targets, replaced
// whenever a target's state changes, and adds to one atomic counter.
//
// The package opens no connection and reads no clock of its own: package health
// checks targets and tells it, transport's pools hang on a Target as its Backend,
// and the time comes in through Config.Now.
package balance
