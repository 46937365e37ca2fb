// Package audit answers who changed what, when and from where, and keeps the
// memory that makes a POST safe to repeat.
//
// Lines are appended by the store in the transaction of the change itself (see
// core.Change), never by this package: a change without its line can't exist,
// nor a line without its change. Here they are only read.
//
// A request with an Idempotency-Key is remembered for 24 hours. The first audit
// line of the change carries the key, unique in the database, so that even when
// the process dies between the commit and the answer a retry finds what was
// made instead of making it twice.
package audit
