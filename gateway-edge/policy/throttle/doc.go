// Package throttle holds back clients that fail: guesses at credentials, and
// invented tokens that each would cost a question to a server.
//
// Failures are counted by the client's address (IPv6: by /64) in windows of ten
// seconds, in a table of a fixed size without a lock: two addresses that meet in a
// place take turns there, so that a flood of addresses holds nobody back who did
// not fail. Only what was not known to be good is held back.
//
// It is a helper for policies, not a policy.
package throttle
