// Package alert watches what passes through gateways: an alert compares one
// figure of the usage ledger (share of errors, latency, use of a quota, requests), or
// the number of releases that stopped themselves,
// with a threshold and tells people by mail and webhook when it is crossed, and
// when it is over.
//
// An alert that is over its threshold for less than `for` is pending; one that
// fires ends only when its figure stayed below the clear threshold for
// `clear_for`: it never flaps. Next is that state machine, a pure function. Each
// evaluation writes the state it came to only if nobody else wrote one since it
// was read, with the event and its notices in the same transaction: a transition
// has one event and one notice a channel, whichever worker dies. A notice waits
// in a table until it was taken; a webhook that a dying worker sent twice has the
// same Tollgate-Delivery both times. Mails go to the mail queue in the
// transaction that marks their notice as sent.
//
// Figures come through Figures and Store; the package knows neither GORM nor the
// ledger. Addresses of webhooks are checked when they are written and again when
// they are dialled (Guard).
package alert
